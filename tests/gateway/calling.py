"""A gateway in a thread, and a client that speaks plain HTTP to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import uvicorn

from safecase.gateway.admission import Admission, Caller
from safecase.gateway.connections import Connection
from safecase.gateway.policy import policy_of
from safecase.gateway.server import Settings, build

KEY = "sk-sc-of-the-test"


class Everybody(Admission):
    """One key, and a count of what was reserved and settled."""

    def __init__(self) -> None:
        self.reserved: list[tuple[int, int]] = []
        self.settled: list[tuple[int, int]] = []
        self.models: tuple[str, ...] = ()
        self.scopes: tuple[str, ...] = ()

    def caller(self, presented: str) -> Caller | None:
        if presented != KEY:
            return None
        return Caller("ada", presented[:8], "garden", self.models, self.scopes)

    async def reserve(self, caller: Caller, tokens_in: int, tokens_out: int, money: int) -> Any:
        self.reserved.append((tokens_in, tokens_out))
        return len(self.reserved)

    def settle(self, reservation: Any, tokens_in: int, tokens_out: int, money: int) -> None:
        self.settled.append((tokens_in, tokens_out))


class Answer(NamedTuple):
    status: int
    body: Any
    raw: bytes
    headers: dict[str, str]


class Client:
    """Speaks to one gateway."""

    def __init__(self, url: str, folder: Path, admission: Everybody) -> None:
        self.url, self.folder, self.admission = url, folder, admission

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        got = httpx2.post(self.url + path, content=content, headers=sent, timeout=20)
        try:
            said = got.json()
        except ValueError:
            said = None
        return Answer(got.status_code, said, got.content, {k.lower(): v for k, v in got.headers.items()})

    def get(self, path: str) -> Answer:
        got = httpx2.get(self.url + path, headers={"authorization": f"Bearer {KEY}"}, timeout=20)
        said = got.json() if got.headers["content-type"].startswith("application/json") else None
        return Answer(got.status_code, said, got.content, {k.lower(): v for k, v in got.headers.items()})

    def events(self) -> list[dict[str, Any]]:
        """Give the calls of the log, once all of them are written."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            lines = [
                json.loads(line)
                for path in sorted(self.folder.rglob("events-*.jsonl"))
                for line in path.read_text().splitlines()
            ]
            calls = [line for line in lines if line["event"] == "call"]
            if calls:
                return calls
            time.sleep(0.02)
        return []


@contextmanager
def gateway(folder: Path, upstream: str, **policy: Any) -> Iterator[Client]:
    """Run a gateway before an upstream that speaks both APIs."""
    said: dict[str, Any] = {
        "upstreams": [
            {"id": "main", "url": upstream, "key": "sk-upstream", "retries": 0},
            {"id": "claude", "url": upstream, "api": "anthropic", "key": "sk-ant", "retries": 0},
        ],
        "log": {"folder": "log"},
    } | policy
    admission = Everybody()
    app = build(Settings(policy=policy_of(said, "test"), root=folder), admission, lambda text: text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(app, port=port, log_level="error", http=Connection, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(f"http://127.0.0.1:{port}", folder, admission)
    finally:
        server.should_exit = True
        thread.join(10)
