"""A proxy before a hub of models: what is fetched is verified and scanned before anybody gets a byte of it."""
