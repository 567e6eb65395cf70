"""Many bounded HTTP exchanges at once with a permitted host: no redirects, no proxies, no endless answers."""

from __future__ import annotations

import asyncio
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

        address = permission.addresses[0]
        self._literal = f"[{address}]" if ":" in address else address
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
        started = time.monotonic()
        sent = [("host", self._host), ("accept-encoding", "identity"), *headers.items()]
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._pool.stream(
                    method,
                    f"{self._permission.scheme}://{self._literal}:{self._permission.port}{path}",
                    headers=sent,
                    content=body,
                    extensions={"sni_hostname": self._permission.host},
                ) as response:
                    told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                    content = await self._bounded(response, told)
        except TimeoutError as why:
            raise Unanswered("timeout", f"no answer within {self._timeout_s:g} s") from why
        except (core.ConnectError, core.ConnectTimeout) as why:
            raise Unanswered("connection", f"{self._host} cannot be reached") from why
        except (core.NetworkError, core.ProtocolError, core.TimeoutException, core.ProxyError, OSError) as why:
            raise Unanswered("connection", f"{self._host} broke off ({type(why).__name__})") from why
        return Answer(status=response.status, headers=told, body=content, seconds=time.monotonic() - started)

    async def _bounded(self, response: Any, told: Mapping[str, str]) -> bytes:
        """Read the body as it comes, unpacking nothing: a small compressed body can unpack to gigabytes."""
        if told.get("content-encoding", "identity").lower() != "identity":
            raise Unanswered("bad_response", f"{self._host} compresses its answer although asked not to")
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_stream():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Unanswered("bad_response", f"{self._host} answers more than {MOST_BYTES // 1_000_000} MB")
        return b"".join(parts)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def _tls() -> Any:  # ssl.SSLContext
    import httpx2

    return httpx2.create_ssl_context()
