"""A service that is asked over a WebSocket: one connection a question, its messages by template."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from safecase.errors import CollectError
from safecase.targets.answers import Credentials
from safecase.targets.connection import MOST_BYTES
from safecase.targets.permission import Permission
from safecase.targets.target import Ask, Fault, Reply, Unanswered
from safecase.targets.templated import finished
from safecase.targets.templates import Template

MOST_MESSAGES: Final = 10_000
CLOSING_S: Final = 0.2
"""How long the other side may take to say goodbye."""


class SocketTarget:
    """Opens a connection to the permitted address, says one message, and takes what comes until the last."""

    def __init__(
        self,
        permission: Permission,
        template: Template,
        *,
        identities: Mapping[str, Mapping[str, str]],
        fields: Mapping[str, Mapping[str, Any]],
        most: int,
        timeout_s: float,
    ) -> None:
        """Raises CollectError where what speaks WebSocket is not installed."""
        try:
            import aiohttp
        except ImportError as why:
            raise CollectError(
                "a WebSocket needs aiohttp, which is not installed", mend="pip install 'safecase[websocket]'"
            ) from why
        self._library: Any = aiohttp
        self._permission, self._template = permission, template
        self._identities, self._fields = identities, fields
        self._first = next(iter(identities))
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(most)
        self._client: Any = None  # made where the loop runs
        self._credentials = Credentials(value for headers in identities.values() for value in headers.values())

    async def ask(self, asked: Ask) -> Reply:
        """Answer once."""
        async with self._room:
            started = time.monotonic()
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._exchange(asked, started)
            except TimeoutError as why:
                raise Unanswered("timeout", f"no answer within {self._timeout_s:g} s") from why
            except self._library.WSServerHandshakeError as why:
                raise Unanswered(_fault(why.status), f"HTTP {why.status} in the place of a WebSocket") from why
            except (self._library.ClientError, OSError) as why:
                raise Unanswered("connection", f"{self._permission.host} cannot be reached") from why

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.close()

    async def _exchange(self, asked: Ask, started: float) -> Reply:
        who = asked.identity or self._first
        made = self._template.fill(asked, self._identities.get(who, {}), self._fields.get(who, {}))
        where = self._permission
        host = f"[{where.host}]" if ":" in where.host else where.host
        headers = {name: value for name, value in made.headers.items() if name != "content-type"}
        opened = await self._opened().ws_connect(
            f"{where.scheme}://{host}:{where.port}{where.path}{made.path}",
            headers=headers,
            max_msg_size=MOST_BYTES,
        )
        try:
            await opened.send_str((made.body or b"").decode())
            texts, first = await self._messages(opened, started)
        finally:
            with contextlib.suppress(TimeoutError):  # who never stops talking never says goodbye
                await asyncio.wait_for(opened.close(), CLOSING_S)
        reply = self._template.reply(asked, texts, {})
        return finished(reply, self._credentials, 200, time.monotonic() - started, first if len(texts) > 1 else 0.0)

    async def _messages(self, opened: Any, started: float) -> tuple[list[str], float]:
        texts: list[str] = []
        first, size = 0.0, 0
        kinds = self._library.WSMsgType
        while len(texts) < MOST_MESSAGES:
            message = await opened.receive()
            if message.type not in (kinds.TEXT, kinds.BINARY):
                if texts:
                    return texts, first
                raise Unanswered(*_ended(opened.close_code))
            text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
            first = first or time.monotonic() - started
            texts.append(text)
            size += len(text)
            if self._template.ends(text):
                return texts, first
            if size > MOST_BYTES:
                break
        raise Unanswered("bad_response", "the messages come to no end")

    def _opened(self) -> Any:  # aiohttp.ClientSession
        if self._client is None:
            aiohttp = self._library
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_elsewhere)
            connector = aiohttp.TCPConnector(resolver=_Pinned(self._permission), limit=0)
            self._client = aiohttp.ClientSession(
                connector=connector, trace_configs=[trace], cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client


class _Pinned:
    """Knows the addresses of one host; they were looked up when it was permitted."""

    def __init__(self, permission: Permission) -> None:
        self._permission = permission

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        del host, family
        return [
            {
                "hostname": self._permission.host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._permission.addresses
        ]

    async def close(self) -> None:
        """It holds nothing."""


async def _elsewhere(*_: object) -> None:
    raise Unanswered("http_4xx", "it sends us elsewhere, and we follow nowhere", mend="give that address")


def _ended(code: int | None) -> tuple[Fault, str]:
    if code == 1009:
        return "bad_response", f"a message of more than {MOST_BYTES // 1_000_000} MB came"
    return "connection", f"the connection was closed before an answer came ({code or 'without a reason'})"


def _fault(status: int) -> Fault:
    if status in (408, 425, 429):
        return "rate_limited"
    return "http_5xx" if status >= 500 else "http_4xx"
