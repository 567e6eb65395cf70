"""Server-sent events, taken apart as they come: whatever the pieces in which the bytes arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from safecase.gateway.refusals import Refused

MOST_EVENT: Final = 8_000_000
_BLANK: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINE: Final = re.compile(rb"\r\n|\n|\r")
_NAME: Final = re.compile(rb"[a-z_.]{1,80}")
"""Names of events; whatever else stands there would be a text that no guard looks at."""


class Frame(NamedTuple):
    """One event."""

    raw: bytes
    """Its bytes, with the blank line behind it."""
    name: str
    data: bytes
    """Its `data:` lines, joined; empty for a comment or a ping without any."""


class Frames:
    """Takes bytes, gives events; an event that does not end is refused before it fills the memory."""

    def __init__(self, most: int = MOST_EVENT) -> None:
        self._buffer = b""
        self._most = most
        self._first = True

    def feed(self, content: bytes) -> Iterator[Frame]:
        """Give the events that are complete now."""
        if self._first and content:
            content = content.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        buffer = self._buffer + content if self._buffer else content
        at = 0
        # A lone \r at the end may be the first half of \r\n.
        end = len(buffer) - 1 if buffer.endswith(b"\r") else len(buffer)
        while found := _BLANK.search(buffer, at, end):
            yield frame(buffer[at : found.end()])
            at = found.end()
        self._buffer = buffer[at:]
        if len(self._buffer) > self._most:
            raise Refused("upstream", f"the upstream sent an event of more than {self._most} bytes")

    def rest(self) -> bytes:
        """Give what came behind the last whole event: an event that was cut off says nothing (as browsers hold it)."""
        rest, self._buffer = self._buffer, b""
        return rest


def frame(raw: bytes) -> Frame:
    """Read the lines of one event."""
    if raw.startswith(b"data: ") and raw.count(b"\n") == 2 and b"\r" not in raw:
        return Frame(raw, "", raw[6:-2])
    name, data = "", []
    for line in _LINE.split(raw):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode() if _NAME.fullmatch(value) else ""
    return Frame(raw, name, b"\n".join(data))


def written(name: str, data: bytes) -> bytes:
    """Write an event."""
    head = b"event: %b\n" % name.encode() if name else b""
    return head + b"data: " + data + b"\n\n"
