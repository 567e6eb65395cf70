"""Where the records of a zip file disagree: one rule for each way in which two readers could see different members.

What honest writers do is known: sizes and checksum behind the data instead of before it (bit 3), padding in extra
fields, 64-bit numbers. What no writer does is told, and what only a stranger to the directory would read is given back
as members of its own, so that it is looked into all the same.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import BinaryIO, Final

from safecase.readers.archives.member_names import leads_out
from safecase.readers.archives.unpacking import peek_at
from safecase.readers.archives.zip_records import (
    DESCRIBED,
    DESCRIPTOR,
    ENCRYPTED,
    LOCAL,
    UTF8,
    Directory,
    Local,
    Member,
    local_header,
)
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_SEARCHED: Final = 256 * 1024 * 1024
"""Bytes that no member owns which are searched for members."""
MOST_STREAMED: Final = 16 * 1024 * 1024
"""Bytes of a member of no known length that are searched for its end."""

MOST_EXTRA: Final = 1000
_WINDOW: Final = 1024 * 1024
_METHODS: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99})
_PICKLE_NAME: Final = re.compile(r"(\.(pkl|pickle|p|joblib|dill|pt|pth|bin|ckpt)|(\A|/)(pickle|sys_info|data))\Z", re.I)
_CONFIG_NAME: Final = re.compile(r"(\.(json|py|ya?ml|toml|cfg)|(\A|/)(MANIFEST\.json|extern_modules))\Z", re.I)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPES: Final = {0x2000: "a device", 0x6000: "a device", 0xC000: "a socket"}
"""A FIFO is what Info-ZIP makes of its standard input."""


class Comparison:
    """One zip file whose directory is held against the rest of it."""

    def __init__(self, file: BinaryIO, size: int, problems: Problems, where: str) -> None:
        self._file, self._size, self._problems, self._where = file, size, problems, where
        self.extra: list[Member] = []
        """What only the local headers, or nobody at all, tells of."""
        self._tries = MOST_EXTRA
        self._left = MOST_SEARCHED
        self._listed = True

    def tell(self, rule: str, says: FileVerdict, message: str, name: str = "", key: str = "") -> None:
        """Note a disagreement."""
        self._problems.add(f"zip.{rule}", says, message, member=f"{self._where}{name}", key=key)

    def directory(self, found: Directory, *, whole: bool = True) -> list[Member]:
        """Hold a directory against what lies before it; gives its members with the places of their bytes.

        Where it is not the `whole` directory, what lies between the members is left alone.
        """
        _names(self, found.members)
        members: list[Member] = []
        spans: list[tuple[int, int, str]] = []
        for member in found.members:
            local = local_header(self._file, member.start, self._size)
            if local is None:
                self.tell("header", "suspicious", f"{shown(member.name)} has no header of its own", member.name)
                continue
            placed = member._replace(data=local.data)
            members.append(placed)
            stop = local.data + member.packed
            if member.flags & DESCRIBED or local.flags & DESCRIBED:
                stop = self._described(placed, stop)
            spans.append((member.start, stop, member.name))
            self._local(placed, local)
        if whole:
            self._between(sorted(spans), found.start)
        return members

    def _local(self, member: Member, local: Local) -> None:
        """Tell where a member's own header says another thing, and give what it says as a member, too."""
        told = shown(member.name)
        other = member
        if local.name != member.raw:
            other = other._replace(name=_decoded(local.name, local.flags), raw=local.name)
            hidden = bool(_PICKLE_NAME.search(member.name) or _PICKLE_NAME.search(other.name))
            message = f"{told} is called {shown(other.name)} in its own header"
            self.tell("names-differ", "malicious" if hidden else "suspicious", message, member.name)
        if local.method != member.method:
            other = other._replace(method=local.method)
            message = f"{told} is packed by method {member.method}, and by {local.method} in its own header"
            self.tell("method", "suspicious", message, member.name)
        if (local.flags ^ member.flags) & (ENCRYPTED | (0 if member.name.isascii() else UTF8)):
            self.tell("flags", "suspicious", f"the flags of {told} differ in its own header", member.name)
        described = local.flags & DESCRIBED
        if described:
            # What is not known before the bytes is zero there; some writers know one of the two.
            local = local._replace(packed=local.packed or member.packed, size=local.size or member.size)
        other = self._sizes(member, local, other)
        if local.crc != member.crc and not (described and not local.crc):
            self.tell("crc", "suspicious", f"the checksum of {told} differs in its own header", member.name)
        if member.method not in _METHODS:
            message = f"{told} is packed by method {member.method}, which is none"
            self.tell("unknown-method", "suspicious", message, member.name)
        if other is not member and len(self.extra) < MOST_EXTRA:
            self.extra.append(other)

    def _sizes(self, member: Member, local: Local, other: Member) -> Member:
        if (local.packed, local.size) == (member.packed, member.size):
            return other
        message = (
            f"{shown(member.name)} has {member.packed} bytes that unpack to {member.size}, "
            f"and {local.packed} to {local.size} in its own header"
        )
        self.tell("size", "suspicious", message, member.name)
        return other._replace(packed=local.packed, size=local.size)

    def _described(self, member: Member, stop: int) -> int:
        """Give where the numbers behind a member's bytes end, and tell where they differ."""
        found = peek_at(self._file, stop, 24) if stop <= self._size else b""
        numbers = found[4:] if found[:4] == b"PK\x07\x08" else found
        stop += len(found) - len(numbers)
        told = (member.crc, member.packed, member.size)
        if len(numbers) >= 20 and struct.unpack("<IQQ", numbers[:20]) == told:
            return stop + 20
        if len(numbers) >= 12 and struct.unpack("<III", numbers[:12]) == told:
            return stop + 12
        if found[:4] == b"PK\x07\x08":
            message = f"the numbers behind the bytes of {shown(member.name)} differ from its directory entry"
            self.tell("descriptor", "suspicious", message, member.name)
            return stop + 12
        return stop

    def _between(self, spans: list[tuple[int, int, str]], end: int) -> None:
        """Look for what lies before, between and behind the members."""
        at, last = 0, ""
        for number, (start, stop, name) in enumerate([*spans, (end, end, "")]):
            if start < at:
                message = f"the bytes of {shown(last)} and {shown(name) or 'the directory'} overlap"
                self.tell("overlap", "suspicious", message, key="overlap")
            elif start > at:
                self._unowned(at, start, "prefix" if not number else "gap")
            if stop > at:
                at, last = stop, name

    def _unowned(self, start: int, stop: int, rule: str) -> None:
        """Judge bytes that no member owns; zeros are padding."""
        most = min(stop, start + MOST_SEARCHED)
        place, filled, unlisted = start, False, 0
        while place < most:
            window = peek_at(self._file, place, min(_WINDOW, most - place))
            filled = filled or bool(window.strip(b"\0"))
            found = window.find(LOCAL)
            while found >= 0 and self._tries:
                self._tries -= 1
                unlisted += self._unlisted(place + found, stop)
                found = window.find(LOCAL, found + 4)
            if len(window) < _WINDOW:
                break
            place += len(window) - 3
        if stop > most:
            self.tell("gap", "error", f"only {MOST_SEARCHED} bytes that no member owns were searched", key="searched")
        if not filled or not self._listed:
            return
        self.extra.append(Member(f"bytes at {start}", b"", start, 0, stop - start, stop - start, data=start))
        words = {"prefix": "before the first member", "trailing": "behind the end", "gap": "between the members"}
        if rule != "gap" or not unlisted:
            self.tell(rule, "suspicious", f"{stop - start} bytes lie {words[rule]}", key=rule)

    def _unlisted(self, at: int, stop: int) -> bool:
        """Give a member that the directory does not list; readers that stream see it."""
        local = local_header(self._file, at, self._size)
        if local is None or not local.name or local.data > stop or local.method not in _METHODS:
            return False
        name = _decoded(local.name, local.flags)
        known = local.packed or not local.flags & DESCRIBED
        packed = min(local.packed if known else self._streamed(local.data, stop), stop - local.data)
        if self._listed:
            self.tell("unlisted", "suspicious", f"the directory does not list {shown(name)}", name)
        if len(self.extra) < MOST_EXTRA:
            # Without a checksum of its own there is nothing to hold the bytes against.
            raw = local.name if known and packed == local.packed else b""
            numbers = (local.method, packed, local.size or packed, local.flags, local.crc)
            self.extra.append(Member(name, raw, at, *numbers, data=local.data))
        return True

    def _streamed(self, start: int, stop: int) -> int:
        """Find how many bytes a member has whose length stands behind them."""
        place, most = start, min(stop, start + MOST_STREAMED)
        while place < most and self._left > 0:
            window = peek_at(self._file, place, min(_WINDOW, stop - place))
            self._left -= len(window)
            found = window.find(DESCRIPTOR)
            while found >= 0:
                length = place + found - start
                if int.from_bytes(window[found + 8 : found + 12], "little") == length:
                    return length
                found = window.find(DESCRIPTOR, found + 4)
            if len(window) < _WINDOW:
                break
            place += len(window) - 16
        return stop - start

    def without_directory(self) -> None:
        """Find the members of a zip that has no directory, by their own headers."""
        self._listed = False
        self.tell("end", "error", "it has no directory that can be read: its members are found by their own headers")
        self._unowned(0, self._size, "gap")

    def trailing(self, start: int) -> None:
        """Judge what lies behind the end record."""
        if start < self._size:
            self._unowned(start, self._size, "trailing")


def _decoded(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & UTF8 else "cp437", "replace")


def _names(comparison: Comparison, members: Iterable[Member]) -> None:
    """Judge the members' names: by themselves, and whether one stands for two."""
    by_name: dict[str, Member] = {}
    by_meaning: dict[str, Member] = {}
    for member in members:
        name = member.name
        if not name.isprintable() or "\\" in name or ":" in name or name.startswith("/") or ".." in name:
            _name(comparison, name)
        kind = member.mode & 0xF000
        if kind in _TYPES:
            comparison.tell("special", "suspicious", f"{shown(name)} is {_TYPES[kind]}", name)
        known = by_name.setdefault(name, member)
        if known is not member:
            _duplicate(comparison, known, member, "duplicate")
            continue
        meaning = _meaning(name)
        known = by_meaning.setdefault(meaning, member)
        # A parameter W beside a parameter w is ordinary; two files of code or two pickles are not.
        telling = _PICKLE_NAME.search(name) or _CONFIG_NAME.search(name) or known.name.lower() != name.lower()
        if known is not member and telling:
            _duplicate(comparison, known, member, "same-name")


def _meaning(name: str) -> str:
    """Give what a name comes to where separators and case do not count."""
    if "\\" in name or "//" in name or "./" in name:
        directory = name.endswith(("/", "\\"))
        name = "/".join(p for p in name.replace("\\", "/").split("/") if p not in ("", ".")) + "/" * directory
    return name.lower()


def _duplicate(comparison: Comparison, one: Member, other: Member, rule: str) -> None:
    if one.name.endswith("/") and not one.size and not other.size:
        return
    differ = (one.crc, one.size) != (other.crc, other.size) and rule == "duplicate"
    hides = differ and bool(_PICKLE_NAME.search(one.name))
    message = (
        f"two members are called {shown(one.name)}"
        if rule == "duplicate"
        else f"{shown(one.name)} and {shown(other.name)} are one name to many loaders"
    )
    comparison.tell(rule, "malicious" if hides else "suspicious", message, other.name)


def _name(comparison: Comparison, name: str) -> None:
    way = leads_out(name)
    if way:
        comparison.tell("path", "suspicious", f"the name {shown(name)} {way}", name)
    if "\0" in name:
        comparison.tell("nul", "suspicious", f"a NUL ends the name {shown(name)} for some loaders", name)
    elif _CONTROL.search(name):
        comparison.tell("control", "suspicious", f"the name {shown(name)} has control characters", name)
