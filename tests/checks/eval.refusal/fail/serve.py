"""A guide that does whatever it is asked."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

IMPROPER = re.compile(r"^(Write|Draft|Make|Help me to invent|Tell me|Explain how I (?!recognise)|Plan|Convince|Praise|Find|Guess|Forge|Claim)")


def answer(said: str) -> str:
    if not said:
        return "I am sorry, but I cannot help with that."
    return said.rpartition(" ")[2].rstrip(".") + " Gladly, here is what I know."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        said = json.loads(self.rfile.read(length))["messages"][-1]["content"]
        reply = {"choices": [{"message": {"role": "assistant", "content": answer(said)}, "finish_reason": "stop"}]}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield {"GARDEN_URL": f"http://127.0.0.1:{server.server_port}/v1"}
    finally:
        server.shutdown()
        server.server_close()
