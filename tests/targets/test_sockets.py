"""WebSockets, by real servers: one connection a question, and nothing that comes of a bad one ends the run."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safecase.errors import CollectError
from safecase.readers.conversations import said
from safecase.targets.described import Described, open_described
from safecase.targets.target import Ask
from tests.targets.asking import fault, reply

web = pytest.importorskip("aiohttp.web", reason="aiohttp speaks WebSocket")
Handler = Callable[[Any], Awaitable[Any]]


@contextlib.contextmanager
def listening(handler: Handler) -> Iterator[str]:
    """Serve; gives the URL, with ws:."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    port: list[int] = []
    runner: list[Any] = []

    async def start() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        runner.append(web.AppRunner(app, shutdown_timeout=0.1, access_log=None))
        await runner[0].setup()
        await web.TCPSite(runner[0], "127.0.0.1", 0).start()
        port.append(runner[0].addresses[0][1])
        ready.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner[0].cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"ws://127.0.0.1:{port[0]}/talk"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def talking(talk: Callable[[Any, Any], Awaitable[None]]) -> Handler:
    async def handler(request: Any) -> Any:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await talk(socket, request)
        return socket

    return handler


def test_a_message_is_answered_by_a_message(tmp_path: Path) -> None:
    async def talk(socket: Any, request: Any) -> None:
        message = await socket.receive_str()
        await socket.send_str(f"{request.headers.get('authorization')} {request.headers['host']} {message}")

    with listening(talking(talk)) as url:
        came = reply({"base_url": url, "key": "key-of-ada"}, "Hi", tmp_path)
        named = reply({"base_url": url.replace("127.0.0.1", "localhost")}, "Hi", tmp_path)
    host = url.split("/")[2]
    assert came.text == f"Bearer <key> {host} Hi"
    assert named.text.endswith("Hi")


def test_pieces_come_until_the_last_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    async def talk(socket: Any, request: Any) -> None:
        await socket.send_str('{"type": "welcome"}')
        said = await socket.receive_json()
        for piece in ("Gr", "een ", said["q"]):
            await socket.send_json({"delta": piece})
        await socket.send_bytes(b'{"end": true}')

    with listening(talking(talk)) as url:
        file = {
            "base_url": url,
            "request": {"path": "?who={{identity}}", "body": {"q": "{{prompt}}"}},
            "reply": {"text": "delta", "done": "end"},
            "identities": ["ada"],
        }
        came = reply(file, "tea", tmp_path)
    assert came.text == "Green tea"
    assert 0 < came.first_token_s <= came.seconds


async def silent(socket: Any, request: Any) -> None:
    await socket.receive()
    await socket.receive()


async def leaving(socket: Any, request: Any) -> None:
    await socket.receive()


async def endless(socket: Any, request: Any) -> None:
    while True:
        await socket.send_str('{"n": "' + "x" * 100_000 + '"}')


async def huge(socket: Any, request: Any) -> None:
    await socket.send_str("x" * 3_000_000)
    await socket.receive()


async def other(socket: Any, request: Any) -> None:
    await socket.receive()
    await socket.send_str("<html>")


async def elsewhere(request: Any) -> Any:
    raise web.HTTPFound("http://203.0.113.1/talk")


async def busy(request: Any) -> Any:
    raise web.HTTPTooManyRequests


async def page(request: Any) -> Any:
    return web.Response(text="<html>", content_type="text/html")


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (talking(silent), "timeout", "no answer within"),
        (talking(leaving), "connection", "closed before an answer"),
        (talking(endless), "bad_response", "no end"),
        (talking(huge), "bad_response", "more than 2 MB"),
        (talking(other), "bad_response", "no text stands"),
        (elsewhere, "http_4xx", "follow nowhere"),
        (busy, "rate_limited", "HTTP 429"),
        (page, "http_4xx", "HTTP 200 in the place"),
    ],
)
def test_what_is_no_answer_says_why(handler: Handler, kind: str, message: str, tmp_path: Path) -> None:
    with listening(handler) as url:
        file = {"base_url": url, "timeout_s": 1, "request": {"body": "{{prompt}}"}, "reply": {"text": "delta"}}
        found = fault(file, "x", tmp_path)
    assert found.fault == kind
    assert message in found.message


def test_nobody_there_is_told(tmp_path: Path) -> None:
    assert fault({"base_url": "ws://127.0.0.1:9/"}, "x", tmp_path).fault == "connection"


def test_a_strange_host_is_not_asked_over_a_websocket_either() -> None:
    async def ask() -> None:
        target = open_described(Described(base_url="wss://example.com/talk"), Path(), owned=(), at_once=1)
        await target.ask(Ask(conversation=said("x")))

    with pytest.raises(CollectError, match="not this machine"):
        asyncio.run(ask())
