"""Zip files of strangers: members by the central directory, held against their own headers.

Loaders of models ignore checksums, encryption bits and local names, so the bytes are given all the same; where the
structures disagree, that is a problem of its own.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from safecase.readers.archives.unpacking import (
    BOMB_RATIO,
    BOMB_SIZE,
    MOST_MEMBERS,
    Bomb,
    Budget,
    Unreadable,
    peek_at,
    section,
    unpack,
    unpacked_prefix,
)
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

_TAIL: Final = 65_557
_EOCD: Final = b"PK\x05\x06"
_LOCAL: Final = b"PK\x03\x04"


class Member(NamedTuple):
    """A member of a zip file, as its central directory tells it."""

    name: str
    raw: bytes
    """The name as it stands there."""
    start: int
    """Where its local header lies."""
    method: int
    packed: int
    size: int


def is_zip(file: BinaryIO, size: int) -> bool:
    """Say whether a file has the end record of a zip, wherever it begins."""
    return _end_record(file, size) is not None


def _end_record(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(size - start)
    at = tail.rfind(_EOCD)
    return (start + at, tail[at : at + 22]) if at >= 0 and len(tail) - at >= 22 else None


def zip_members(file: BinaryIO, size: int, problems: Problems, where: str = "") -> list[Member]:
    """List the members of a zip file, duplicates and all; tells where its structures disagree."""
    found = _end_record(file, size)
    if found is None:
        raise Unreadable("it has no end record")
    at, record = found
    directory_size, directory_start = struct.unpack("<II", record[12:20])
    wide = _zip64(file, at)
    if wide is not None:
        at, directory_size, directory_start = wide
    # Bytes put before a zip move everything in it; loaders find it from its end.
    shift = at - directory_size - directory_start
    if shift < 0:
        raise Unreadable("its directory lies outside of it")
    file.seek(directory_start + shift)
    members = list(_directory(file.read(min(directory_size, 64 * 1024 * 1024)), shift))
    if shift:
        problems.add("zip.prefix", "suspicious", f"{shift} bytes lie before the archive", member=where, key="prefix")
    _compare(file, members, problems, where)
    return members


def _zip64(file: BinaryIO, at: int) -> tuple[int, int, int] | None:
    """Give place, directory size and directory start of the 64-bit end record, where there is one."""
    locator = peek_at(file, max(0, at - 20), 20)
    if locator[:4] != b"PK\x06\x07":
        return None
    for place in (at - 76, struct.unpack("<Q", locator[8:16])[0]):
        record = peek_at(file, place, 56) if 0 <= place < at else b""
        if record[:4] == b"PK\x06\x06" and len(record) == 56:
            size, start = struct.unpack("<QQ", record[40:56])
            return place, size, start
    raise Unreadable("its 64-bit end record is missing")


def _directory(data: bytes, shift: int) -> Iterator[Member]:
    at = 0
    for _ in range(MOST_MEMBERS):
        if data[at : at + 4] != b"PK\x01\x02" or len(data) < at + 46:
            return
        flags, method = struct.unpack_from("<HH", data, at + 8)
        packed, size, name_size, extra_size, comment_size = struct.unpack_from("<IIHHH", data, at + 20)
        start = struct.unpack_from("<I", data, at + 42)[0]
        raw = data[at + 46 : at + 46 + name_size]
        extra = data[at + 46 + name_size : at + 46 + name_size + extra_size]
        size, packed, start = _wide(extra, size, packed, start)
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        yield Member(name, raw, start + shift, method, packed, size)
        at += 46 + name_size + extra_size + comment_size


def _wide(extra: bytes, *values: int) -> Iterator[int]:
    """Take the 64-bit numbers that stand in for those that did not fit."""
    wide = b""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == 1:
            wide = extra[4 : 4 + length]
        extra = extra[4 + length :]
    for value in values:
        if value == 0xFFFFFFFF and len(wide) >= 8:
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        yield value


def _compare(file: BinaryIO, members: list[Member], problems: Problems, where: str) -> None:
    """Hold the directory against the local headers and against what lies between them."""
    if len(members) >= MOST_MEMBERS:
        problems.add("zip.members", "error", f"more than {MOST_MEMBERS} members: not judged", member=where)
    names: set[str] = set()
    for member in members:
        told = shown(member.name)
        name = f"{where}{member.name}"
        if member.name in names:
            problems.add("zip.duplicate", "suspicious", f"two members are called {told}", member=name)
        names.add(member.name)
        if _leads_out(member.name):
            problems.add("zip.path", "suspicious", f"a member is called {told}, outside of the archive", member=name)
        file.seek(member.start)
        header = file.read(30)
        if len(header) < 30 or header[:4] != _LOCAL:
            problems.add("zip.header", "suspicious", f"{told} has no local header", member=name)
            continue
        local = file.read(int.from_bytes(header[26:28], "little"))
        if local != member.raw:
            message = f"{told} is called {shown(local.decode('utf-8', 'replace'))} in its own header"
            problems.add("zip.names-differ", "suspicious", message, member=name)


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":"


def open_member(file: BinaryIO, member: Member, budget: Budget, most: int | None = None) -> tuple[BinaryIO, int]:
    """Give a member's bytes and their number, whatever its checksum and its encryption bit say.

    `most` is for a look at its beginning only.
    """
    file.seek(member.start)
    header = file.read(30)
    if len(header) < 30:
        raise Unreadable("it lies outside of the file")
    start = member.start + 30 + sum(struct.unpack("<HH", header[26:30]))
    if member.method == 0:
        # Stored: the directory's size counts, and the other one where the two disagree.
        length = max(member.packed, member.size)
        return section(file, start, length if most is None else min(most, length)), length
    kind = {8: "deflate", 12: "bz2"}.get(member.method)
    if kind is None:
        raise Unreadable(f"compression method {member.method} is not unpacked")
    packed = section(file, start, member.packed)
    if most is not None:
        beginning = unpacked_prefix(packed.read(most), kind, most)
        return io.BytesIO(beginning), len(beginning)
    if member.size > BOMB_SIZE and member.size > BOMB_RATIO * max(1, member.packed):
        raise Bomb(f"{member.packed} bytes unpack to {member.size}")
    opened = unpack(packed, kind, budget, member.packed)
    return opened.file, opened.size
