"""Zip files of strangers: members by every way in which a loader may find them.

Loaders of models ignore checksums, encryption bits and local names, so the bytes are given all the same; where the
structures disagree, that is a problem of its own (`zip_disagreements`).
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO, Final

from safecase.readers.archives.unpacking import (
    BOMB_RATIO,
    BOMB_SIZE,
    MOST_MEMBERS,
    Bomb,
    Budget,
    Unpacked,
    Unreadable,
    Unsupported,
    peek_at,
    section,
    unpack,
    unpacked_prefix,
)
from safecase.readers.archives.zip_disagreements import Comparison
from safecase.readers.archives.zip_records import (
    ENCRYPTED,
    Directory,
    End,
    Member,
    directory,
    directory_start,
    ends,
    ends_there,
    has_end,
    local_header,
)
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

__all__ = [
    "Member",
    "beginning",
    "behind_stream",
    "checked",
    "is_whole_zip",
    "is_zip",
    "listed",
    "open_member",
    "zip_members",
]

METHODS: Final = {8: "deflate", 12: "bz2", 14: "zip_lzma", 93: "zstd", 95: "xz"}
MOST_JUDGED: Final = 10_000
"""Members that are looked into where there are far too many."""

MOST_CHECKED: Final = 256 * 1024 * 1024


def is_zip(file: BinaryIO, size: int) -> bool:
    """Say whether a file has the end record of a zip, wherever it begins."""
    return has_end(file, size)


def is_whole_zip(file: BinaryIO, size: int) -> bool:
    """Say whether a file ends as a zip does, whatever it begins with."""
    return ends_there(file, size)


def listed(file: BinaryIO, size: int) -> list[Member]:
    """List the members as most loaders do, without looking at them; raises `Unreadable`."""
    return _main(file, ends(file, size)).members


def zip_members(file: BinaryIO, size: int, problems: Problems, where: str = "") -> list[Member]:
    """List the members of a zip file, by every record that tells of one; tells where the records disagree."""
    found = ends(file, size)
    comparison = Comparison(file, size, problems, where)
    try:
        main = _main(file, found)
    except Unreadable:
        comparison.without_directory()
        if not comparison.extra:
            raise
        return comparison.extra
    if len(main.members) >= MOST_MEMBERS:
        comparison.tell("members", "suspicious", f"{MOST_MEMBERS} members or more: most are not judged", key="members")
        del main.members[MOST_JUDGED:]
        return comparison.directory(main, whole=False)
    members = comparison.directory(main)
    _end(file, main, comparison)
    for other in _others(file, main, found):
        message = "two directories tell of different members: loaders differ in which one they read"
        comparison.tell("directories", "malicious", message, key="directories")
        members += other.members
    return members + comparison.extra


def _main(file: BinaryIO, found: list[End]) -> Directory:
    if not found:
        raise Unreadable("it has no end record")
    # A loader that finds nothing at the last end record does not go back to an earlier one; a zip within a comment
    # that is cut off leaves one of no worth, and some loaders do.
    for end in found:
        for shifted in (True, False):
            read = directory(file, end, shifted=shifted)
            if read is not None:
                return read
    raise Unreadable("its directory lies outside of it")


def _others(file: BinaryIO, main: Directory, found: list[End]) -> list[Directory]:
    """Give the directories that another loader may take for the one."""
    others: list[Directory] = []
    seen = {main.start}
    first = min((member.start for member in main.members), default=main.start)
    for end in found:
        # Where the members are, a zip within the zip has an end of its own.
        if first <= end.at < main.start:
            continue
        for shifted in (True, False):
            start = directory_start(end, shifted=shifted)
            read = directory(file, end, shifted=shifted) if start not in seen else None
            seen.add(start)
            if read is not None and read.members:
                others.append(read)
    return others


def _end(file: BinaryIO, main: Directory, comparison: Comparison) -> None:
    """Judge the records at the end."""
    end = main.end
    if end.differs:
        comparison.tell("zip64", "suspicious", "the 64-bit end record differs from the other one", key="zip64")
    if end.disks:
        comparison.tell("disks", "suspicious", "it says that it is one of several parts", key="disks")
    if end.told != len(main.members):
        message = f"its end counts {end.told} members, and its directory lists {len(main.members)}"
        comparison.tell("count", "suspicious", message, key="count")
    if main.stop - main.start != end.directory_size:
        message = f"its directory has {main.stop - main.start} bytes, and {end.directory_size} by its end"
        comparison.tell("directory", "suspicious", message, key="directory")
    comment = peek_at(file, max(main.stop, end.stop - 65_535), 65_535) if end.stop > main.stop else b""
    if b"PK\x03\x04" in comment or b"PK\x01\x02" in comment:
        comparison.tell("comment", "suspicious", "records of a zip lie behind the directory", key="comment")
    comparison.trailing(end.stop)


def open_member(file: BinaryIO, member: Member, budget: Budget) -> Unpacked:
    """Give a member's bytes and their number, whatever its checksum and its encryption bit say."""
    start = _data(file, member)
    if member.method == 0:
        # Stored: the directory's size counts, and the other one where the two disagree.
        length = max(0, min(max(member.packed, member.size), file.seek(0, io.SEEK_END) - start))
        return Unpacked(section(file, start, length), length, whole=True)
    kind = _kind(member)
    if member.size > BOMB_SIZE and member.size > BOMB_RATIO * max(1, member.packed):
        raise Bomb(f"{member.packed} bytes unpack to {member.size}")
    return unpack(section(file, start, member.packed), kind, budget, member.packed, member.size)


def beginning(file: BinaryIO, member: Member, most: int) -> bytes:
    """Read the first bytes of a member."""
    start = _data(file, member)
    if member.method == 0:
        return peek_at(file, start, min(most, max(member.packed, member.size)))
    return unpacked_prefix(peek_at(file, start, min(most, member.packed)), _kind(member), most)


def behind_stream(file: BinaryIO, member: Member, rest: int) -> Member:
    """Give the bytes that a member's stream leaves over as a member of its own."""
    start = _data(file, member) + member.packed - rest
    return Member(f"{member.name} (behind its stream)", b"", start, 0, rest, rest, data=start)


def _kind(member: Member) -> str:
    kind = METHODS.get(member.method)
    if kind is None:
        raise Unsupported(f"compression method {member.method} is not unpacked")
    return kind


def _data(file: BinaryIO, member: Member) -> int:
    if member.data >= 0:
        return member.data
    local = local_header(file, member.start, member.start + 65_536 * 3)
    if local is None:
        raise Unreadable("it lies outside of the file")
    return local.data


def checked(opened: BinaryIO, length: int, member: Member, problems: Problems, where: str, *, sums: bool) -> None:
    """Hold what a member unpacks to against its size and its checksum (where the archive has `sums`)."""
    told = shown(member.name)
    if member.method and length != member.size:
        message = f"{told} unpacks to {length} bytes, and its entry says {member.size}"
        problems.add("zip.unpacked-size", "suspicious", message, member=where)
    matches = length <= MOST_CHECKED and _crc(opened, length) == member.crc
    if member.flags & ENCRYPTED and (matches or (not member.method and member.packed == member.size)):
        message = f"{told} is marked as encrypted, and is not: a scanner would skip what a loader reads"
        problems.add("zip.encryption", "malicious", message, member=where)
    elif member.flags & ENCRYPTED:
        problems.add("archive.encrypted", "error", f"{told} is encrypted: not judged", member=where)
    elif sums and length <= MOST_CHECKED and not matches:
        message = f"the checksum of {told} is not that of its bytes: loaders of models read it, others refuse"
        problems.add("zip.checksum", "suspicious", message, member=where)


def _crc(opened: BinaryIO, length: int) -> int:
    opened.seek(0)
    found = 0
    while length > 0 and (chunk := opened.read(min(length, 1024 * 1024))):
        found = zlib.crc32(chunk, found)
        length -= len(chunk)
    opened.seek(0)
    return found
