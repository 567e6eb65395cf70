"""The files of a ledger, and how they survive a crash, a full disk and two writers at once.

An append writes the head that will be true to head.next.json, then the artefacts, then the lines, then renames the
head; each step is synced before the next. Whoever comes after a crash finds either the lines that head.next.json
tells of, whole, and finishes the append, or a part of them, and takes it back. A tail that neither head tells of is
no remnant: somebody wrote it by hand.

A ledger may have come with a repository: what is a link, a pipe or a device is neither read nor written through.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safecase.errors import EvidenceError
from safecase.evidence import durable, objects
from safecase.evidence.examine import continues
from safecase.evidence.lock import locked
from safecase.evidence.seal import Head, head_from
from safecase.readers import regular_files
from safecase.readers.text import shown

MOST_LINES = 1 << 30
"""Bytes of evidence.jsonl: more than half a million records."""
MOST_HEAD = 16 * 1024 * 1024


class Standing(NamedTuple):
    """How the files stand once what a crash left is set aside."""

    head: Head | None
    head_there: bool
    """There is a head, readable or not."""
    size: int
    """Bytes of evidence.jsonl, with what a crash left of an append."""
    remnant: bool
    """A crash left something: `head` says up to where it counts."""

    @property
    def kept(self) -> int:
        """Bytes of evidence.jsonl that the head tells of."""
        return self.head.seal.bytes if self.head else 0


class Journal:
    """The lines, the heads and the artefacts of one ledger."""

    def __init__(self, path: Path, below: Path | None = None) -> None:
        self.path = path
        self._below = below or _home_of(path)
        self.lines = path / "evidence.jsonl"
        self.objects = path / "objects"
        self._head = path / "head.json"
        self._next = path / "head.next.json"
        self._lock = path / ".lock"

    @contextlib.contextmanager
    def reading(self) -> Iterator[Standing]:
        """Hold off writers; nothing is written, so a ledger on a read-only disk can be read."""
        self._refuse_odd()
        if not any(file.exists() for file in (self.lines, self._head, self._next)):
            yield Standing(None, head_there=False, size=0, remnant=False)
            return
        with locked(self._lock, shared=True):
            yield self._standing()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Standing]:
        """Hold off everybody; what a crash left is finished or taken back before."""
        self._refuse_odd()
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self._lock):
            standing = self._standing()
            if standing.remnant:
                self._recover(standing)
                standing = self._standing()
            yield standing

    def content(self, standing: Standing) -> bytes:
        """Give the lines, without what a crash left of an append."""
        if not standing.size:
            return b""
        content = regular_files.read(self.lines, most=MOST_LINES)
        return content[: standing.kept] if standing.remnant else content

    def extend(self, standing: Standing, head: Head, lines: bytes, artefacts: Mapping[str, bytes]) -> None:
        """Append lines and make `head` the head; OSError leaves everything as it was."""
        try:
            durable.write_in_place(self._next, head.to_bytes())  # half of it is seen to be half: no line stands yet
            durable.sync_folder(self.path)
            if artefacts:
                self.objects.mkdir(exist_ok=True)
                objects.keep(self.objects, artefacts)
            with self.lines.open("ab") as out:
                out.write(lines)
                out.flush()
                os.fsync(out.fileno())
            self._next.replace(self._head)
        except OSError:
            with contextlib.suppress(OSError):  # whoever comes next takes it back
                self._take_back(standing.kept)
            raise
        try:
            durable.sync_folder(self.path)
        except OSError as why:
            raise EvidenceError(
                f"the disk under {self.path} did not confirm what was written: {why.strerror}",
                mend="check the disk; then see with `safecase evidence verify` whether it is there",
                exit_code=3,
            ) from why

    def _refuse_odd(self) -> None:
        link = regular_files.link_in(self.objects, self._below)
        odd = [file for file in (self.lines, self._head, self._next, self._lock) if not regular_files.is_plain(file)]
        if link is None and not odd:
            return
        what = f"{shown(str(link), 200)} is a link" if link else f"{shown(str(odd[0]), 200)} is no file of its own"
        raise EvidenceError(
            f"{what}: no evidence is read or written through it",
            mend="remove it, or name the folder itself under settings.ledger",
            exit_code=3,
        )

    def _standing(self) -> Standing:
        own = _content(self._head)
        head = head_from(own) if own is not None else None
        size = self.lines.stat().st_size if self.lines.exists() else 0
        plain = Standing(head, head_there=own is not None, size=size, remnant=False)
        pending = _content(self._next)
        if pending is None or (plain.head_there and head is None):
            return plain
        following = head_from(pending)
        if following is not None and size == following.seal.bytes > plain.kept and self._leads(plain, following):
            return Standing(following, head_there=True, size=size, remnant=True)
        covered = following.seal.bytes if following is not None else plain.kept
        return plain._replace(remnant=plain.kept <= size <= max(covered, plain.kept))

    def _leads(self, standing: Standing, following: Head) -> bool:
        content = regular_files.read(self.lines, most=MOST_LINES)
        return continues(content[standing.kept :], standing.head, following)

    def _recover(self, standing: Standing) -> None:
        if standing.head is not None and standing.head == head_from(_content(self._next) or b""):
            self._next.replace(self._head)
        else:
            self._take_back(standing.kept)
        objects.clear_remnants(self.objects)
        durable.sync_folder(self.path)

    def _take_back(self, kept: int) -> None:
        if self.lines.exists() and self.lines.stat().st_size > kept:
            with self.lines.open("r+b") as lines:
                lines.truncate(kept)
                os.fsync(lines.fileno())
        self._next.unlink(missing_ok=True)


def _home_of(path: Path) -> Path:
    """Give the folder below which no part of a ledger's path may be a link: a repository can bring `.safecase`."""
    parts = path.parts
    return Path(*parts[: parts.index(".safecase")]) if ".safecase" in parts else path.parent


def _content(file: Path) -> bytes | None:
    try:
        return regular_files.read(file, most=MOST_HEAD)
    except FileNotFoundError:
        return None
