"""7z archives of strangers: the header by its own structure, the members streamed from their folders.

Only what the standard library can undo is undone: Copy, LZMA, LZMA2, BZip2, Deflate, Delta and the x86 filter.
Checksums are not looked at, as everywhere here: a loader that unpacks leniently reads the bytes all the same.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple, Protocol, cast

from safecase.readers.archives.unpacking import (
    BOMB_RATIO,
    BOMB_SIZE,
    MOST_DICTIONARY,
    Bomb,
    Budget,
    Outlet,
    Unreadable,
    Unsupported,
    lzma_filter,
    lzma_unpacker,
    peek_at,
    section,
)

MAGIC: Final = b"7z\xbc\xaf\x27\x1c"
MOST_HEADER: Final = 16 * 1024 * 1024
MOST_ENTRIES: Final = 100_000
_CHUNK: Final = 256 * 1024
_HEADER_START: Final = 32

_END, _HEADER, _STREAMS, _FILES = 0x00, 0x01, 0x04, 0x05
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC, _FOLDER = 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B
_CODERS_SIZE, _NUMBERS, _EMPTY_STREAM, _NAMES, _ENCODED = 0x0C, 0x0D, 0x0E, 0x11, 0x17

_FILTERS: Final = {b"\x03": lzma.FILTER_DELTA, b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x04": lzma.FILTER_X86}
_LZMA, _LZMA2 = b"\x03\x01\x01", b"\x21"
_COPY, _DEFLATE, _BZIP2 = b"\x00", b"\x04\x01\x08", b"\x04\x02\x02"
_ENCRYPTION: Final = b"\x06\xf1\x07\x01"


class Encrypted(Unreadable):
    """It takes a password."""


class SevenMember(NamedTuple):
    """A file in a 7z archive."""

    name: str
    size: int
    file: BinaryIO


class _Coder(NamedTuple):
    method: bytes
    properties: bytes


class _Folder(NamedTuple):
    coders: list[_Coder]
    sizes: list[int]
    packed_streams: int
    order: list[int]
    """The coders in the order in which bytes go through them."""


class _Streams(NamedTuple):
    place: int
    packed: list[int]
    folders: list[_Folder]
    parts: list[list[int]]
    """Sizes of the files in each folder."""


def seven_zip_members(file: BinaryIO, size: int, budget: Budget) -> Iterator[SevenMember]:
    """Give the files of an archive one by one; raises `Unreadable`, `Unsupported`, `Encrypted` or `Bomb`."""
    header = _header(file, size, budget)
    if header is None:
        return
    streams, names = _listing(header)
    waiting = iter(names)
    at = streams.place
    for folder, parts in zip(streams.folders, streams.parts, strict=True):
        packed, streams_packed = streams.packed[: folder.packed_streams], folder.packed_streams
        del streams.packed[:streams_packed]
        source = section(file, at, packed[0] if packed else 0)
        at += sum(packed)
        chunks = _Chunks(_unpacked(source, folder), budget, sum(packed))
        for part in parts:
            outlet = Outlet(budget, max(1, sum(packed)))
            for chunk in chunks.take(part):
                outlet.write(chunk)
            outlet.file.seek(0)
            yield SevenMember(next(waiting, "no name"), outlet.size, outlet.file)


def _header(file: BinaryIO, size: int, budget: Budget) -> bytes | None:
    """Read the header, as often as it is packed itself."""
    start = peek_at(file, 0, _HEADER_START)
    if len(start) < _HEADER_START or start[:6] != MAGIC:
        raise Unreadable("it has no start header")
    place, length = struct.unpack("<QQ", start[12:28])
    if not length:
        return None
    if length > MOST_HEADER or _HEADER_START + place + length > size:
        raise Unreadable("its header lies outside of it")
    header = peek_at(file, _HEADER_START + place, length)
    for _ in range(4):
        if header[:1] != bytes([_ENCODED]):
            break
        reader = _Reader(header[1:])
        streams = _streams_info(reader)
        if len(streams.folders) != 1 or not streams.packed:
            raise Unreadable("its packed header is none")
        folder = streams.folders[0]
        if folder.sizes[folder.order[-1]] > MOST_HEADER:
            raise Bomb(f"its header unpacks to {folder.sizes[folder.order[-1]]} bytes")
        source = section(file, streams.place, streams.packed[0])
        chunks = _Chunks(_unpacked(source, folder), budget, streams.packed[0])
        header = b"".join(chunks.take(folder.sizes[folder.order[-1]]))
    if header[:1] != bytes([_HEADER]):
        raise Unreadable("its header is none")
    return header[1:]


def _listing(header: bytes) -> tuple[_Streams, list[str]]:
    """Read the streams, and the names of the files that have bytes."""
    reader = _Reader(header)
    streams = _Streams(_HEADER_START, [], [], [])
    names: list[str] = []
    kind = reader.byte()
    if kind == 0x02:
        _skip_properties(reader)
        kind = reader.byte()
    if kind == 0x03:
        raise Unsupported("it has additional streams")
    if kind == _STREAMS:
        streams = _streams_info(reader)
        kind = reader.byte()
    if kind == _FILES:
        names = _file_names(reader)
    return streams, names


def _skip_properties(reader: _Reader) -> None:
    while reader.byte() != _END:
        reader.take(reader.number())


def _streams_info(reader: _Reader) -> _Streams:
    place, packed, folders = _HEADER_START, list[int](), list[_Folder]()
    parts: list[list[int]] | None = None
    while (kind := reader.byte()) != _END:
        if kind == _PACK:
            place = _HEADER_START + reader.number()
            packed = _pack_sizes(reader)
        elif kind == _UNPACK:
            folders = _folders(reader)
        elif kind == _SUBSTREAMS:
            parts = _parts(reader, folders)
        else:
            raise Unreadable(f"its header has a part {kind} that is none")
    if parts is None:
        parts = [[folder.sizes[folder.order[-1]]] for folder in folders]
    if sum(folder.packed_streams for folder in folders) > len(packed):
        raise Unreadable("it has fewer streams than its folders need")
    return _Streams(place, packed, folders, parts)


def _pack_sizes(reader: _Reader) -> list[int]:
    count = reader.count()
    sizes: list[int] = []
    while (kind := reader.byte()) != _END:
        if kind == _SIZE:
            sizes = [reader.number() for _ in range(count)]
        elif kind == _CRC:
            reader.checksums(count)
        else:
            raise Unreadable("the sizes in its header are none")
    return sizes


def _folders(reader: _Reader) -> list[_Folder]:
    if reader.byte() != _FOLDER:
        raise Unreadable("its folders are none")
    count = reader.count()
    if reader.byte():
        raise Unsupported("its folders lie in another stream")
    found = [_folder(reader) for _ in range(count)]
    if reader.byte() != _CODERS_SIZE:
        raise Unreadable("its folders have no sizes")
    for folder in found:
        folder.sizes.extend(reader.number() for _ in folder.coders)
    while (kind := reader.byte()) != _END:
        if kind != _CRC:
            raise Unreadable("its folders are none")
        reader.checksums(count)
    return found


def _folder(reader: _Reader) -> _Folder:
    coders: list[_Coder] = []
    for _ in range(reader.count(most=32, least=1)):
        flags = reader.byte()
        method = reader.take(flags & 0x0F)
        if method == _ENCRYPTION:
            raise Encrypted("it is encrypted")
        if flags & 0x10 and (reader.number(), reader.number()) != (1, 1):
            raise Unsupported(f"the coder {method.hex()} joins several streams")
        coders.append(_Coder(method, reader.take(reader.number()) if flags & 0x20 else b""))
    bonds = {reader.number(): reader.number() for _ in range(len(coders) - 1)}
    return _Folder(coders, [], 1, _order(bonds, len(coders)))


def _order(bonds: dict[int, int], count: int) -> list[int]:
    """Give the coders from the packed bytes to the plain ones: each takes its bytes from the one it is bound to."""
    takes = [coder for coder in range(count) if coder not in bonds]
    by_source = {source: coder for coder, source in bonds.items()}
    if len(takes) != 1 or len(by_source) != count - 1:
        raise Unreadable("its coders are bound in a circle")
    order = takes
    while (following := by_source.get(order[-1])) is not None and len(order) < count:
        order.append(following)
    if len(order) != count or len(set(order)) != count or not set(order) <= set(range(count)):
        raise Unreadable("its coders are bound in a circle")
    return order


def _parts(reader: _Reader, folders: list[_Folder]) -> list[list[int]]:
    """Read how many files each folder has, and how large they are."""
    counts = [1] * len(folders)
    kind = reader.byte()
    if kind == _NUMBERS:
        counts = [reader.count() for _ in folders]
        kind = reader.byte()
    if sum(counts) > MOST_ENTRIES:
        raise Bomb(f"it has {sum(counts)} members")
    parts: list[list[int]] = []
    for folder, count in zip(folders, counts, strict=True):
        # The last size is what the others leave of the folder.
        told = [reader.number() for _ in range(count - 1)] if kind == _SIZE else []
        rest = folder.sizes[folder.order[-1]] - sum(told)
        if rest < 0:
            raise Unreadable("its files are larger than what they lie in")
        parts.append([*told, rest] if count else [])
    if kind == _SIZE:
        kind = reader.byte()
    while kind != _END:
        if kind != _CRC:
            raise Unreadable("its files have sizes that are none")
        # A folder of one file has its checksum already; here that may or may not be counted.
        reader.skip_to_end_of_checksums(sum(counts), sum(c for c in counts if c != 1))
        kind = reader.byte()
    return parts


def _file_names(reader: _Reader) -> list[str]:
    count = reader.count()
    names: list[str] = []
    empty: list[bool] = [False] * count
    while (kind := reader.byte()) != _END:
        content = _Reader(reader.take(reader.number()))
        if kind == _EMPTY_STREAM:
            empty = content.bits(count)
        elif kind == _NAMES:
            if content.byte():
                raise Unsupported("its names lie in another stream")
            names = content.rest().decode("utf-16-le", "replace").split("\0")[:count]
    return [name for name, none in zip(names, empty, strict=False) if not none]


class _Reader:
    """Numbers of a header, each within its bounds."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """Read so many bytes."""
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise Unreadable("its header breaks off")
        self._at += count
        return found

    def rest(self) -> bytes:
        """Read all that is left."""
        return self._data[self._at :]

    def number(self) -> int:
        """Read a number: the leading ones of its first byte tell how many bytes follow."""
        first, mask, value = self.byte(), 0x80, 0
        for shift in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << 8 * shift
            value |= self.byte() << 8 * shift
            mask >>= 1
        return value

    def count(self, most: int = MOST_ENTRIES, least: int = 0) -> int:
        """Read how many of something follow."""
        found = self.number()
        if not least <= found <= most:
            raise Unreadable(f"it tells of {found} entries")
        return found

    def bits(self, count: int) -> list[bool]:
        """Read a row of bits."""
        data = self.take((count + 7) // 8)
        return [bool(data[i // 8] & 0x80 >> i % 8) for i in range(count)]

    def checksums(self, count: int) -> None:
        """Read checksums, which nobody asks for."""
        told = count if self.byte() else sum(self.bits(count))
        self.take(4 * told)

    def skip_to_end_of_checksums(self, all_files: int, of_shared: int) -> None:
        """Read the checksums of files, whose number depends on those of their folders."""
        begin = self._at
        for count in (of_shared, all_files):
            self._at = begin
            try:
                self.checksums(count)
            except Unreadable:
                continue
            if self._data[self._at : self._at + 1] == bytes([_END]):
                return
        raise Unreadable("its checksums are none")


class _Unpacker(Protocol):
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...

    @property
    def eof(self) -> bool: ...


class _Inflate:
    """Raw deflate with the face of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-15)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof


def _unpacked(source: BinaryIO, folder: _Folder) -> Iterator[bytes]:
    """Give the plain bytes of a folder in chunks."""
    coders = [folder.coders[number] for number in folder.order]
    file: BinaryIO = source
    chain: list[dict[str, int]] = []
    stages: list[_Unpacker] = []
    # liblzma undoes filters and LZMA in one chain, whose last link is what is packed.
    for coder in coders:
        if coder.method in _FILTERS or coder.method in (_LZMA, _LZMA2):
            link = _link(coder)
            if chain and "dict_size" in link:
                raise Unsupported("it is packed twice")
            chain.insert(0, link)
        elif coder.method != _COPY:
            stages.append(_other(coder))
    if chain and "dict_size" in chain[-1]:
        if any(link["id"] == lzma.FILTER_X86 for link in chain):
            return _with_tail(file, chain, folder.sizes[folder.order[-1]])
        stages.append(_lzma(chain))
    elif chain:
        raise Unsupported("its filters stand before what is no LZMA")
    if len(stages) > 1:
        raise Unsupported("it is packed twice")
    return _stage(file, stages[0]) if stages else iter(lambda: file.read(_CHUNK), b"")


def _lzma(chain: list[dict[str, int]]) -> _Unpacker:
    return cast("_Unpacker", lzma_unpacker(chain))


def _with_tail(file: BinaryIO, chain: list[dict[str, int]], size: int) -> Iterator[bytes]:
    """Give what the x86 filter holds back at the end, too: it waits for more than the few bytes that it needs.

    Those bytes are never changed by it, so that they are the last ones of the same stream without the filter.
    """
    given = 0
    for chunk in _stage(file, _lzma(chain)):
        given += len(chunk)
        yield chunk
    if 0 < size - given <= 8 and len(chain) == 2:
        file.seek(0)
        tail = b""
        for chunk in _stage(file, _lzma(chain[-1:])):
            tail = (tail + chunk)[-8:]
        yield tail[len(tail) - (size - given) :]


def _link(coder: _Coder) -> dict[str, int]:
    if coder.method == _LZMA:
        return lzma_filter(coder.properties)
    if coder.method == _LZMA2:
        bits = coder.properties[0] if coder.properties else 41
        dictionary = (2 | bits & 1) << (bits // 2 + 11) if bits < 40 else MOST_DICTIONARY + 1
        if dictionary > MOST_DICTIONARY:
            raise Unreadable(f"it asks for {dictionary} bytes of memory")
        return {"id": lzma.FILTER_LZMA2, "dict_size": dictionary}
    if _FILTERS[coder.method] == lzma.FILTER_DELTA:
        return {"id": lzma.FILTER_DELTA, "dist": (coder.properties[0] if coder.properties else 0) + 1}
    return {"id": _FILTERS[coder.method]}


def _other(coder: _Coder) -> _Unpacker:
    if coder.method == _DEFLATE:
        return _Inflate()
    if coder.method == _BZIP2:
        return cast("_Unpacker", bz2.BZ2Decompressor())
    raise Unsupported(f"it is packed by the coder {coder.method.hex()}, which is not unpacked")


def _stage(file: BinaryIO, unpacker: _Unpacker) -> Iterator[bytes]:
    while not unpacker.eof:
        data = file.read(_CHUNK) if getattr(unpacker, "needs_input", True) else b""
        try:
            found = unpacker.decompress(data, _CHUNK)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError, MemoryError) as why:
            raise Unreadable(f"a stream in it is broken: {why}") from None
        if found:
            yield found
        elif not data and getattr(unpacker, "needs_input", True):
            return


class _Chunks:
    """A folder's bytes, cut at the ends of its files."""

    def __init__(self, chunks: Iterator[bytes], budget: Budget, packed: int) -> None:
        self._chunks, self._budget, self._packed = chunks, budget, packed
        self._left = b""
        self._given = 0

    def take(self, count: int) -> Iterator[bytes]:
        """Give the next `count` bytes, or what there is of them."""
        while count > 0:
            chunk = self._left or next(self._chunks, b"")
            if not chunk:
                return
            self._left, chunk = chunk[count:], chunk[:count]
            count -= len(chunk)
            self._given += len(chunk)
            if self._given > BOMB_SIZE and self._given > BOMB_RATIO * max(1, self._packed):
                raise Bomb(f"{self._packed} bytes unpack to more than {self._given}")
            yield chunk


def prefix_of(member: SevenMember, count: int) -> bytes:
    """Read the beginning of a file."""
    found = member.file.read(count)
    member.file.seek(0, io.SEEK_SET)
    return found
