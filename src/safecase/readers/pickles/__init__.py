"""Pickles of strangers, followed opcode by opcode on an abstract machine and never loaded."""
