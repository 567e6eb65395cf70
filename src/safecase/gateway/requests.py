"""Reading a client's request off the wire, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from safecase.gateway.admission import Caller
from safecase.gateway.apis.texts import Slot
from safecase.gateway.policy import Origin
from safecase.gateway.refusals import Refused

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]

WATCH_S: Final = 0.05
BODY_S: Final = 30.0
"""A client that takes longer to send its request is sent away."""
_ONCE: Final = frozenset(
    {"authorization", "x-api-key", "content-type", "content-length", "x-safecase-origin", "x-safecase-approve"}
)


def headers_of(scope: Scope) -> dict[str, str]:
    """Give the headers of a request; one that decides something may stand there once only."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key in _ONCE:
            raise Refused("unreadable", f"the header {key} is given twice")
        found[key] = value.decode("latin-1")
    return found


async def received(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """Give the body; raises `Refused` where it is larger than `most` bytes, or comes too slowly."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise Refused("too_large", f"the body is larger than {most} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise asyncio.CancelledError
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise Refused("too_large", f"the body is larger than {most} bytes")
                if not message.get("more_body"):
                    return b"".join((*parts, part)) if parts else part
                parts.append(part)
    except TimeoutError as why:
        raise Refused("slow", f"the body did not come within {BODY_S:g} s") from why


class Watch:
    """Cancels the task that serves a request once its client is gone; looks after a moment only."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._waiting: asyncio.Future[None] | None = None
        self._begins = asyncio.get_running_loop().call_later(WATCH_S, self._begin)

    def stop(self) -> None:
        """Look no more."""
        self._begins.cancel()
        if self._waiting is not None:
            self._waiting.cancel()

    def _begin(self) -> None:
        self._waiting = asyncio.ensure_future(self._gone())
        self._waiting.add_done_callback(self._end)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _end(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and self._task is not None:
            self._task.cancel()


def approved_by(headers: Mapping[str, str], caller: Caller) -> frozenset[str]:
    """Give the tool calls that a request approves; only a key with the scope `approve` can."""
    told = headers.get("x-safecase-approve", "")
    if not told:
        return frozenset()
    if "approve" not in caller.scopes:
        raise Refused("not_allowed", "this key may not approve tool calls")
    return frozenset(one.strip() for one in told.split(",")[:20])


def mark(slots: Sequence[Slot], told: str) -> None:
    """`x-safecase-origin: {"/messages/1/content": "retrieved"}`: what the app knows of where a text comes from.

    An origin can only be taken down to foreign (`tool`, `retrieved`), not lifted: the header may be forged by whoever
    forges the body.
    """
    try:
        marks = msgspec.json.decode(told.encode(), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError) as why:
        raise Refused("unreadable", "x-safecase-origin is no JSON object of pointers and origins") from why
    if not set(marks.values()) <= {"tool", "retrieved"}:
        raise Refused("invalid", "x-safecase-origin marks texts as tool or retrieved only")
    hit: set[str] = set()
    for slot in slots:
        # Each text is held against the places above it and not against each mark: both can be many.
        marked = [pointer for pointer in _above(slot.pointer) if pointer in marks]
        if marked:
            foreign: Origin = "tool" if marks[marked[0]] == "tool" else "retrieved"
            slot.origin = foreign
            hit.update(marked)
    for pointer in marks:
        if pointer not in hit:
            raise Refused("invalid", f"x-safecase-origin: there is no text at {pointer[:100]}")


def _above(pointer: str) -> Iterator[str]:
    """Give a place and those around it, the nearest first."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
    yield ""
