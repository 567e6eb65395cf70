"""Archives and compressed files of strangers: members by their own structures, streamed, and never more than a budget.

Loaders of models ignore checksums, encryption bits and local names, so the bytes are given all the same; where an
archive's structures disagree, that is a problem of its own.
"""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable
from typing import IO, BinaryIO, Final, NamedTuple, Protocol, cast

from safecase.readers.archives import lz4
from safecase.readers.artifacts.report import Deadline

MOST_MEMBERS: Final = 100_000
MOST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes that one file may unpack to, all members and depths together."""

BOMB_SIZE: Final = 64 * 1024 * 1024
BOMB_RATIO: Final = 100
_IN_MEMORY: Final = 16 * 1024 * 1024
_CHUNK: Final = 256 * 1024

MOST_DICTIONARY: Final = 256 * 1024 * 1024
"""Bytes of memory that a stream may ask for."""

COMPRESSIONS: Final[tuple[tuple[str, bytes], ...]] = (
    ("gzip", b"\x1f\x8b"),
    ("bz2", b"BZh"),
    ("xz", b"\xfd7zXZ\x00"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("lz4", b"\x02\x21\x4c\x18"),
    ("zstd", b"\x28\xb5\x2f\xfd"),
    ("lzma", b"\x5d\x00\x00"),
)


class Unreadable(Exception):  # noqa: N818 - becomes a problem of the file that is looked at
    """A member or a stream can not be unpacked."""


class Unsupported(Unreadable):
    """It is packed in a way that nobody here unpacks."""


class Bomb(Unreadable):
    """It unpacks to far more than it is."""


class Budget:
    """What is left of the bytes that one file may unpack to."""

    def __init__(self, deadline: Deadline, most: int = MOST_UNPACKED, packed: int = MOST_UNPACKED) -> None:
        self.left = most
        self.deadline = deadline
        self.packed = packed
        """Bytes that the file itself has."""
        self._declared = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes."""
        self.left -= count
        if self.left < 0:
            raise Unreadable("it unpacks to more than is looked at")
        if self.deadline.passed():
            raise Unreadable("it takes too long")

    def declare(self, count: int) -> None:
        """Count bytes that a member says it unpacks to: many small bombs are a large one."""
        self._declared += count
        if self._declared > BOMB_SIZE and self._declared > BOMB_RATIO * max(1, self.packed):
            raise Bomb(f"all in it unpacks to more than {self._declared} bytes, and it has {self.packed}")


class Unpacked(NamedTuple):
    """What a compressed stream held."""

    file: BinaryIO
    size: int
    whole: bool
    """It did not break off."""
    rest: int = 0
    """Bytes behind the end of a stream that has but one."""


class Outlet:
    """Where a decoder of ours puts what it unpacks: in memory, then in a temporary file, never more than a budget."""

    def __init__(self, budget: Budget, packed: int, told: int | None = None) -> None:
        self._budget, self._packed = budget, packed
        # Where the size is known before, nothing honest unpacks to much more.
        self._most = BOMB_RATIO * max(1, packed) if told is None else told
        self.size = 0
        self.file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - is read on

    def write(self, chunk: bytes) -> None:
        """Keep a chunk; raises `Bomb`."""
        self.size += len(chunk)
        self._budget.spend(len(chunk))
        if self.size > BOMB_SIZE and self.size > self._most:
            raise Bomb(f"{self._packed} bytes unpack to more than {self.size}")
        self.file.write(chunk)


class Section(io.RawIOBase):
    """A window on a part of a file, readable and seekable by itself."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._file, self._start, self._length, self._at = file, start, length, 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """It can be moved in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the window."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence])
        return self._at

    def tell(self) -> int:
        """Say where it is in the window."""
        return self._at

    def readinto(self, target: object) -> int:
        """Read on; the file itself may be moved by others between two reads."""
        view = memoryview(cast("bytearray", target)).cast("B")
        count = max(0, min(len(view), self._length - self._at))
        self._file.seek(self._start + self._at)
        found = self._file.read(count)
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def section(file: BinaryIO, start: int, length: int) -> BinaryIO:
    """Give a buffered window on a part of a file."""
    return cast("BinaryIO", io.BufferedReader(Section(file, start, length), 16_384))


# Compressed streams


class _Unpacker(Protocol):
    def decompress(self, data: bytes, max_length: int) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class _Inflate:
    """zlib with the face of bz2 and lzma."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


_UNPACKERS: Final[dict[str, Callable[[], _Unpacker]]] = {
    "deflate": lambda: _Inflate(-15),
    "zlib": lambda: _Inflate(15),
    "gzip": lambda: _Inflate(31),
    "bz2": lambda: cast("_Unpacker", bz2.BZ2Decompressor()),
    "xz": lambda: cast("_Unpacker", lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_DICTIONARY)),
    "lzma": lambda: cast("_Unpacker", lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MOST_DICTIONARY)),
    "zstd": lambda: _zstd(),
}


def _zstd() -> _Unpacker:
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        raise Unsupported("Zstandard is unpacked from Python 3.14 on only") from None
    return cast("_Unpacker", module.ZstdDecompressor())


def compression_of(prefix: bytes) -> str:
    """Name the compression that bytes begin with; empty where there is none."""
    for name, magic in COMPRESSIONS:
        if prefix.startswith(magic):
            return name
    zlib_like = len(prefix) > 1 and prefix[0] == 0x78 and int.from_bytes(prefix[:2], "big") % 31 == 0
    return "zlib" if zlib_like else ""


def unpacked_prefix(prefix: bytes, kind: str, most: int = 4096) -> bytes:
    """Unpack the beginning of a compressed file; empty where it is none."""
    if kind == "lz4":
        return lz4.beginning(prefix, most)
    if kind not in _UNPACKERS and kind != "zip_lzma":
        return b""
    try:
        if kind == "zip_lzma":
            return _zip_lzma(prefix[:9]).decompress(prefix[9:], most)
        return _UNPACKERS[kind]().decompress(prefix, most)
    except (*_UNPACK_ERRORS, Unsupported):
        return b""


def unpack(file: BinaryIO, kind: str, budget: Budget, packed: int, told: int | None = None) -> Unpacked:
    """Unpack a compressed file, with every stream in it, to a temporary one; `told` is the size that it claims.

    What breaks off in the middle gives what was there: a loader has seen that much, too.
    """
    if kind not in _UNPACKERS and kind not in ("lz4", "zip_lzma"):
        raise Unsupported(f"{kind} is not unpacked")
    outlet = Outlet(budget, packed, told)
    if kind == "lz4":
        whole, rest = lz4.unpack(file, outlet.write), 0
    else:
        whole, rest = _unpack_streams(file, kind, outlet, packed)
    outlet.file.seek(0)
    return Unpacked(outlet.file, outlet.size, whole, rest)


def _unpack_streams(file: BinaryIO, kind: str, outlet: Outlet, packed: int) -> tuple[bool, int]:
    """Unpack all streams; says whether the last is whole, and how many bytes lie behind a single one."""
    unpacker = _zip_lzma(file.read(9)) if kind == "zip_lzma" else _UNPACKERS[kind]()
    rest = b""
    while True:
        data = b"" if not getattr(unpacker, "needs_input", True) else rest or file.read(_CHUNK)
        rest = b""
        try:
            found = unpacker.decompress(data, _CHUNK)
        except _UNPACK_ERRORS:
            return False, 0
        outlet.write(found)
        if unpacker.eof:
            rest = unpacker.unused_data
            if kind in _SINGLE:
                return True, max(0, packed - file.tell() + len(rest))
            rest = rest or file.read(_CHUNK)
            if not rest.strip(b"\0"):
                return True, 0
            unpacker = _UNPACKERS[kind]()
        elif not data and not found:
            # A raw stream of LZMA may have no mark at its end.
            return kind == "zip_lzma", 0


_SINGLE: Final = frozenset({"deflate", "lzma", "zip_lzma"})
_UNPACK_ERRORS: Final = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError, MemoryError)


def _zip_lzma(head: bytes) -> _Unpacker:
    """Give an unpacker by the nine bytes that go before LZMA in a zip."""
    if len(head) < 9 or head[2:4] != b"\x05\x00":
        raise Unreadable("its LZMA properties are none")
    return cast("_Unpacker", lzma_unpacker([lzma_filter(head[4:9])]))


def lzma_filter(properties: bytes) -> dict[str, int]:
    """Give the filter that five bytes of LZMA properties describe."""
    if len(properties) < 5 or properties[0] >= 225:
        raise Unreadable("its LZMA properties are none")
    first, dictionary = properties[0], max(4096, int.from_bytes(properties[1:5], "little"))
    if dictionary > MOST_DICTIONARY:
        raise Unreadable(f"it asks for {dictionary} bytes of memory")
    # liblzma takes lc + lp up to 4 only, as all encoders do.
    return {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": first % 9, "lp": first // 9 % 5, "pb": first // 45}


def lzma_unpacker(filters: list[dict[str, int]]) -> lzma.LZMADecompressor:
    """Give a raw unpacker for a chain of filters; raises `Unreadable`."""
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError) as why:
        raise Unreadable(f"its LZMA properties are none that is known: {why}") from None


def peek(file: IO[bytes], count: int) -> bytes:
    """Read the beginning of a file and go back to it."""
    found = peek_at(file, 0, count)
    file.seek(0)
    return found


def peek_at(file: IO[bytes], at: int, count: int) -> bytes:
    """Read a few bytes from a place of a file."""
    file.seek(at)
    return file.read(count)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a protobuf number; gives it with the place behind it, which is 0 where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return 0, 0
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return 0, 0
