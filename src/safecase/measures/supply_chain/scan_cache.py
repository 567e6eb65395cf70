"""What earlier scans said, by the digest of the bytes and the version of the rules.

It lies in the user's own folder, never in what is scanned: who could write into it could call a file clean. A file that
has the same path, size, times and inode as before is the same; any other is read again for its digest, where one of its
size is known at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from safecase import __version__
from safecase.readers.artifacts.look import ArtifactReport

MOST_RESULTS: Final = 100_000
SETTLED_NS: Final = 2_000_000_000
"""A file changed within the last two seconds may change again within the same time stamp."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, sha256 TEXT
);
CREATE TABLE IF NOT EXISTS result (
    sha256 TEXT, rules TEXT, size INTEGER, report BLOB, at INTEGER, PRIMARY KEY (sha256, rules)
);
CREATE INDEX IF NOT EXISTS result_by_size ON result (size);
"""


class Stamp(NamedTuple):
    """What tells a file from a changed one."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class ScanCache:
    """Results of scans in a database; whatever goes wrong with it, a scan goes on without."""

    def __init__(self, path: Path, allow: frozenset[str]) -> None:
        self._rules = rules_version(allow)
        self._database: sqlite3.Connection | None = None
        with contextlib.suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = _opened(path)

    def stamp(self, path: str) -> Stamp | None:
        """Give what tells whether a file has changed; None where it cannot be told, or changed just now."""
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < SETTLED_NS:
            return None
        return Stamp(os.path.realpath(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    def digest(self, stamp: Stamp) -> str:
        """Give the digest of an unchanged file; empty where it is not known."""
        row = self._row("SELECT size, mtime, ctime, inode, sha256 FROM file WHERE path = ?", stamp.path)
        return str(row[4]) if row and tuple(row[:4]) == stamp[1:] else ""

    def knows_size(self, size: int) -> bool:
        """Say whether a result is kept of some file of this size."""
        return bool(self._row("SELECT 1 FROM result WHERE size = ? AND rules = ?", size, self._rules))

    def result(self, sha256: str) -> ArtifactReport | None:
        """Give what today's rules said of these bytes."""
        row = self._row("SELECT report FROM result WHERE sha256 = ? AND rules = ?", sha256, self._rules)
        try:
            return msgspec.msgpack.decode(bytes(row[0]), type=ArtifactReport) if row else None
        except (msgspec.MsgspecError, TypeError):
            return None

    def keep(self, stamp: Stamp, sha256: str, report: ArtifactReport) -> None:
        """Remember a result, unless the file has changed meanwhile."""
        if self._database is None or self.stamp(stamp.path) != stamp:
            return
        with contextlib.suppress(sqlite3.Error), self._database:
            row = (sha256, self._rules, stamp.size, msgspec.msgpack.encode(report), time.time_ns())
            self._database.execute("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?)", row)
            self._database.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", (*stamp, sha256))
            self._database.execute(
                "DELETE FROM result WHERE at <= (SELECT at FROM result ORDER BY at DESC LIMIT 1 OFFSET ?)",
                (MOST_RESULTS,),
            )

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()

    def _row(self, question: str, *values: object) -> tuple[Any, ...] | None:
        if self._database is None:
            return None
        try:
            found = self._database.execute(question, values).fetchone()
        except sqlite3.Error:
            return None
        return found if isinstance(found, tuple) else None


def rules_version(allow: frozenset[str] = frozenset()) -> str:
    """Name the rules by the code that has them: a reader that changed may say something else."""
    digest = hashlib.sha256(__version__.encode())
    for content in _sources():
        digest.update(hashlib.sha256(content).digest())
    digest.update("\0".join(sorted(allow)).encode())
    return digest.hexdigest()[:32]


def _sources() -> Iterator[bytes]:
    readers = resources.files("safecase.readers")
    waiting = [readers.joinpath(package) for package in ("pickles", "archives", "artifacts")]
    while waiting:
        for entry in sorted(waiting.pop().iterdir(), key=lambda e: e.name):
            if entry.is_dir() and entry.name != "__pycache__":
                waiting.append(entry)
            elif entry.is_file() and not entry.name.endswith(".pyc"):
                yield entry.read_bytes()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)  # it is broken, and only a memory
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(_TABLES)
    return database
