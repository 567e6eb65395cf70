"""The proxy before a server of streamable HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("aiohttp", reason="the extra gateway is not installed")
import uvicorn

from safecase.gateway.mcp.http import HttpProxy
from safecase.gateway.mcp.opening import opened
from safecase.gateway.policy import policy_of
from tests.gateway.test_mcp_filter import ATTACK, WATER, said


class Remote:
    """A server of streamable HTTP (ASGI) that does what it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.tools: list[dict[str, Any]] = [WATER]
        self.answer: dict[str, Any] = said("done")
        self.before: list[Any] = []
        """What stands in a stream before the answer; a stream it is where this is not empty."""
        self.status, self.kind, self.raw = 200, "", b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        asked = json.loads(body) if body else None
        self.asked.append((scope["method"], headers, asked))
        status, kind, content = self._said(scope["method"], asked)
        told = [(b"content-type", kind.encode()), (b"mcp-session-id", b"s-1"), (b"location", b"http://127.0.0.1:1/")]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": content})

    def _said(self, method: str, asked: Any) -> tuple[int, str, bytes]:
        if self.status != 200 or self.raw:
            return self.status, self.kind or "application/json", self.raw
        if method == "DELETE" or asked is None or "id" not in asked or "method" not in asked:
            return 202 if method == "POST" else 200, "text/event-stream", _stream(self.before)
        results = {"tools/list": {"tools": self.tools}, "tools/call": self.answer}
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": results.get(asked["method"], {})}
        if self.before:
            return 200, "text/event-stream", _stream([*self.before, answer])
        return 200, "application/json", json.dumps(answer).encode()


def _stream(messages: list[Any]) -> bytes:
    return b"".join(b"id: 1\nevent: message\ndata: " + json.dumps(one).encode() + b"\n\n" for one in messages)


@contextmanager
def running(app: Any, lifespan: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan=lifespan, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        thread.join(10)


class Asker:
    """A client of the proxy."""

    def __init__(self, url: str, remote: Remote) -> None:
        self.url, self.remote = url, remote

    def post(self, message: Any, **headers: str) -> httpx2.Response:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        kind = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        sent = kind | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(self.url, content=content, headers=sent, timeout=20)

    def asks(self, method: str, **params: Any) -> httpx2.Response:
        return self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, mcp_session_id="s-1")


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    remote = Remote()
    policy = policy_of({"limits": {"answer_bytes": 100_000}, "mcp": {"server_requests": ["roots/list"]}}, "test")
    with running(remote, "off") as url:
        rules, log = opened(policy, tmp_path, tmp_path / "mcp.lock.json", "garden", "first")
        with running(HttpProxy(rules, url), "on") as proxy:
            yield Asker(proxy, remote)
        log.stop()


def test_lists_calls_and_streams_pass_the_same_filter(asker: Asker) -> None:
    assert asker.asks("tools/list").json()["result"]["tools"] == [WATER]
    assert asker.asks("tools/call", name="water").json()["result"] == said("done")
    assert asker.remote.asked[-1][1]["mcp-session-id"] == "s-1"
    asker.remote.before = [
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}},
        {"jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage", "params": {}},
        {"jsonrpc": "2.0", "id": 8, "method": "roots/list"},
        {"jsonrpc": "2.0", "id": 77, "result": {}},
    ]
    streamed = asker.asks("tools/call", name="water")
    events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: ")]
    assert [event.get("method", event.get("id", "")) for event in events] == [
        "notifications/progress",
        "roots/list",
        1,
    ]
    denied = next(one for method, _, one in asker.remote.asked if method == "POST" and one and one.get("id") == 9)
    assert denied["error"]["code"] == -32601
    answer = {"jsonrpc": "2.0", "id": 8, "result": {"roots": []}}
    assert asker.post(answer, mcp_session_id="s-1").status_code == 202
    assert asker.remote.asked[-1][2] == answer
    count = len(asker.remote.asked)
    assert asker.post(answer, mcp_session_id="s-1").status_code == 202
    assert len(asker.remote.asked) == count
    assert "id:" not in streamed.text
    asker.remote.before, asker.remote.answer = [], said(ATTACK)
    assert "attack" in asker.asks("tools/call", name="water").json()["error"]["message"]
    asker.remote.tools = [{**WATER, "title": "Other"}]
    assert asker.asks("tools/list").json()["result"]["tools"] == []
    assert "error" in asker.asks("tools/call", name="water").json()


def test_streams_and_ends_of_sessions_pass(asker: Asker) -> None:
    asker.remote.before = [{"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hi"}}]
    got = httpx2.get(asker.url, headers={"accept": "text/event-stream"}, timeout=20)
    assert '"hi"' in got.text
    assert httpx2.delete(asker.url, headers={"mcp-session-id": "s-1"}, timeout=20).status_code == 200
    assert httpx2.put(asker.url, timeout=20).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"host": "[bad"},
        {"content_type": "text/plain"},
    ],
)
def test_pages_of_others_are_sent_away(asker: Asker, headers: dict[str, str]) -> None:
    assert asker.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, **headers).status_code in (400, 403, 415)
    assert not asker.remote.asked


def test_pages_of_this_machine_are_not(asker: Asker) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert asker.post(message, origin="http://localhost:6274").status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"a":1,"a":2}', b"\xff", b"[" * 10_000, b"x" * 5_000_000])
def test_bodies_that_are_no_message_reach_nobody(asker: Asker, body: bytes) -> None:
    got = asker.post(body)
    assert got.status_code in (400, 413)
    assert "error" in got.json()
    assert not asker.remote.asked


@pytest.mark.parametrize(
    ("status", "kind", "raw", "wanted"),
    [
        (302, "", b"", 502),
        (404, "text/html", b"<h1>gone</h1>", 404),
        (401, "", b"{}", 401),
        (500, "", b"secret", 502),
        (200, "", b"nonsense", 200),
        (200, "text/html", b"<h1>hi</h1>", 502),
        (200, "", b"x" * 200_000, 502),
        (200, "text/event-stream", b"data: " + b"x" * 200_000, 502),
        (200, "text/event-stream", b"data: nonsense\n\n", 200),
        (200, "text/event-stream", b"", 200),
    ],
)
def test_what_a_server_answers_wrongly_is_an_error_of_json_rpc(
    asker: Asker, status: int, kind: str, raw: bytes, wanted: int
) -> None:
    asker.remote.status, asker.remote.kind, asker.remote.raw = status, kind, raw
    if not raw and status == 200:
        asker.remote.raw = b":\n\n"
    got = asker.asks("ping")
    assert got.status_code == wanted
    assert '"error"' in got.text
    for theirs in ("secret", "<h1>", "nonsense"):
        assert theirs not in got.text
