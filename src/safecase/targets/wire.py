"""Many bounded HTTP exchanges at once with a permitted host: no redirects, no proxies, no endless answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from safecase.targets.connection import MOST_BYTES, Answer
from safecase.targets.permission import Permission
from safecase.targets.target import Unanswered


class Wire:
    """Connections to one permitted host, kept open between exchanges."""

    def __init__(self, permission: Permission, *, most: int, timeout_s: float) -> None:
        import httpcore2

        self._literals = [f"[{address}]" if ":" in address else address for address in permission.addresses]
        named = f"[{permission.host}]" if ":" in permission.host else permission.host
        self._permission = permission
        self._host = f"{named}:{permission.port}"
        self._timeout_s = timeout_s
        self._most = most
        self._core = httpcore2
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls() if permission.scheme == "https" else None,
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=15,
        )

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
        started = time.monotonic()
        async with self._pool.stream(
            method,
            f"{self._permission.scheme}://{literal}:{self._permission.port}{path}",
            headers=[("host", self._host), ("accept-encoding", "identity"), *headers.items()],
            content=body,
            extensions={"sni_hostname": self._permission.host},
        ) as response:
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            content, arrived = await self._bounded(response, told, started)
        seconds = time.monotonic() - started
        return Answer(status=response.status, headers=told, body=content, seconds=seconds, arrived=tuple(arrived))

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
        await self._pool.aclose()


def _tls() -> Any:  # ssl.SSLContext
    import httpx2

    return httpx2.create_ssl_context()
