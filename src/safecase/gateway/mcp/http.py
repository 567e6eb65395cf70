"""A server that is reached by streamable HTTP: each message of a request, an answer and a stream passes the filter."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from safecase.errors import UsageError
from safecase.gateway import sse
from safecase.gateway.bodies import written
from safecase.gateway.mcp import messages
from safecase.gateway.mcp.filter import Asked, Filter, Passed, Rules
from safecase.gateway.mcp.messages import REFUSED, Id, Message
from safecase.gateway.refusals import Refused
from safecase.gateway.requests import Receive, Scope, Watch, headers_of, received

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PATH: Final = "/mcp"
SESSION: Final = "mcp-session-id"
PASSED_ON: Final = (SESSION, "mcp-protocol-version", "authorization")
CONNECT_S: Final = 10.0
IDLE_S: Final = 300.0
MOST_SESSIONS: Final = 1000
LONGEST_SESSION: Final = 512
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpProxy:
    """The ASGI application before one server."""

    def __init__(self, rules: Rules, url: str) -> None:
        self._rules = rules
        self._url = url
        self._asked: OrderedDict[str, dict[Id, Asked]] = OrderedDict()
        """What the server asked in each session: answers come in requests of their own."""
        self._session: aiohttp.ClientSession | None = None
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._session = aiohttp.ClientSession(
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=IDLE_S),
                )
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._session is not None:
                    await self._session.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(send)
        self._running += 1
        try:
            headers = headers_of(scope)
            self._check_asker(headers)
            if scope["path"].rstrip("/") != PATH:
                raise Refused("no_path", f"the server is at {PATH}")
            if self._running > self._rules.limits.at_once:
                raise Refused("busy", "too many requests at once")
            if scope["method"] == "POST":
                await self._post(headers, receive, exchange)
            elif scope["method"] == "GET":
                await self._get(headers, receive, exchange)
            elif scope["method"] == "DELETE":
                await self._delete(headers, exchange)
            else:
                raise Refused("wrong_method", "POST, GET and DELETE are allowed")
        except Refused as why:
            await exchange.fail(why.status, why.message)
        except (aiohttp.ClientError, OSError, ValueError):  # a TimeoutError is an OSError
            await exchange.fail(502, "the server cannot be reached, or its answer broke off")
        except asyncio.CancelledError:
            pass  # the client is gone; what was asked of the server is cut off with it
        finally:
            self._running -= 1

    def _check_asker(self, headers: Mapping[str, str]) -> None:
        """A page that a name of its own leads here (DNS rebinding) says so by its `Host` and `Origin`."""
        if _host_of(f"//{headers.get('host', '')}") not in _HERE:
            raise Refused("not_allowed", "the Host is not this machine")
        origin = headers.get("origin")
        if origin is None or origin in self._rules.mcp.origins:
            return
        if not origin.startswith(("http://", "https://")) or _host_of(origin) not in _HERE:
            raise Refused("not_allowed", "pages of that origin may not use this proxy (mcp.origins)")

    async def _post(self, headers: Mapping[str, str], receive: Receive, exchange: _Exchange) -> None:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused("wrong_type", "the body must be application/json")
        content = await received(headers, receive, self._rules.limits.body_bytes)
        filter_ = Filter(self._rules, self._asked_in(headers.get(SESSION, "")))
        passed = await asyncio.to_thread(filter_.client_line, content)
        if passed.on is None:
            if passed.back is None:
                await exchange.send(202, b"")
            else:
                status = 400 if passed.back["id"] is None else 200
                await exchange.send(status, written(passed.back))
            return
        exchange.asked = passed.on.get("id") if "method" in passed.on else None
        watch = Watch(receive)
        try:
            async with self._reached("POST", headers, written(passed.on)) as answer:
                await self._answered(answer, filter_, headers, exchange)
        finally:
            watch.stop()

    async def _answered(
        self, answer: aiohttp.ClientResponse, filter_: Filter, headers: Mapping[str, str], exchange: _Exchange
    ) -> None:
        session = answer.headers.get(SESSION, "")
        if session and (len(session) > LONGEST_SESSION or not session.isascii() or not session.isprintable()):
            raise Refused("upstream", "the server's session id is no short text")
        exchange.session = session
        if answer.status == 202:
            await exchange.send(202, b"")
            return
        kind = answer.content_type
        if answer.status != 200:
            self._forwardable(answer, exchange)
        elif kind == "text/event-stream":
            await self._streamed(answer, filter_, {**headers, **({SESSION: session} if session else {})}, exchange)
        elif kind == "application/json":
            content = await _whole(answer, self._rules.limits.answer_bytes)
            passed = await asyncio.to_thread(filter_.server_line, content)
            if passed.on is None:
                raise Refused("upstream", "the server's answer is none to what was asked")
            await exchange.send(200, written(passed.on))
        else:
            raise Refused("upstream", "the server's answer is neither JSON nor a stream of events")

    def _forwardable(self, answer: aiohttp.ClientResponse, exchange: _Exchange) -> None:
        """Statuses that clients act upon are told on, without what the server wrote beside them."""
        if answer.status not in (400, 401, 403, 404, 405, 429):
            raise Refused("upstream", f"the server answered {answer.status}")
        if answer.status == 401 and (asks := answer.headers.get("www-authenticate", "")):
            exchange.authenticate = asks[:2000]
        raise _Status(answer.status)

    async def _get(self, headers: Mapping[str, str], receive: Receive, exchange: _Exchange) -> None:
        filter_ = Filter(self._rules, self._asked_in(headers.get(SESSION, "")))
        watch = Watch(receive)
        try:
            async with self._reached("GET", headers, None) as answer:
                if answer.status != 200 or answer.content_type != "text/event-stream":
                    self._forwardable(answer, exchange)
                await self._streamed(answer, filter_, headers, exchange)
        finally:
            watch.stop()

    async def _delete(self, headers: Mapping[str, str], exchange: _Exchange) -> None:
        self._asked.pop(headers.get(SESSION, ""), None)
        async with self._reached("DELETE", headers, None) as answer:
            if answer.status >= 300:
                self._forwardable(answer, exchange)
            await exchange.send(answer.status, b"")

    async def _streamed(
        self, answer: aiohttp.ClientResponse, filter_: Filter, headers: Mapping[str, str], exchange: _Exchange
    ) -> None:
        """Pass each event; ids of events are not told on, so that nobody asks for a stream's middle."""
        frames = sse.Frames(self._rules.limits.answer_bytes)
        async for piece in answer.content.iter_any():
            for frame in frames.feed(piece):
                if not frame.data:
                    continue
                passed = await asyncio.to_thread(filter_.server_line, frame.data)
                if passed.on is not None:
                    await exchange.event(passed.on)
                if passed.back is not None:
                    await self._told(headers, passed)
        for message in filter_.ended("the server's stream ended before its answer"):
            await exchange.event(message)
        await exchange.end()

    async def _told(self, headers: Mapping[str, str], passed: Passed) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._reached("POST", headers, written(passed.back)):
                pass

    @contextlib.asynccontextmanager
    async def _reached(
        self, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None
        sent = {name: headers[name] for name in PASSED_ON if name in headers}
        sent |= {"accept": "application/json, text/event-stream", "user-agent": "safecase-gateway"}
        sent["accept-encoding"] = "identity"  # a small answer must not become a large one
        if body is not None:
            sent["content-type"] = "application/json"
        if method == "GET":
            sent["accept"] = "text/event-stream"
        idle = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=None if method == "GET" else IDLE_S)
        async with self._session.request(
            method, self._url, data=body, headers=sent, allow_redirects=False, timeout=idle
        ) as answer:
            if 300 <= answer.status < 400:
                raise Refused("upstream", "the server redirects, and redirects are not followed")
            yield answer

    def _asked_in(self, session: str) -> dict[Id, Asked]:
        if not session:
            return {}
        asked = self._asked.setdefault(session, {})
        self._asked.move_to_end(session)
        while len(self._asked) > MOST_SESSIONS:
            self._asked.popitem(last=False)
        return asked


class _Status(Refused):
    """An HTTP status of the server that the client should hear."""

    def __init__(self, status: int) -> None:
        super().__init__("upstream", f"the server answered {status}")
        self._status = status

    @property
    def status(self) -> int:
        return self._status


class _Exchange:
    """One answer to the client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self.asked: Id | None = None
        self.session = ""
        self.authenticate = ""

    async def send(self, status: int, content: bytes) -> None:
        self._begun = True
        await self._begin(status, b"application/json", len(content))
        await self._send({"type": "http.response.body", "body": content})

    async def event(self, message: Message) -> None:
        if not self._begun:
            self._begun = True
            await self._begin(200, b"text/event-stream", None)
        body = sse.written("message", written(message))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        if self._begun:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._begin(200, b"text/event-stream", None)
            self._begun = True
            await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, status: int, told: str) -> None:
        failed = messages.failure(self.asked, REFUSED, told)
        if self._begun:
            with contextlib.suppress(OSError):
                await self.event(failed)
                await self.end()
        else:
            await self.send(status, written(failed))

    async def _begin(self, status: int, kind: bytes, length: int | None) -> None:
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        if self.session:
            headers.append((SESSION.encode(), self.session.encode("ascii")))
        if self.authenticate.isascii() and self.authenticate:
            headers.append((b"www-authenticate", self.authenticate.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


async def _whole(answer: aiohttp.ClientResponse, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise Refused("upstream", f"the server's answer is larger than {most} bytes")
        parts.append(part)
    return b"".join(parts)


def serve(rules: Rules, url: str, port: int) -> None:
    """Serve on this machine until SIGINT or SIGTERM; raises `UsageError`."""
    import uvicorn

    try:
        uvicorn.run(
            HttpProxy(rules, url),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=5,
        )
    except SystemExit as why:  # it could not listen, and said so
        raise UsageError(f"127.0.0.1:{port} cannot be listened on", mend="give another --port") from why
