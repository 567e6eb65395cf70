"""A target whose answers are kept on disk: the same question is asked once.

For work on tests and suites, where the same is asked again and again. Samples of one question stay apart: where an
answer is a matter of chance (the temperature is not 0), each session has an answer of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from safecase.targets.target import Ask, AsyncTarget, Reply

MOST_BYTES: Final = 256 * 1024 * 1024


def cache_file() -> Path:
    """Say where the answers of targets are kept: `$SAFECASE_HOME`, else the cache folder of this system."""
    home = os.environ.get("SAFECASE_HOME")
    if not home:
        import platformdirs

        home = platformdirs.user_cache_dir("safecase", appauthor=False)
    return Path(home) / "answers.sqlite"


class Cached:
    """Asks a target what was not asked before. A cache that cannot be read or written is as good as none."""

    def __init__(
        self, target: AsyncTarget, name: str, *, file: Path | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        """`name` says which target it is, and how it is set: another one has other answers."""
        self._target, self._name, self._most = target, name, most_bytes
        self._file: sqlite3.Connection | None = None
        self._size = 0
        path = file or cache_file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))  # answers may hold what nobody else may read
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute("pragma journal_mode=wal")
            self._file.execute("pragma synchronous=off")
            self._file.execute("create table if not exists answer (key blob unique, told blob)")
            self._size = self._measured(self._file)
        except (OSError, sqlite3.Error):
            self._forget()

    async def ask(self, asked: Ask) -> Reply:
        """Answer as before, or ask."""
        key = self._key(asked)
        if (known := self._get(key)) is not None:
            return known
        reply = await self._target.ask(asked)
        self._keep(key, reply)
        return reply

    async def close(self) -> None:
        """Close the target, and the file."""
        self._forget()
        await self._target.close()

    def _key(self, asked: Ask) -> bytes:
        if asked.temperature == 0:
            asked = msgspec.structs.replace(asked, session="")
        return hashlib.blake2b(msgspec.json.encode([self._name, asked]), digest_size=16).digest()

    def _get(self, key: bytes) -> Reply | None:
        if self._file is None:
            return None
        try:
            row = self._file.execute("select told from answer where key=?", (key,)).fetchone()
            return None if row is None else msgspec.msgpack.decode(row[0], type=Reply)
        except (sqlite3.Error, msgspec.DecodeError):
            return None

    def _keep(self, key: bytes, reply: Reply) -> None:
        if self._file is None:
            return
        told = msgspec.msgpack.encode(reply)
        with contextlib.suppress(sqlite3.Error):
            self._file.execute("insert or replace into answer values (?, ?)", (key, told))
            self._size += len(told)
            if self._size > self._most:
                oldest = "select rowid from answer order by rowid limit (select count(*) / 4 + 1 from answer)"
                self._file.execute(f"delete from answer where rowid in ({oldest})")  # noqa: S608  our own words
                self._size = self._measured(self._file)

    def _measured(self, file: sqlite3.Connection) -> int:
        return int(file.execute("select coalesce(sum(length(told)), 0) from answer").fetchone()[0])

    def _forget(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
