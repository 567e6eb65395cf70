"""A provider of models that says what a test wants it to say, over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[str, dict[str, Any]], Any]


class Provider:
    """What was asked, and what will be answered."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answer: Answer = lambda _path, _body: {}
        self.pieces: list[bytes] | None = None
        """The bytes of a streamed answer, as they are sent."""
        self.pause = 0.0
        self.status = 200
        self.kind = ""
        self.cancelled = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append((request.path, body, {k.lower(): v for k, v in request.headers.items()}))
        if self.pieces is None:
            said = self.answer(request.path, body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            if self.pause:
                try:
                    await asyncio.sleep(self.pause)
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
            return web.Response(status=self.status, body=content, content_type=self.kind or "application/json")
        response = web.StreamResponse(headers={"content-type": self.kind or "text/event-stream"})
        await response.prepare(request)
        try:
            for piece in self.pieces:
                await response.write(piece)
                if self.pause:
                    await asyncio.sleep(self.pause)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled += 1
            raise
        return response


@contextmanager
def running() -> Iterator[Provider]:
    """Run a provider in a thread of its own."""
    provider = Provider()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop: asyncio.Event

    async def serve() -> None:
        nonlocal stop
        stop = asyncio.Event()
        app = web.Application(client_max_size=100_000_000)
        app.router.add_route("*", "/{path:.*}", provider.handle)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        provider.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"  # type: ignore[attr-defined]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
