"""The proxy before MCP servers: definitions that stay as they were approved, calls that policy allows, and a log.

messages     JSON-RPC 2.0 messages of strangers: read in one way, or not at all
lock         `mcp.lock.json`: the definitions that somebody approved, and what was seen since
definitions  which definitions a client may see, held against the lock
texts        what is said in arguments and answers: detectors on every text of a message
filter       one connection: each message passes, changed or not, or is answered with an error; no I/O
stdio, http  the two ways in which messages come
"""
