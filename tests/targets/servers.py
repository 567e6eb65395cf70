"""Small real servers on loopback that answer as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Response(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Answers = Callable[[Request], Response]


def completion(text: str | None, **more: Any) -> Response:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"} | more
    told = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}, "model": "tiny"}
    return Response(200, json.dumps(told).encode())


def said(request: Request) -> str:
    return str(request.body["messages"][-1]["content"])


def _body(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")


@contextlib.contextmanager
def serving(answers: Answers) -> Iterator[str]:
    """Serve; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response = answers(Request(self.command, self.path, headers, _body(raw)))
            self.send_response(response.status)
            for name, value in response.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(response.body)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def raw_server(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[str]:
    """Serve whatever bytes a handler writes; gives the base URL."""
    started: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def whole() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        started.append(server.sockets[0].getsockname()[1])
        ready.set()

    def run() -> None:
        starting = loop.create_task(whole())
        loop.run_forever()
        tasks = asyncio.all_tasks(loop) | {starting}
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{started[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
