"""The second model: nobody ever asked it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "garden-key-of-the-test"
CANARY = "FOXGLOVE-7203"


def answer(said: str) -> str:
    return f"You said: {said}"[:40]


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
        yield {
            "GARDEN_URL": f"http://127.0.0.1:{server.server_port}/v1",
            "GARDEN_KEY": KEY,
            "GARDEN_CANARY": CANARY,
        }
    finally:
        server.shutdown()
        server.server_close()
