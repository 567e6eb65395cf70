"""The bytes of an HDF5 file and the values in them: numbers, addresses, texts of attributes, names in heaps."""

from __future__ import annotations

import math
from typing import BinaryIO, Final

MOST_VALUE: Final = 64 * 1024 * 1024
MOST_TEXTS: Final = 10_000
MOST_SOURCES: Final = 1000
MOST_BLOCK: Final = 4 * 1024 * 1024
_MOST_NAME: Final = 1024
_VLEN, _STRING, _COMPOUND = 9, 3, 6


class Wrong(Exception):  # noqa: N818 - becomes a problem
    """The structure is not what the format says, or more than is walked."""


class Bytes:
    """Reads numbers and addresses as wide as the file's superblock says."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self.base, self.offsets, self.lengths = 0, 8, 8
        self._window, self._at = b"", 0

    @property
    def undefined(self) -> int:
        """The address that stands for none."""
        return int((1 << 8 * self.offsets) - 1)

    def check_widths(self) -> None:
        """Refuse widths that no file has."""
        if self.offsets not in (2, 4, 8) or self.lengths not in (2, 4, 8):
            raise Wrong("its addresses have a width that none has")

    def raw(self, at: int, count: int) -> bytes:
        """Give bytes from a place; fewer at the end."""
        if not 0 <= count <= MOST_VALUE or at < 0:
            raise Wrong(f"a value of {count} bytes")
        if count > 4096:
            self._file.seek(at)
            return self._file.read(count)
        if not self._at <= at or at + count > self._at + len(self._window):
            self._file.seek(min(at, self.size))
            self._window, self._at = self._file.read(16_384), at
        return self._window[at - self._at : at - self._at + count]

    def number(self, at: int, width: int) -> int:
        """Give a number; raises `Wrong` behind the end."""
        found = self.raw(at, width)
        if len(found) < width:
            raise Wrong("it ends within its structures")
        return int.from_bytes(found, "little")

    def address(self, at: int) -> int:
        """Give an address; raises `Wrong` where it lies behind the end."""
        found = self.number(at, self.offsets)
        if found != self.undefined and found + self.base > self.size:
            raise Wrong(f"an address behind the end, at byte {at}")
        return found


def attribute(data: Bytes, at: int) -> tuple[str, list[bytes] | None]:
    """Give the name of an attribute, and its texts where it holds texts; None where its type lies elsewhere."""
    version = data.number(at, 1)
    if version not in (1, 2, 3):
        raise Wrong(f"an attribute of version {version}")
    flags = data.number(at + 1, 1)
    sizes = [data.number(at + 2 + 2 * i, 2) for i in range(3)]
    padded = [(s + 7) // 8 * 8 if version == 1 else s for s in sizes]
    place = at + 8 + (1 if version == 3 else 0)
    name = data.raw(place, sizes[0]).split(b"\0")[0].decode("utf-8", "replace")
    kind_at = place + padded[0]
    space_at = kind_at + padded[1]
    value_at = space_at + padded[2]
    if flags & 3 and version > 1:
        return name, None
    return name, _texts(data, kind_at, value_at, _count(data, space_at))


def _count(data: Bytes, at: int) -> int:
    version, rank = data.number(at, 1), data.number(at + 1, 1)
    if rank > 32:
        raise Wrong(f"{rank} dimensions")
    if version == 2 and data.number(at + 3, 1) == 2:
        return 0
    start = at + (8 if version == 1 else 4)
    return math.prod(data.number(start + i * data.lengths, data.lengths) for i in range(rank))


def _texts(data: Bytes, kind_at: int, value_at: int, count: int) -> list[bytes]:
    kind, bits, width = data.number(kind_at, 1) & 15, data.number(kind_at + 1, 3), data.number(kind_at + 4, 4)
    found: list[bytes] = []
    if kind == _STRING or (kind == 5 and width > 64):
        for i in range(min(count, MOST_TEXTS)):
            found.append(data.raw(value_at + i * width, width).rstrip(b"\0"))
    elif kind == _VLEN and (bits & 15) <= 1:
        for i in range(min(count, MOST_TEXTS)):
            place = value_at + i * (8 + data.offsets)
            length = data.number(place, 4)
            if length:
                heap, index = data.address(place + 4), data.number(place + 4 + data.offsets, 4)
                found.append(in_collection(data, heap, index)[:length])
    return found


def in_collection(data: Bytes, heap: int, index: int) -> bytes:
    """Give an object of a global heap."""
    at = data.base + heap
    if data.raw(at, 4) != b"GCOL":
        raise Wrong(f"no heap at byte {at}")
    end = at + data.number(at + 8, data.lengths)
    place = at + 8 + data.lengths
    while place + 8 + data.lengths <= min(end, data.size):
        number, size = data.number(place, 2), data.number(place + 8, data.lengths)
        if number == index:
            return data.raw(place + 8 + data.lengths, size)
        if number == 0:
            break
        place += 8 + data.lengths + (size + 7) // 8 * 8
    raise Wrong(f"object {index} is not in the heap at byte {at}")


def name_in_heap(data: Bytes, heap: int, at: int) -> bytes:
    """Give a name of a local heap."""
    place = data.base + heap
    if data.raw(place, 4) != b"HEAP":
        raise Wrong(f"no heap of names at byte {place}")
    segment = data.base + data.address(place + 8 + 2 * data.lengths)
    return data.raw(segment + at, 1024).split(b"\0")[0]


def virtual_sources(data: Bytes, heap: int, index: int) -> list[bytes]:
    """Give the names of the files that a virtual dataset is made of.

    The first is sure. The others stand behind selections of many kinds: what reads as a name with a dot counts as one.
    """
    if heap == data.undefined:
        return []
    block = in_collection(data, heap, index)
    version, count = block[:1], int.from_bytes(block[1 : 1 + data.lengths], "little")
    if version not in (b"\0", b"\1") or not count:
        return []
    start = 1 + data.lengths
    if version == b"\1":
        # Flags say whether the file is this one, or named before.
        if block[start] & 4:
            return [b"."]
        start += 1
    first, _, rest = block[start:].partition(b"\0")
    if count == 1:
        return [first]
    parts = rest[:MOST_BLOCK].split(b"\0")
    return [first, *[part for part in parts if _reads_as_file(part)][:MOST_SOURCES]]


def _reads_as_file(part: bytes) -> bool:
    return 3 <= len(part) <= _MOST_NAME and b"." in part and part.isascii() and part.decode("ascii").isprintable()
