"""Tar files of strangers: ustar, GNU and pax, member by member, with what makes two readers see different files.

`tarfile` stops at the first broken header, and takes the last of two members of one name; loaders of models ask for a
member by its name, and follow links. All of that is read here, and nothing is written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from safecase.readers.archives.member_names import leads_out
from safecase.readers.archives.unpacking import MOST_MEMBERS, Budget, peek_at
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

BLOCK: Final = 512
MOST_HEADER: Final = 1024 * 1024
"""Bytes of the extended header of one member."""

MOST_SKIPPED: Final = 256 * 1024 * 1024
"""Bytes behind a broken header that are searched for the next one."""

_LINKS: Final = {b"1": "a hard link", b"2": "a symbolic link"}
_DEVICES: Final = {b"3": "a device", b"4": "a device", b"6": "a FIFO"}
_FILES: Final = (b"0", b"\0", b"7", b"S")
_EXTENSIONS: Final = (b"L", b"K", b"x", b"g", b"X", b"N")
_SPARSE: Final = ("GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.offset", "GNU.sparse.numblocks")


class TarMember(NamedTuple):
    """A regular member of a tar file."""

    name: str
    start: int
    size: int


class _Header(NamedTuple):
    name: str
    link: str
    kind: bytes
    size: int | None
    whole: bool
    """Its checksum is right."""


def is_tar(prefix: bytes) -> bool:
    """Say whether bytes begin with a tar header: its checksum tells, with or without the `ustar` magic."""
    return len(prefix) >= BLOCK and _checksum_holds(prefix[:BLOCK])


def tar_members(file: BinaryIO, size: int, problems: Problems, budget: Budget, where: str = "") -> Iterator[TarMember]:
    """Give every regular member, also those behind the end that `tarfile` sees, and tell what is wrong with them."""
    reading = _Reading(file, size, problems, where)
    for count, member in enumerate(reading.members()):
        budget.spend(0)
        if count >= MOST_MEMBERS:
            reading.tell("members", "suspicious", f"more than {MOST_MEMBERS} members: not all are judged")
            return
        yield member


class _Reading:
    """One tar file while it is read."""

    def __init__(self, file: BinaryIO, size: int, problems: Problems, where: str) -> None:
        self._file, self._size, self._problems, self._where = file, size, problems, where
        self._names: dict[str, int] = {}
        self._extended: dict[str, str] = {}
        self._shared: dict[str, str] = {}

    def tell(self, rule: str, says: FileVerdict, message: str, name: str = "", key: str = "") -> None:
        """Note what is wrong."""
        self._problems.add(f"tar.{rule}", says, message, member=f"{self._where}{name}", key=key)

    def members(self) -> Iterator[TarMember]:
        """Walk over all headers."""
        at, ended = 0, False
        while at + BLOCK <= self._size:
            block = peek_at(self._file, at, BLOCK)
            if not block.strip(b"\0"):
                ended, found = True, self._next_filled(at)
                if found is None:
                    return
                at = found
                continue
            header = _header(block)
            if not header.whole and block[257:262] == b"ustar" and header.size is not None:
                # Lenient readers take it for what it says.
                self.tell("header", "error", f"the header of {shown(header.name)} is broken", header.name)
            elif header.size is None or not header.whole:
                yield from self._broken(at, ended=ended)
                following = self._next_header(at + BLOCK)
                if following is None:
                    return
                at, ended = following, False
                continue
            if ended:
                self.tell("behind-end", "suspicious", "members lie behind the end: another archive follows", key="end")
                ended = False
            start = at + BLOCK
            header = self._told_otherwise(header)
            length = header.size or 0
            if start + length > self._size:
                self._cut(header)
                length = self._size - start
            yield from self._member(header, start, length)
            at = start + (length + BLOCK - 1) // BLOCK * BLOCK if header.kind not in (b"1", b"2", b"5") else start
        if at < self._size and peek_at(self._file, at, BLOCK).strip(b"\0"):
            yield from self._broken(at, ended=ended)

    def _cut(self, header: _Header) -> None:
        message = f"{shown(header.name)} has fewer bytes than its header says"
        self.tell("cut", "error", message, header.name)

    def _next_filled(self, at: int) -> int | None:
        """Find the next block that is not all zeros."""
        while at < self._size:
            window = peek_at(self._file, at, 2048 * BLOCK)
            if not window:
                return None
            filled = len(window) - len(window.lstrip(b"\0"))
            if filled < len(window):
                return at + filled // BLOCK * BLOCK
            at += len(window)
        return None

    def _next_header(self, at: int) -> int | None:
        """Find the next header by its magic: lenient readers skip blocks that are none."""
        end = min(self._size, at + MOST_SKIPPED)
        while at < end:
            window = peek_at(self._file, at, 2048 * BLOCK)
            found = window.find(b"ustar")
            while found >= 0:
                start = found - 257
                block = window[start : start + BLOCK]
                if start >= 0 and start % BLOCK == 0 and is_tar(block):
                    return at + start
                found = window.find(b"ustar", found + 1)
            if not window:
                return None
            at += len(window)
        return None

    def _broken(self, at: int, *, ended: bool) -> Iterator[TarMember]:
        """Give what follows as one member of no name: other loaders may make something of it."""
        if ended:
            self.tell("trailing", "suspicious", f"{self._size - at} bytes lie behind the end", key="trailing")
        else:
            self.tell("header", "error", "a header is broken: what follows is not judged by its names", key="header")
        yield TarMember(f"bytes at {at}", at, self._size - at)

    def _told_otherwise(self, header: _Header) -> _Header:
        """Put in place what an extended header before this one says."""
        if header.kind in _EXTENSIONS:
            return header
        told = self._shared | self._extended
        self._extended = {}
        name = told.get("GNU.sparse.name") or told.get("path") or header.name
        size = header.size
        if "size" in told and header.kind not in (b"1", b"2", b"5"):
            size = int(told["size"]) if told["size"].isascii() and told["size"].isdigit() else None
            if size is None or (header.size not in (0, size) and (header.size or 0) < 8**11 - 1):
                message = f"{shown(name)} has {header.size} bytes by its header, and {shown(told['size'])} by pax"
                self.tell("size", "suspicious", message, name)
                size = header.size if size is None else size
        if any(key in told for key in _SPARSE):
            self.tell("sparse", "suspicious", f"{shown(name)} has holes, whose bytes are not in the file", name)
        return header._replace(name=name, link=told.get("linkpath", header.link), size=size)

    def _member(self, header: _Header, start: int, length: int) -> Iterator[TarMember]:
        if header.kind in _EXTENSIONS:
            self._extension(header.kind, start, length)
            return
        name = header.name
        if way := leads_out(name):
            self.tell("path", "suspicious", f"the name {shown(name)} {way}", name)
        if not name.isprintable():
            self.tell("control", "suspicious", f"the name {shown(name)} has control characters", name)
        if header.kind in _LINKS:
            self._link(header)
        elif header.kind in _DEVICES:
            self.tell("special", "suspicious", f"{shown(name)} is {_DEVICES[header.kind]}", name)
        elif header.kind in _FILES or header.kind not in (b"5", b"V", b"D"):
            self._known(header)
            if header.kind == b"S":
                self.tell("sparse", "suspicious", f"{shown(name)} has holes, whose bytes are not in the file", name)
            yield TarMember(name, start, length)

    def _known(self, header: _Header) -> None:
        meaning = posixpath.normpath(header.name)
        self._names[meaning] = self._names.get(meaning, 0) + 1
        if self._names[meaning] > 1:
            self.tell("duplicate", "suspicious", f"two members are called {shown(header.name)}", header.name)

    def _link(self, header: _Header) -> None:
        target = header.link
        if header.kind == b"2":
            # A symbolic link begins where it lies, a hard link at the root of the archive.
            target = posixpath.join(posixpath.dirname(header.name), target)
        if leads_out(posixpath.normpath(target)) or leads_out(header.link) == "begins with a drive":
            message = f"{shown(header.name)} is {_LINKS[header.kind]} to {shown(header.link)}, outside of the archive"
            self.tell("link", "suspicious", message, header.name)
        meaning = posixpath.normpath(header.name)
        if self._names.get(meaning):
            self.tell("duplicate", "suspicious", f"two members are called {shown(header.name)}", header.name)
        self._names[meaning] = 1

    def _extension(self, kind: bytes, start: int, length: int) -> None:
        if length > MOST_HEADER:
            self.tell("extended", "suspicious", f"an extended header has {length} bytes", key="large")
            return
        content = peek_at(self._file, start, length)
        if kind in (b"L", b"K"):
            key = "path" if kind == b"L" else "linkpath"
            self._extended[key] = content.split(b"\0")[0].decode("utf-8", "surrogateescape")
            return
        found = _pax(content)
        if found is None:
            self.tell("extended", "suspicious", "an extended header has a record that is none", key="record")
        elif kind == b"g":
            self._shared.update(found)
        else:
            self._extended.update(found)


def _header(block: bytes) -> _Header:
    name = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0]
    if block[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    kind = block[156:157]
    if kind in (b"0", b"\0") and name.endswith(b"/"):
        kind = b"5"
    text = name.decode("utf-8", "surrogateescape")
    link = block[157:257].split(b"\0")[0].decode("utf-8", "surrogateescape")
    return _Header(text, link, kind, _number(block[124:136]), _checksum_holds(block))


def _checksum_holds(block: bytes) -> bool:
    told = _number(block[148:156])
    if not told:
        return False
    rest = block[:148] + block[156:]
    if told == sum(rest) + 8 * 0x20:
        return told > 8 * 0x20
    # Old writers summed signed bytes.
    return told == sum(byte - 256 * (byte > 127) for byte in rest) + 8 * 0x20


def _number(field: bytes) -> int | None:
    """Read a number: octal digits, or big-endian binary where the first bit says so."""
    if field[:1] in (b"\x80", b"\xff"):
        value = int.from_bytes(field[1:], "big")
        return value if field[:1] == b"\x80" else None
    text = field.split(b"\0")[0].strip(b" ")
    if text.strip(b"01234567"):
        return None
    return int(text or b"0", 8)


def _pax(content: bytes) -> dict[str, str] | None:
    """Read `length key=value` records; None where one is none."""
    found: dict[str, str] = {}
    at = 0
    while at < len(content) and content[at : at + 1] != b"\0":
        space = content.find(b" ", at, at + 12)
        digits = content[at:space] if space > at else b""
        if not digits.isdigit() or int(digits) < 5 or at + int(digits) > len(content):
            return None
        key, equals, value = content[space + 1 : at + int(digits) - 1].partition(b"=")
        if not equals:
            return None
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        at += int(digits)
    return found
