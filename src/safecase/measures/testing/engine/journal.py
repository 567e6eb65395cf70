"""What was answered so far, on disk: a run that is killed goes on from there.

An attempt counts once its line is committed. A kill loses what was in flight, and nothing else; the next run asks that
again and takes the rest from here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from safecase.errors import CollectError, UsageError
from safecase.readers.text import shown
from safecase.targets.target import Reply
from safecase.vocabulary import Noun

VERSION = 1


class Line(Noun, frozen=True):
    """What came of one attempt: a reply to each thing that was said, or why there was none."""

    replies: tuple[Reply, ...] = ()
    """Without secrets: this is written to the disk. None at all where one of them did not come."""
    shown: str = ""
    """What in the replies shows that the attack worked."""
    fault: str = ""
    message: str = ""
    tries: int = 1


class Journal:
    """The lines of one run, by the ids of their attempts. `path` None keeps them in memory."""

    def __init__(self, path: Path | None, run: str) -> None:
        try:
            self._file = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            self._file.execute("pragma journal_mode=wal")
            self._file.execute("pragma synchronous=normal")
            self._file.execute("create table if not exists about (key text primary key, value text) without rowid")
            self._file.execute("create table if not exists line (id text primary key, told blob) without rowid")
            known = self._file.execute("select value from about where key='run'").fetchone()
            if known is None:
                self._file.execute("insert into about values ('run', ?)", (run,))
            elif known[0] != run:
                raise UsageError(
                    f"{shown(str(path))} is the journal of another run",
                    mend="go on with the same target, attacks and seed, or name another journal",
                )
            told = self._file.execute("select id, told from line").fetchall()
            self._lines = {one: msgspec.msgpack.decode(line, type=Line) for one, line in told}
        except (sqlite3.Error, msgspec.DecodeError, TypeError) as why:
            raise UsageError(f"{shown(str(path))} is no journal of a run: {why}", mend="name another file") from why

    def get(self, attempt: str) -> Line | None:
        """Give what came of an attempt in a run before this one."""
        return self._lines.get(attempt)

    def add(self, lines: Sequence[tuple[str, Line]]) -> None:
        """Write lines in one commit; they are on their way to the disk when this returns."""
        try:
            self._file.execute("begin")
            self._file.executemany(
                "insert or ignore into line values (?, ?)", [(one, msgspec.msgpack.encode(line)) for one, line in lines]
            )
            self._file.execute("commit")
        except sqlite3.Error as why:
            raise CollectError(
                f"the journal cannot be written: {why}", mend="make room on the disk, and go on"
            ) from why

    def close(self) -> None:
        """Close the file."""
        self._file.close()
