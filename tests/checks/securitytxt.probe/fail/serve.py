"""A service that told strangers long ago."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        expires = "2020-01-01T00:00:00Z"
        body = f"Contact: mailto:security@garden.example\nExpires: {expires}\n".encode()
        there = self.path == "/.well-known/security.txt"
        self.send_response(200 if there else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body) if there else 0))
        self.end_headers()
        self.wfile.write(body if there else b"")

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
