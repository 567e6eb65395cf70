"""SHA-256 of files, remembered by size, time and inode so that an unchanged gigabyte is not read twice.

The memory is as trusted as the machine it lies on: `safecase gate` does not use it and hashes everything anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase.errors import CollectError
from safecase.readers import regular_files
from safecase.readers.repository import Entry

MOST_REMEMBERED = 64 * 1024 * 1024
"""Bytes of the file that remembers."""

SETTLED_NS = 2_000_000_000
"""A file changed within the last two seconds may change again within the same time stamp: it is not remembered."""


class Known(NamedTuple):
    """What is remembered of a file."""

    size: int
    mtime_ns: int
    inode: int
    sha256: str


class Digests:
    """Digests of the files below `root`; `memory` is the file that remembers them, None to remember nothing."""

    def __init__(self, root: Path, memory: Path | None) -> None:
        self._root = root
        self._memory = memory
        self._known: dict[str, Known] = {}
        self._changed = False
        if memory is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                self._known = msgspec.json.decode(
                    regular_files.read(memory, most=MOST_REMEMBERED), type=dict[str, Known]
                )

    def file(self, entry: Entry) -> str:
        """Give the digest (64 hex digits) of a listed file."""
        known = self._known.get(entry.path)
        if known is not None and known[:3] == entry[1:]:
            return known.sha256
        sha256 = hash_file(self._root / entry.path)
        if time.time_ns() - entry.mtime_ns > SETTLED_NS:
            self._known[entry.path] = Known(entry.size, entry.mtime_ns, entry.inode, sha256)
            self._changed = True
        return sha256

    def save(self) -> None:
        """Remember; where that is not possible the next run hashes again."""
        if self._memory is None or not self._changed or regular_files.link_in(self._memory, self._root):
            return
        with contextlib.suppress(OSError):
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._memory.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(self._known))
            Path(name).replace(self._memory)


def of_parts(parts: Mapping[str, str]) -> str:
    """Give one digest for several named ones."""
    text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(parts.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def of_value(value: object) -> str:
    """Give the digest of a value that JSON can hold, the same whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def hash_file(path: Path) -> str:
    """Give the SHA-256 (64 hex digits) of a file's bytes; raises CollectError where they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as why:
        raise CollectError(
            f"{path.name} cannot be read: {why.strerror}",
            mend="give the assessment the right to read it, or exclude it",
        ) from why
