"""Walk an HDF5 file by its own structures: groups, attributes, and everything that leads to another file.

Field layouts are those of the HDF5 file format specification, version 3.0: superblocks 0 to 3, object headers 1 and 2,
groups by symbol tables, by link messages and by fractal heaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.readers.artifacts.tensors.hdf5_heaps import FractalHeap, links_of_tree
from safecase.readers.artifacts.tensors.hdf5_values import Bytes, Wrong, attribute, name_in_heap, virtual_sources
from safecase.vocabulary import Noun

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS: Final = 200_000
MOST_MESSAGES: Final = 2_000_000

_SYMBOLS, _LINK, _LINKS, _EXTERNAL, _LAYOUT, _ATTRIBUTE, _ATTRIBUTES, _CONTINUED = (
    0x11, 0x06, 0x02, 0x07, 0x08, 0x0C, 0x15, 0x10,
)  # fmt: skip
_SHARED: Final = -1
_VIRTUAL: Final = 3


class Found(Noun, frozen=True):
    """Something in the file that whoever loads it acts upon."""

    kind: str
    """`attribute`, `external link`, `external storage`, `virtual dataset`, `unknown link`, or `unread attribute` where
    its value is kept in a way that is not followed."""
    name: str
    content: bytes
    """The value of an attribute; the file's name of what leads to one."""
    offset: int


class Hdf5:
    """One HDF5 file, as far as it was walked."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._bytes = Bytes(file, size)
        self._messages = MOST_MESSAGES
        self._waiting: list[int] = []
        self._seen: set[int] = set()
        self.objects = 0

    def walk(self) -> Iterator[Found]:
        """Give what is found in every object that can be reached; raises `Wrong` where the structure is broken."""
        self._waiting.append(self._superblock())
        while self._waiting:
            address = self._waiting.pop()
            if address in self._seen or address == self._bytes.undefined:
                continue
            self._seen.add(address)
            self.objects += 1
            if self.objects > MOST_OBJECTS:
                raise Wrong(f"it has more than {MOST_OBJECTS} objects")
            for kind, at, length in self._header(address):
                yield from self._message(kind, at, length)

    def _superblock(self) -> int:
        """Give the address of the root group's header."""
        data, at = self._bytes, 0
        while data.raw(at, 8) != SIGNATURE:
            at = at * 2 or 512
            if at > data.size:
                raise Wrong("it has no superblock")
        version = data.number(at + 8, 1)
        if version in (0, 1):
            data.offsets, data.lengths = data.number(at + 13, 1), data.number(at + 14, 1)
            behind = at + (24 if version == 0 else 28)
            data.check_widths()
            data.base = data.number(behind, data.offsets)
            # Base, free space, end and driver come before the root's entry: its name's place, then its header's.
            return data.address(behind + 5 * data.offsets)
        if version in (2, 3):
            data.offsets, data.lengths = data.number(at + 9, 1), data.number(at + 10, 1)
            data.check_widths()
            data.base = data.number(at + 12, data.offsets)
            return data.address(at + 12 + 3 * data.offsets)
        raise Wrong(f"a superblock of version {version}")

    def _header(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Give kind, place and length of each message of an object."""
        data = self._bytes
        at = data.base + address
        if data.raw(at, 4) == b"OHDR":
            yield from self._header_two(at)
            return
        if data.number(at, 1) != 1:
            raise Wrong(f"no object at byte {at}")
        blocks = [(at + 16, at + 16 + data.number(at + 8, 4))]
        for start, end in _growing(blocks):
            place = start
            while place + 8 <= end:
                self._count()
                kind, length = data.number(place, 2), data.number(place + 2, 2)
                shared = data.number(place + 4, 1) & 2
                if kind == _CONTINUED:
                    first = data.base + data.address(place + 8)
                    blocks.append((first, first + data.number(place + 8 + data.offsets, data.lengths)))
                else:
                    yield (_SHARED if shared and kind == _ATTRIBUTE else kind), place + 8, length
                place += 8 + length

    def _header_two(self, at: int) -> Iterator[tuple[int, int, int]]:
        data = self._bytes
        flags = data.number(at + 5, 1)
        start = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        ordered = 2 if flags & 4 else 0
        blocks = [(start + width, start + width + data.number(start, width))]
        for begin, end in _growing(blocks):
            place = begin
            while place + 4 + ordered <= end:
                self._count()
                kind, length = data.number(place, 1), data.number(place + 1, 2)
                shared = data.number(place + 3, 1) & 2
                body = place + 4 + ordered
                if kind == _CONTINUED:
                    first = data.base + data.address(body)
                    if data.raw(first, 4) != b"OCHK":
                        raise Wrong(f"no continuation at byte {first}")
                    blocks.append((first + 4, first + data.number(body + data.offsets, data.lengths) - 4))
                else:
                    yield (_SHARED if shared and kind == _ATTRIBUTE else kind), body, length
                place = body + length

    def _count(self) -> None:
        self._messages -= 1
        if self._messages < 0:
            raise Wrong(f"it has more than {MOST_MESSAGES} messages")

    def _message(self, kind: int, at: int, length: int) -> Iterator[Found]:
        data = self._bytes
        if kind == _SYMBOLS:
            yield from self._symbols(data.address(at), data.address(at + data.offsets))
        elif kind == _LINK:
            yield from self._link(at, length)
        elif kind == _LINKS:
            places = at + 2 + (8 if data.number(at + 1, 1) & 1 else 0)
            for content in self._dense(data.address(places), data.address(places + data.offsets)):
                yield from self._link(*content)
        elif kind == _ATTRIBUTES:
            places = at + 2 + (2 if data.number(at + 1, 1) & 1 else 0)
            for place, _ in self._dense(data.address(places), data.address(places + data.offsets)):
                yield from self._attribute(place)
        elif kind == _ATTRIBUTE:
            yield from self._attribute(at)
        elif kind == _SHARED:
            yield Found(kind="unread attribute", name="", content=b"", offset=at)
        elif kind == _EXTERNAL:
            yield from self._external(at)
        elif kind == _LAYOUT:
            yield from self._layout(at)

    def _attribute(self, at: int) -> Iterator[Found]:
        name, contents = attribute(self._bytes, at)
        if contents is None:
            yield Found(kind="unread attribute", name=name, content=b"", offset=at)
        for content in contents or ():
            yield Found(kind="attribute", name=name, content=content, offset=at)

    def _symbols(self, tree: int, heap: int) -> Iterator[Found]:
        """Walk an old group: a tree of nodes whose entries point to headers."""
        data = self._bytes
        waiting, seen = [tree], set[int]()
        while waiting:
            node = waiting.pop()
            at = data.base + node
            if node == data.undefined or node in seen:
                continue
            seen.add(node)
            self._count()
            if data.raw(at, 4) == b"TREE":
                used = data.number(at + 6, 2)
                first = at + 8 + 2 * data.offsets + data.lengths
                step = data.offsets + data.lengths
                waiting.extend(data.address(first + i * step) for i in range(used))
            elif data.raw(at, 4) == b"SNOD":
                entry = 2 * data.offsets + 24
                for i in range(data.number(at + 6, 2)):
                    self._count()
                    place = at + 8 + i * entry
                    # A soft link has no header of its own.
                    if data.number(place + 2 * data.offsets, 4) != 2:
                        self._waiting.append(data.address(place + data.offsets))
            else:
                raise Wrong(f"no node of a group at byte {at}")
        yield from ()

    def _link(self, at: int, length: int) -> Iterator[Found]:
        data = self._bytes
        flags = data.number(at + 1, 1)
        place = at + 2
        kind = 0
        if flags & 8:
            kind, place = data.number(place, 1), place + 1
        place += (8 if flags & 4 else 0) + (1 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        count = data.number(place, width)
        if count > length:
            raise Wrong(f"the name of a link is {count} bytes long")
        name = data.raw(place + width, count).decode("utf-8", "replace")
        place += width + count
        if kind == 0:
            self._waiting.append(data.address(place))
        elif kind == 64:
            target = data.raw(place + 3, min(data.number(place, 2), 4096) - 1).split(b"\0")[0]
            yield Found(kind="external link", name=name, content=target, offset=at)
        elif kind != 1:
            yield Found(kind="unknown link", name=name, content=str(kind).encode(), offset=at)

    def _dense(self, heap: int, tree: int) -> Iterator[tuple[int, int]]:
        """Give place and length of each record of a group or of attributes that are kept in a heap."""
        data = self._bytes
        if data.undefined in (heap, tree):
            return
        found = FractalHeap(data, heap)
        for identifier in links_of_tree(data, tree, found.id_length):
            self._count()
            yield found.place(identifier)

    def _external(self, at: int) -> Iterator[Found]:
        """Give the files in which a dataset's numbers lie."""
        data = self._bytes
        used = data.number(at + 6, 2)
        heap = data.address(at + 8)
        step = 3 * data.lengths
        for i in range(min(used, 1000)):
            place = data.number(at + 8 + data.offsets + i * step, data.lengths)
            name = name_in_heap(data, heap, place)
            yield Found(kind="external storage", name="", content=name, offset=at)

    def _layout(self, at: int) -> Iterator[Found]:
        data = self._bytes
        if data.number(at, 1) >= 3 and data.number(at + 1, 1) == _VIRTUAL:
            for name in virtual_sources(data, data.address(at + 2), data.number(at + 2 + data.offsets, 4)):
                if name != b".":
                    yield Found(kind="virtual dataset", name="", content=name, offset=at)


def _growing(blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give blocks while more are added; each once."""
    seen: set[int] = set()
    at = 0
    while at < len(blocks):
        start, end = blocks[at]
        at += 1
        if start not in seen:
            seen.add(start)
            yield start, end
