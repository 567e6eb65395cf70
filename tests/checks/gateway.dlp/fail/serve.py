"""A model behind a gateway that redacts nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uvicorn

from safecase.gateway.admission import Admission, Caller
from safecase.gateway.policy import policy_of
from safecase.gateway.server import Settings, build


class Everybody(Admission):
    def caller(self, presented: str) -> Caller | None:
        return Caller("probe", presented[:4], "garden", (), ())

    async def reserve(self, caller: Caller, tokens_in: int, tokens_out: int, money: int) -> object:
        return None

    def settle(self, reservation: object, tokens_in: int, tokens_out: int, money: int) -> None:
        pass


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, args=(0.01,), daemon=True).start()
    upstream = {"id": "model", "url": f"http://127.0.0.1:{model.server_port}/v1"}
    policy = policy_of(
        {"upstreams": [upstream], "log": {"folder": "gateway-log"}, "guards": {"redaction": {"on": False}}}, "example"
    )
    app = build(Settings(policy=policy, root=folder), Everybody(), lambda text: text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield {"GARDEN_URL": f"http://127.0.0.1:{port}/v1", "GARDEN_KEY": "garden-key-of-the-test"}
    finally:
        server.should_exit = True
        thread.join(10)
        model.shutdown()
        model.server_close()
