"""Pure knowledge that several need: statistics, decodings, credentials, near words. No input, no output."""
