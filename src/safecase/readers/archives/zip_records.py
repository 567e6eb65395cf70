"""The records that a zip file is made of: its end, its directory, and the header before each member.

Nothing is judged here; a record that is cut off or none gives nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from safecase.readers.archives.unpacking import MOST_MEMBERS, peek_at

TAIL: Final = 65_557
END: Final = b"PK\x05\x06"
LOCAL: Final = b"PK\x03\x04"
CENTRAL: Final = b"PK\x01\x02"
DESCRIPTOR: Final = b"PK\x07\x08"
MOST_DIRECTORY: Final = 64 * 1024 * 1024
MOST_ENDS: Final = 8

ENCRYPTED: Final = 0x1
DESCRIBED: Final = 0x8
UTF8: Final = 0x800

_CENTRAL_FIELDS: Final = struct.Struct("<4sHHHHIIIIHHHHHII")
_LOCAL_FIELDS: Final = struct.Struct("<4sHHHIIIIHH")
_END_FIELDS: Final = struct.Struct("<4sHHHHIIH")
_WIDE_NUMBER: Final = 0xFFFFFFFF
_WIDE_LOCATOR: Final = b"PK\x06\x07"


class Member(NamedTuple):
    """A member of a zip file, as its central directory tells it, or as its own header does."""

    name: str
    raw: bytes
    """The name as it stands there."""
    start: int
    """Where its local header lies."""
    method: int
    packed: int
    size: int
    flags: int = 0
    crc: int = 0
    mode: int = 0
    """Unix mode bits; 0 where it was not made on Unix."""
    data: int = -1
    """Where its bytes begin; below 0 where its local header was not read."""


class Local(NamedTuple):
    """The header before a member."""

    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name: bytes
    data: int
    """Where the member's bytes begin."""


class End(NamedTuple):
    """An end record, with the numbers of the 64-bit one where there is one."""

    at: int
    """Where the records at the end begin: the 64-bit one where there is one."""
    stop: int
    """Where they end, with the comment."""
    told: int
    """How many members it counts."""
    directory_size: int
    directory_start: int
    disks: bool
    """It says that the archive has several parts."""
    differs: bool
    """The 64-bit record says another thing."""


class Directory(NamedTuple):
    """What one way of reading the end gives."""

    end: End
    start: int
    stop: int
    """Where its entries really end."""
    shift: int
    """How far every place in it lies behind what it says."""
    members: list[Member]


def ends(file: BinaryIO, size: int) -> list[End]:
    """Give the end records of a file, the last first: loaders take that one."""
    start = max(0, size - TAIL)
    tail = peek_at(file, start, size - start)
    found: list[End] = []
    at = tail.rfind(END)
    while at >= 0 and len(found) < MOST_ENDS:
        if len(tail) - at >= _END_FIELDS.size:
            found.append(_end(file, start + at, tail[at : at + 22], size))
        at = tail.rfind(END, 0, at)
    return found


def has_end(file: BinaryIO, size: int) -> bool:
    """Say whether there is an end record anywhere near the end."""
    start = max(0, size - TAIL)
    tail = peek_at(file, start, size - start)
    at = tail.rfind(END)
    return at >= 0 and len(tail) - at >= _END_FIELDS.size


def ends_there(file: BinaryIO, size: int) -> bool:
    """Say whether the file ends with an end record and its comment, as a zip that is nothing else does."""
    start = max(0, size - TAIL)
    tail = peek_at(file, start, size - start)
    at = tail.rfind(END)
    return 0 <= at <= len(tail) - 22 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


def _end(file: BinaryIO, at: int, record: bytes, size: int) -> End:
    _, disk, first_disk, here, count, length, start, comment = _END_FIELDS.unpack(record)
    told = (count, length, start)
    stop = min(size, at + 22 + comment)
    disks = bool((disk and disk != 0xFFFF) or (first_disk and first_disk != 0xFFFF) or here != count)
    wide = _wide_end(file, at)
    if wide is None:
        missing = at >= 20 and peek_at(file, at - 20, 4) == _WIDE_LOCATOR
        return End(at, stop, count, length, start, disks, differs=missing)
    place, *numbers = wide
    most = (0xFFFF, _WIDE_NUMBER, _WIDE_NUMBER)
    differs = any(t not in (n, m) for t, n, m in zip(told, numbers, most, strict=True))
    return End(place, stop, numbers[0], numbers[1], numbers[2], disks, differs)


def _wide_end(file: BinaryIO, at: int) -> tuple[int, int, int, int] | None:
    """Give place, count, directory size and directory start of the 64-bit end record, where there is one."""
    locator = peek_at(file, at - 20, 20) if at >= 20 else b""
    if locator[:4] != _WIDE_LOCATOR or len(locator) < 20:
        return None
    for place in (at - 76, struct.unpack("<Q", locator[8:16])[0]):
        record = peek_at(file, place, 56) if 0 <= place < at else b""
        if record[:4] == b"PK\x06\x06" and len(record) == 56:
            count, size, start = struct.unpack("<QQQ", record[32:56])
            return place, count, size, start
    return None


def directory_start(end: End, *, shifted: bool) -> int:
    """Tell where the directory before an end record begins; outside of the file where it cannot."""
    return end.at - end.directory_size if shifted else end.directory_start


def directory(file: BinaryIO, end: End, *, shifted: bool = True) -> Directory | None:
    """Read the directory before an end record, or (not `shifted`) where its start is told to be; None if not there.

    Bytes put before a zip move everything in it: most loaders find it from its end, some trust the places.
    """
    start = directory_start(end, shifted=shifted)
    if start < 0 or start > end.at:
        return None
    shift = start - end.directory_start
    data = peek_at(file, start, min(end.at - start, MOST_DIRECTORY))
    members: list[Member] = []
    length = _entries(data, shift, members)
    if not members and (end.told or end.directory_size):
        return None
    return Directory(end, start, start + length, shift, members)


def _entries(data: bytes, shift: int, members: list[Member]) -> int:
    """Read entries as long as there are some, whatever their number is told to be; gives where they end."""
    at, unpack = 0, _CENTRAL_FIELDS.unpack_from
    while len(members) < MOST_MEMBERS and data.startswith(CENTRAL, at) and len(data) >= at + 46:
        fields = unpack(data, at)
        _, made_by, _, flags, method, _, crc, packed, size, names, extras, comments, _, _, mode, start = fields
        raw = data[at + 46 : at + 46 + names]
        if _WIDE_NUMBER in (size, packed, start):
            extra = data[at + 46 + names : at + 46 + names + extras]
            size, packed, start = _wide(extra, size, packed, start)
        name = raw.decode("utf-8" if flags & UTF8 else "cp437", "replace")
        unix = mode >> 16 if made_by >> 8 == 3 else 0
        members.append(Member(name, raw, start + shift, method, packed, size, flags, crc, unix))
        at += 46 + names + extras + comments
    return min(at, len(data))


def local_header(file: BinaryIO, at: int, size: int) -> Local | None:
    """Read the header before a member; None where there is none."""
    if at < 0 or at + 30 > size:
        return None
    file.seek(at)
    head = file.read(256)
    if len(head) < 30 or head[:4] != LOCAL:
        return None
    _, _, flags, method, _, crc, packed, length, names, extras = _LOCAL_FIELDS.unpack_from(head)
    if _WIDE_NUMBER in (packed, length) or 30 + names > len(head):
        head += file.read(max(0, 30 + names + extras - len(head)))
        length, packed = _wide(head[30 + names : 30 + names + extras], length, packed)
    return Local(flags, method, crc, packed, length, head[30 : 30 + names], at + 30 + names + extras)


def _wide(extra: bytes, *values: int) -> Iterator[int]:
    """Take the 64-bit numbers that stand in for those that did not fit."""
    wide = b""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    for value in values:
        if value == _WIDE_NUMBER and len(wide) >= 8:
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        yield value
