"""The gateway that every call of an AI service passes: keys and limits, guards both ways, and a log of what they did.

apis/       where the texts stand in each API's requests, answers and streams, and how it tells errors
guards/     what looks at the texts; the pipeline runs them all the same way, streaming or not
app.py      one request from the client's bytes to the client's bytes
"""
