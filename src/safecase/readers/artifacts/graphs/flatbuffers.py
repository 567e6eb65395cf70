"""Flatbuffers by their bytes alone: tables, their fields, vectors and texts, every offset held against the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

MOST_STEPS: Final = 5_000_000
MOST_TEXT: Final = 64 * 1024
_WINDOW: Final = 64 * 1024


class Untrue(Exception):  # noqa: N818 - becomes a problem
    """An offset or a count leads out of the file."""


class Flatbuffer:
    """A file of tables."""

    def __init__(self, file: BinaryIO, size: int, start: int = 0) -> None:
        self._file, self.size, self._start = file, size, start
        self._left = MOST_STEPS
        self._window, self._at = b"", -1

    def root(self) -> int:
        """Give the place of the root table."""
        return self._table(self._start + self.number(self._start, 4))

    def number(self, at: int, width: int, *, signed: bool = False) -> int:
        """Give a number; raises `Untrue` out of the file."""
        self._left -= 1
        if self._left < 0:
            raise Untrue("more than is looked at")
        if at < 0 or at + width > self.size:
            raise Untrue(f"an offset to byte {at}, in {self.size}")
        if not self._at <= at or at + width > self._at + len(self._window) or self._at < 0:
            self._file.seek(at)
            self._window, self._at = self._file.read(_WINDOW), at
        return int.from_bytes(self._window[at - self._at : at - self._at + width], "little", signed=signed)

    def field(self, table: int, index: int) -> int:
        """Give the place of a field's value; 0 where the table has none."""
        layout = table - self.number(table, 4, signed=True)
        length = self.number(layout, 2)
        if length < 4 or length % 2:
            raise Untrue(f"no table at byte {table}")
        if 4 + 2 * index >= length:
            return 0
        place = self.number(layout + 4 + 2 * index, 2)
        if place and place >= self.number(layout + 2, 2):
            raise Untrue(f"a field outside of its table at byte {table}")
        return table + place if place else 0

    def scalar(self, table: int, index: int, width: int, default: int = 0) -> int:
        """Give a field that is a number."""
        at = self.field(table, index)
        return self.number(at, width) if at else default

    def child(self, table: int, index: int) -> int:
        """Give the place of a table in a field; 0 where there is none."""
        at = self.field(table, index)
        return self._table(at + self.number(at, 4)) if at else 0

    def text(self, table: int, index: int) -> str:
        """Give the text of a field; empty where there is none."""
        at = self.field(table, index)
        return self._text(at + self.number(at, 4)) if at else ""

    def tables(self, table: int, index: int) -> Iterator[int]:
        """Give the place of each table of a field that is a vector of them."""
        for at in self._items(table, index, 4):
            yield self._table(at + self.number(at, 4))

    def span(self, table: int, index: int, width: int = 1) -> tuple[int, int]:
        """Give place and bytes of a vector of numbers."""
        at = self.field(table, index)
        if not at:
            return 0, 0
        start = at + self.number(at, 4)
        count = self.number(start, 4)
        if start + 4 + count * width > self.size:
            raise Untrue(f"a list of {count} items, in {self.size} bytes")
        return start + 4, count * width

    def raw(self, at: int, count: int) -> bytes:
        """Give bytes from a place."""
        self._file.seek(at)
        return self._file.read(count)

    def _items(self, table: int, index: int, width: int) -> Iterator[int]:
        start, length = self.span(table, index, width)
        yield from range(start, start + length, width)

    def _table(self, at: int) -> int:
        if not self._start < at <= self.size - 4:
            raise Untrue(f"a table at byte {at}, in {self.size}")
        return at

    def _text(self, at: int) -> str:
        length = self.number(at, 4)
        if at + 4 + length > self.size:
            raise Untrue(f"a text of {length} bytes")
        return self.raw(at + 4, min(length, MOST_TEXT)).decode("utf-8", "replace")
