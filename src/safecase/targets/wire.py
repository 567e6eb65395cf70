"""Many bounded HTTP exchanges at once with a permitted host: no redirects, no proxies, no endless answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from safecase.targets.connection import MOST_BYTES, Answer
from safecase.targets.permission import Permission
from safecase.targets.target import Unanswered

KEPT_S: Final = 15.0
"""So long an idle connection is kept open."""


class Wire:
    """Connections to one permitted host, kept open between exchanges."""

    def __init__(self, permission: Permission, *, most: int, timeout_s: float) -> None:
        import httpcore2

        self._literals = [f"[{address}]" if ":" in address else address for address in permission.addresses]
        named = f"[{permission.host}]" if ":" in permission.host else permission.host
        self._permission = permission
        self._host = f"{named}:{permission.port}"
        self._timeout_s = timeout_s
        self._core = httpcore2
        self._tls = _tls() if permission.scheme == "https" else None
        self._room = asyncio.Semaphore(most)
        self._idle: list[Any] = []
        """Connections that wait for a request, the last used last. The pool of httpcore2 looks at each of them for each
        request, which at 64 of them costs more than the request."""

    @property
    def base(self) -> str:
        """Give the path that the permitted URL has."""
        return self._permission.path

    async def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request; raises `Unanswered` where no bounded answer comes in time."""
        core = self._core
        try:
            async with asyncio.timeout(self._timeout_s):
                for literal in tuple(self._literals):
                    with contextlib.suppress(core.ConnectError, core.ConnectTimeout):
                        answer = await self._sent(literal, method, path, headers, body)
                        self._literals = [literal]
                        return answer
        except TimeoutError as why:
            raise Unanswered("timeout", f"no answer within {self._timeout_s:g} s") from why
        except (core.NetworkError, core.ProtocolError, core.TimeoutException, core.ProxyError, OSError) as why:
            raise Unanswered("connection", f"{self._host} broke off ({type(why).__name__})") from why
        raise Unanswered("connection", f"{self._host} cannot be reached")

    async def _sent(
        self, literal: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        url = f"{self._permission.scheme}://{literal}:{self._permission.port}"
        async with self._connection(url) as connection:
            started = time.monotonic()
            async with connection.stream(
                method,
                url + path,
                headers=[("host", self._host), ("accept-encoding", "identity"), *headers.items()],
                content=body,
                extensions={"sni_hostname": self._permission.host},
            ) as response:
                told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                content, arrived = await self._bounded(response, told, started)
            seconds = time.monotonic() - started
        return Answer(status=response.status, headers=told, body=content, seconds=seconds, arrived=tuple(arrived))

    @contextlib.asynccontextmanager
    async def _connection(self, url: str) -> AsyncIterator[Any]:  # httpcore2.AsyncHTTPConnection
        """Give a connection to use alone: the last one used that is still open, or a new one."""
        origin = self._core.URL(url).origin
        async with self._room:
            connection = None
            while self._idle and connection is None:
                connection = self._idle.pop()
                if connection.has_expired() or not connection.can_handle_request(origin):
                    await connection.aclose()
                    connection = None
            if connection is None:
                connection = self._core.AsyncHTTPConnection(origin, self._tls, keepalive_expiry=KEPT_S)
            try:
                yield connection
            finally:
                if connection.is_idle():
                    self._idle.append(connection)
                else:
                    await connection.aclose()

    async def _bounded(
        self, response: Any, told: Mapping[str, str], started: float
    ) -> tuple[bytes, list[tuple[int, float]]]:
        """Read the body as it comes, unpacking nothing: a small compressed body can unpack to gigabytes."""
        if told.get("content-encoding", "identity").lower() != "identity":
            raise Unanswered("bad_response", f"{self._host} compresses its answer although asked not to")
        streamed = told.get("content-type", "").startswith("text/event-stream")
        arrived: list[tuple[int, float]] = []
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_stream():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Unanswered("bad_response", f"{self._host} answers more than {MOST_BYTES // 1_000_000} MB")
            if streamed:
                arrived.append((size, time.monotonic() - started))
        return b"".join(parts), arrived

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().aclose()


def _tls() -> Any:  # ssl.SSLContext
    import httpx2

    return httpx2.create_ssl_context()
