"""Archives and compressed files of strangers: members by their own structures, streamed, and never more than a budget.

Loaders of models ignore checksums, encryption bits and local names, so the bytes are given all the same; where an
archive's structures disagree, that is a problem of its own.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO, Final, NamedTuple, Protocol, cast

from safecase.readers.artifacts.report import Deadline

MOST_MEMBERS: Final = 100_000
MOST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes that one file may unpack to, all members and depths together."""

BOMB_SIZE: Final = 64 * 1024 * 1024
BOMB_RATIO: Final = 100
_IN_MEMORY: Final = 16 * 1024 * 1024
_CHUNK: Final = 256 * 1024

COMPRESSIONS: Final[tuple[tuple[str, bytes], ...]] = (
    ("gzip", b"\x1f\x8b"),
    ("bz2", b"BZh"),
    ("xz", b"\xfd7zXZ\x00"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("lzma", b"\x5d\x00\x00"),
)


class Unreadable(Exception):  # noqa: N818 - becomes a problem of the file that is looked at
    """A member or a stream can not be unpacked."""


class Bomb(Unreadable):
    """It unpacks to far more than it is."""


class Budget:
    """What is left of the bytes that one file may unpack to."""

    def __init__(self, deadline: Deadline, most: int = MOST_UNPACKED) -> None:
        self.left = most
        self.deadline = deadline

    def spend(self, count: int) -> None:
        """Count unpacked bytes."""
        self.left -= count
        if self.left < 0:
            raise Unreadable("it unpacks to more than is looked at")
        if self.deadline.passed():
            raise Unreadable("it takes too long")


class Unpacked(NamedTuple):
    """What a compressed stream held."""

    file: BinaryIO
    size: int
    whole: bool
    """It did not break off."""


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
    "xz": lambda: cast("_Unpacker", lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 * 1024 * 1024)),
    "lzma": lambda: cast("_Unpacker", lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=256 * 1024 * 1024)),
}


def compression_of(prefix: bytes) -> str:
    """Name the compression that bytes begin with; empty where there is none."""
    for name, magic in COMPRESSIONS:
        if prefix.startswith(magic):
            return name
    zlib_like = len(prefix) > 1 and prefix[0] == 0x78 and int.from_bytes(prefix[:2], "big") % 31 == 0
    return "zlib" if zlib_like else ""


def unpacked_prefix(prefix: bytes, kind: str, most: int = 4096) -> bytes:
    """Unpack the beginning of a compressed file; empty where it is none."""
    if kind not in _UNPACKERS:
        return b""
    try:
        return _UNPACKERS[kind]().decompress(prefix, most)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
        return b""


def unpack(file: BinaryIO, kind: str, budget: Budget, packed: int) -> Unpacked:
    """Unpack a compressed file, with every stream in it, to a temporary one.

    What breaks off in the middle gives what was there: a loader has seen that much, too.
    """
    if kind not in _UNPACKERS:
        raise Unreadable(f"{kind} is not unpacked")
    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller reads it
    size, whole = 0, True
    for chunk in _unpacked(file, kind):
        if chunk is None:
            whole = False
            break
        size += len(chunk)
        budget.spend(len(chunk))
        if size > BOMB_SIZE and size > BOMB_RATIO * max(1, packed):
            raise Bomb(f"{packed} bytes unpack to more than {size}")
        target.write(chunk)
    target.seek(0)
    return Unpacked(cast("BinaryIO", target), size, whole)


def _unpacked(file: BinaryIO, kind: str) -> Iterator[bytes | None]:
    """Give what comes out, and None at the end where it breaks off."""
    unpacker = _UNPACKERS[kind]()
    rest = b""
    while True:
        data = b"" if not getattr(unpacker, "needs_input", True) else rest or file.read(_CHUNK)
        rest = b""
        try:
            found = unpacker.decompress(data, _CHUNK)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
            yield None
            return
        if found:
            yield found
        if unpacker.eof:
            rest = unpacker.unused_data or file.read(_CHUNK)
            if not rest or kind in ("deflate", "lzma"):
                return
            unpacker = _UNPACKERS[kind]()
        elif not data and not found:
            yield None
            return


# Tar


def tar_members(file: BinaryIO, size: int) -> Iterator[tuple[str, int, int]]:
    """Give name, start and size of each regular member of a tar file."""
    at = 0
    for _ in range(MOST_MEMBERS):
        file.seek(at)
        header = file.read(512)
        if len(header) < 512 or not header.strip(b"\0"):
            return
        length = _tar_number(header[124:136])
        if length is None or at + 512 + length > size + 512:
            raise Unreadable("a member's size is none")
        if header[156:157] in b"0\0" or header[156:157] == b"7":
            yield header[:100].split(b"\0")[0].decode("utf-8", "replace"), at + 512, min(length, size - at - 512)
        at += 512 + (length + 511) // 512 * 512


def is_tar(prefix: bytes) -> bool:
    """Say whether bytes begin with a tar header: its checksum tells, with or without the `ustar` magic."""
    if len(prefix) < 512:
        return False
    told = _tar_number(prefix[148:156])
    return told is not None and told == sum(prefix[:148]) + 8 * 0x20 + sum(prefix[156:512]) and told > 8 * 0x20


def _tar_number(field: bytes) -> int | None:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.strip(b"\0 ")
    try:
        return int(text or b"0", 8)
    except ValueError:
        return None


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
