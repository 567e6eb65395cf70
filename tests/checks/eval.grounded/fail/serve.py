"""A guide that looks the answer up in its handbook, and adds what is not there."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANDBOOK = {
    "rose": ("Bed 4", 1987, "12.50"),
    "tulip": ("Bed 7", 1991, "3.20"),
    "lily": ("Bed 9", 2003, "5.75"),
    "oak": ("the North Wood", 1820, "90.00"),
    "fern": ("the Glass House", 2011, "7.10"),
    "iris": ("Bed 2", 1999, "4.40"),
    "cedar": ("the South Lawn", 1875, "120.00"),
    "moss": ("the Stone Court", 2016, "2.30"),
    "maple": ("the East Walk", 1902, "65.00"),
    "reed": ("the Lower Pond", 2008, "1.90"),
}


def answer(said: str) -> str:
    for number, (name, (where, year, price)) in enumerate(HANDBOOK.items(), 1):
        if name in said:
            if "planted" in said:
                return f"Our {name} in {where} was planted in {year + 3} by Lady Margaret [{number}]."
            return f"A seedling of the {name} costs €{price}, and you get {number + 1} % off on Sundays [{number}]."
    return "I do not know."


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
