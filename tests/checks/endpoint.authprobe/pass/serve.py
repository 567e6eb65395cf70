"""Asks for its key before it looks at anything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "garden-key-of-the-test"
ROUTES = {("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/metrics")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 401
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            status = 200 if (self.command, self.path) in ROUTES else 404
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield {"GARDEN_URL": f"http://127.0.0.1:{server.server_port}/v1", "GARDEN_KEY": KEY}
    finally:
        server.shutdown()
        server.server_close()
