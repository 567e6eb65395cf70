"""Fractal heaps and trees of version 2, in which HDF5 keeps the links and attributes of crowded objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safecase.readers.artifacts.tensors.hdf5_values import Bytes, Wrong

MOST_RECORDS: Final = 500_000
MOST_ROWS: Final = 64
_BY_NAME: Final = {5: 4, 8: 0}
"""Kinds of trees, links by name and attributes by name, with the place of a heap's id in their records."""


class FractalHeap:
    """Finds objects of a heap by their ids."""

    def __init__(self, data: Bytes, address: int) -> None:
        at = data.base + address
        if data.raw(at, 4) != b"FRHP":
            raise Wrong(f"no heap at byte {at}")
        self._data = data
        self.id_length = data.number(at + 5, 2)
        self._filtered = data.number(at + 7, 2)
        self._most_object = data.number(at + 10, 4)
        o, n = data.offsets, data.lengths
        # Behind: next huge id, tree of huge ones, free space twice, then eight counts of objects and bytes.
        place = at + 14 + n + o + n + o + 8 * n
        self._width = data.number(place, 2)
        self._first = data.number(place + 2, n)
        self._largest = data.number(place + 2 + n, n)
        self._bits = data.number(place + 2 + 2 * n, 2)
        root = place + 2 + 2 * n + 4
        self._root = data.address(root)
        self._rows = data.number(root + o, 2)
        if not (0 < self._width <= 1024 and 0 < self._first <= self._largest < 2**40 and self._bits <= 64):
            raise Wrong(f"a heap without sizes at byte {at}")
        self._offset_bytes = (self._bits + 7) // 8
        self._length_bytes = min(_bytes_for(self._most_object), _bytes_for(self._largest))

    def place(self, identifier: bytes) -> tuple[int, int]:
        """Give place and length of an object."""
        if len(identifier) < self.id_length or not identifier:
            raise Wrong("a record that breaks off")
        kind = identifier[0] >> 4 & 3
        if kind == 1 and not self._filtered and len(identifier) >= 1 + self._data.offsets + self._data.lengths:
            behind = 1 + self._data.offsets
            address = int.from_bytes(identifier[1:behind], "little")
            size = int.from_bytes(identifier[behind : behind + self._data.lengths], "little")
            return self._data.base + address, size
        if kind != 0:
            raise Wrong("an object that is kept outside of its heap")
        offset = int.from_bytes(identifier[1 : 1 + self._offset_bytes], "little")
        length_at = 1 + self._offset_bytes
        length = int.from_bytes(identifier[length_at : length_at + self._length_bytes], "little")
        if self._filtered:
            raise Wrong("a heap that is compressed")
        return self._block(self._root, self._rows, offset, 0) + offset - self._start, length

    def _block(self, address: int, rows: int, offset: int, depth: int, base: int = 0) -> int:
        """Give the place of the direct block that holds an offset; `_start` is the block's own offset then."""
        if address == self._data.undefined or depth > 8:
            raise Wrong("an object in a block that is not there")
        if rows == 0:
            self._start = base
            return self._data.base + address
        at = self._data.base + address
        if self._data.raw(at, 4) != b"FHIB":
            raise Wrong(f"no block at byte {at}")
        place = at + 5 + self._data.offsets + self._offset_bytes
        for row in range(min(rows, MOST_ROWS)):
            size = self._first << max(0, row - 1)
            if offset < base + size * self._width:
                column = (offset - base) // size
                child = place + (row * self._width + column) * self._data.offsets
                inner = 0 if size <= self._largest else self._rows_of(size)
                return self._block(self._data.address(child), inner, offset, depth + 1, base + column * size)
            base += size * self._width
        raise Wrong("an object behind the end of its heap")

    def _rows_of(self, size: int) -> int:
        return (size.bit_length() - (self._first * self._width).bit_length()) + 1


def _bytes_for(most: int) -> int:
    return max(1, (most.bit_length() + 7) // 8)


def links_of_tree(data: Bytes, address: int, id_length: int) -> Iterator[bytes]:
    """Give the heap ids in a tree of links or attributes by name."""
    at = data.base + address
    if data.raw(at, 4) != b"BTHD":
        raise Wrong(f"no tree at byte {at}")
    kind, node_size = data.number(at + 5, 1), data.number(at + 6, 4)
    record, depth = data.number(at + 10, 2), data.number(at + 12, 2)
    if kind not in _BY_NAME or not 0 < record <= 1024 or depth > 16 or not 0 < node_size < 2**24:
        raise Wrong(f"a tree of kind {kind}")
    root = data.address(at + 16)
    used = data.number(at + 16 + data.offsets, 2)
    widths = _widths(data, node_size, record, depth)
    left = MOST_RECORDS
    waiting = [(root, used, depth)]
    while waiting:
        node, count, level = waiting.pop()
        place = data.base + node
        if data.raw(place, 4) != (b"BTIN" if level else b"BTLF"):
            raise Wrong(f"no node at byte {place}")
        left -= count + 1
        if left < 0:
            raise Wrong(f"more than {MOST_RECORDS} links")
        for i in range(count):
            content = data.raw(place + 6 + i * record, record)
            start = _BY_NAME[kind]
            yield content[start : start + id_length]
        if level:
            waiting.extend(_children(data, place + 6 + count * record, count + 1, level, widths))


def _children(
    data: Bytes, at: int, count: int, level: int, widths: list[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Give address, number of records and level of each child of a node."""
    records, total = widths[level]
    step = data.offsets + records + (total if level > 1 else 0)
    for i in range(count):
        place = at + i * step
        yield data.address(place), data.number(place + data.offsets, records), level - 1


def _widths(data: Bytes, node_size: int, record: int, depth: int) -> list[tuple[int, int]]:
    """Give for each level how many bytes its pointers have for the records of a child, and for all beneath it."""
    most = (node_size - 10) // record
    found = [(0, 0)]
    leaf_width = _bytes_for(most)
    total, total_width = most, 0
    for level in range(1, depth + 1):
        found.append((leaf_width, total_width))
        pointer = data.offsets + leaf_width + (total_width if level > 1 else 0)
        inner = (node_size - 10 - pointer) // (record + pointer)
        total = (inner + 1) * total + inner
        total_width = _bytes_for(total)
    return found
