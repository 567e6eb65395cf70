"""Walk protobuf by its wire alone: no schema, no classes, every length held against what is there.

Who knows the schema asks for the fields of a message by their numbers; the rest is passed over unread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.readers.archives.unpacking import varint
from safecase.vocabulary import Noun

MOST_FIELDS: Final = 5_000_000
MOST_DEPTH: Final = 48
MOST_TEXT: Final = 4096
_WINDOW: Final = 64 * 1024
_HEAD: Final = 20
"""Bytes of a tag and a length, each as long as it may be."""

NUMBER, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)


class BrokenMessage(Exception):  # noqa: N818 - becomes a problem
    """The bytes are no message, or more than is walked."""


class Field(Noun, frozen=True):
    """One field of a message: where its content lies, and its number where it is one."""

    number: int
    wire: int
    start: int
    end: int
    value: int = 0
    """Of a number; unsigned, as it stands on the wire."""


class Wire:
    """A file of protobuf messages, with what is left of the fields that one look may read."""

    def __init__(self, file: BinaryIO, size: int, most_fields: int = MOST_FIELDS) -> None:
        self._file, self.size = file, size
        self._left = most_fields
        self._window, self._at = b"", 0

    def fields(self, start: int, end: int, depth: int = 0) -> Iterator[Field]:
        """Give each field of the message between two places; raises `BrokenMessage`."""
        if depth > MOST_DEPTH:
            raise BrokenMessage("it is nested too deeply")
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise BrokenMessage("it has more fields than are looked at")
            field = self._field(at, end)
            yield field
            at = field.end

    def content(self, field: Field, most: int = MOST_TEXT) -> bytes:
        """Give the bytes of a field, no more than `most`."""
        return self.read(field.start, min(field.end - field.start, most))

    def text(self, field: Field, most: int = MOST_TEXT) -> str:
        """Give the text of a field, no more than `most` bytes of it."""
        return self.content(field, most).decode("utf-8", "replace")

    def whole_text(self, field: Field, most: int) -> str:
        """Give the text of a field; raises `BrokenMessage` where it is longer than `most` bytes."""
        if field.end - field.start > most:
            raise BrokenMessage(f"a text of {field.end - field.start} bytes")
        return self.text(field, most)

    def numbers(self, field: Field, most: int = 4096) -> list[int]:
        """Give the numbers of a field that holds one, or several packed."""
        if field.wire == NUMBER:
            return [field.value]
        data = self.content(field, most * 10)
        found: list[int] = []
        at = 0
        while at < len(data) and len(found) < most:
            value, at = varint(data, at)
            if not at:
                raise BrokenMessage("packed numbers that break off")
            found.append(value)
        return found

    def read(self, at: int, count: int) -> bytes:
        """Give bytes from a place; short where the file ends."""
        if count > _WINDOW // 2:
            self._file.seek(at)
            return self._file.read(count)
        if at < self._at or at + count > self._at + len(self._window):
            self._file.seek(at)
            self._window, self._at = self._file.read(_WINDOW), at
        return self._window[at - self._at : at - self._at + count]

    def _field(self, at: int, end: int) -> Field:
        head = self.read(at, min(_HEAD, end - at))
        tag, used = varint(head, 0)
        number, wire = tag >> 3, tag & 7
        if not used or not 0 < number < 1 << 29:
            raise BrokenMessage(f"no field at byte {at}")
        start, value = at + used, 0
        if wire == NUMBER:
            value, used = varint(head, used)
            stop = at + used if used else -1
        elif wire == LENGTH:
            length, used = varint(head, used)
            start = at + used
            stop = start + length if used else -1
        elif wire in (FIXED64, FIXED32):
            stop = start + (8 if wire == FIXED64 else 4)
        elif wire in (GROUP, GROUP_END):
            # Parsers pass over groups: what stands in one is looked at as if it stood outside.
            stop = start
        else:
            raise BrokenMessage(f"a field of no kind at byte {at}")
        if not start <= stop <= end:
            raise BrokenMessage(f"a field at byte {at} is longer than its message")
        return Field(number=number, wire=wire, start=start, end=stop, value=value)


def signed(value: int) -> int:
    """Give the signed 64-bit number that an unsigned one on the wire stands for."""
    return value - (1 << 64) if value >> 63 & 1 else value
