"""CBOR (RFC 8949) to plain values, bounded in depth and count; tags are read and dropped."""

from __future__ import annotations

import struct
from typing import Any, Final

DEEPEST: Final = 32
MOST_ITEMS: Final = 50_000
_BREAK: Final = object()


class CborError(ValueError):
    """The bytes are no CBOR that is read here."""


def decode(content: bytes) -> Any:  # what CBOR can hold: the caller asks for each type
    """Read one item that fills the content."""
    reader = _Reader(content)
    value = reader.item(0)
    if value is _BREAK or reader.at != len(content):
        raise CborError("something stands behind the item")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self.at, self._items = content, 0, 0

    def item(self, depth: int) -> Any:
        self._items += 1
        if depth > DEEPEST or self._items > MOST_ITEMS:
            raise CborError("too deep, or too many items")
        first = self._take(1)[0]
        major, small = first >> 5, first & 31
        if major == 7:
            return self._simple(small)
        size = self._size(small)
        if size is None and major in (0, 1, 6):
            raise CborError("a number without an end")
        if major in (2, 3):
            return self._string(major, size, depth)
        if major == 4:
            return self._array(size, depth)
        if major == 5:
            return self._map(size, depth)
        if size is None or major == 6:
            return self.item(depth + 1)
        return size if major == 0 else -1 - size

    def _take(self, count: int) -> bytes:
        taken = self._content[self.at : self.at + count]
        if len(taken) != count:
            raise CborError("cut off")
        self.at += count
        return taken

    def _size(self, small: int) -> int | None:
        if small < 24:
            return small
        if small < 28:
            return int.from_bytes(self._take(1 << (small - 24)), "big")
        if small == 31:
            return None
        raise CborError("a reserved length")

    def _string(self, major: int, size: int | None, depth: int) -> bytes | str:
        if size is not None:
            content = self._take(size)
            try:
                return content if major == 2 else content.decode()
            except UnicodeDecodeError as why:
                raise CborError("a text that is no UTF-8") from why
        parts = list(iter(lambda: self.item(depth + 1), _BREAK))
        kind = bytes if major == 2 else str
        if not all(isinstance(part, kind) for part in parts):
            raise CborError("a string of unlike parts")
        return kind().join(parts)

    def _array(self, size: int | None, depth: int) -> list[Any]:
        if size is None:
            return list(iter(lambda: self.item(depth + 1), _BREAK))
        return [self._inner(depth) for _ in range(min(size, MOST_ITEMS + 1))]

    def _map(self, size: int | None, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while size is None or len(found) < size:
            key = self.item(depth + 1)
            if key is _BREAK and size is None:
                break
            if not isinstance(key, str | int) or key in found:
                raise CborError("a key that is none, or stands there twice")
            found[key] = self._inner(depth)
        return found

    def _inner(self, depth: int) -> Any:
        value = self.item(depth + 1)
        if value is _BREAK:
            raise CborError("an end where none can be")
        return value

    def _simple(self, small: int) -> Any:
        if small == 31:
            return _BREAK
        if small in (25, 26, 27):
            return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[small], self._take(1 << (small - 24)))[0]
        if small == 24:
            small = self._take(1)[0]
        return {20: False, 21: True}.get(small)
