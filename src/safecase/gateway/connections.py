"""Connections of strangers: heads of requests within bounds of size and time, and errors as the API has them.

The server beneath bounds neither: a head without end would fill the memory, and one that never comes keep its socket.
"""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from safecase.gateway.refusals import error_body

MOST_HEAD: Final = 64 * 1024
MOST_HEADERS: Final = 200
HEAD_S: float = 10.0
"""A client that takes longer for a head, or to begin at all, is sent away."""
_TOLD: Final = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class Connection(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _head_size = 0
    _waiting: TimerHandle | None = None

    def connection_made(self, transport: object) -> None:
        """Wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes while a head has not ended."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self._in_head:
            return
        self._head_size += len(data)
        if self._head_size > MOST_HEAD:
            self._refuse(431, "the head of the request is too large")
        elif self._waiting is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_size = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but no trailer: what stands behind a body would count as one before it, a key among them."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head has ended; one that is too large, though it came at once, is not served."""
        self._in_head = False
        self._wait_no_more()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MOST_HEAD or len(self.headers) > MOST_HEADERS:
            self._refuse(431, "the head of the request is too large")
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a body, but for that of a request that is not served."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, but for one that is not served."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, as the API's clients know it."""
        if not self.transport.is_closing():
            self._refuse(400, msg)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_S, self._late)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _late(self) -> None:
        self._waiting = None
        self._refuse(408, f"the head of the request did not come within {HEAD_S:g} s")

    def _refuse(self, status: int, message: str) -> None:
        self._wait_no_more()
        url: bytes = getattr(self, "url", b"")
        code = "slow" if status == 408 else "too_large" if status == 431 else "unreadable"
        body = error_body("anthropic" if url.startswith(b"/v1/messages") else "openai", status, code, message)
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _TOLD[status].encode(), len(body)) + body)
        self.transport.close()
