"""What the firewall has: blobs by their SHA-256; in SQLite what each file of a commit is, and what was said of it.

DIR/blobs/ab/ab12…    bytes that were verified and let through; read-only
DIR/quarantine/       bytes that nobody may have yet; emptied at every start
DIR/firewall.sqlite   requested → fetched → scanned → approved | refused
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from safecase.errors import UsageError
from safecase.firewall.names import Repo, WantedFile
from safecase.firewall.refusals import Refusal
from safecase.firewall.upstream import Told
from safecase.firewall.verdicts import Judged
from safecase.readers.text import shown
from safecase.vocabulary import Noun

State: TypeAlias = Literal["requested", "fetched", "scanned", "approved", "refused"]

RESERVE: Final = 256_000_000
"""Bytes of the disk that are left free."""
MOST_TOLD: Final = 5_000
MOST_KEPT: Final = 4_000_000
"""Bytes of one answer of the hub."""
USED_SECONDS: Final = 60.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS file (
    repo TEXT, commit_id TEXT, path TEXT, digest TEXT, size INTEGER, sha256 TEXT, state TEXT, reason TEXT, at REAL,
    PRIMARY KEY (repo, commit_id, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_by_digest ON file (digest) WHERE sha256 != '';
CREATE TABLE IF NOT EXISTS revision (
    repo TEXT, name TEXT, commit_id TEXT, asked REAL, PRIMARY KEY (repo, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdict (
    sha256 TEXT, path TEXT, rules TEXT, judged BLOB, at REAL, PRIMARY KEY (sha256, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob (sha256 TEXT PRIMARY KEY, size INTEGER, used REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (question TEXT PRIMARY KEY, link TEXT, body BLOB, at REAL);
"""


class Record(Noun, frozen=True):
    """A file of a commit."""

    wanted: WantedFile
    """Its revision is the commit."""
    digest: str
    size: int
    sha256: str = ""
    """Once it was fetched."""
    state: State = "requested"
    reason: str = ""


class Stored(Noun, frozen=True):
    """A verdict that is kept, and by which rules."""

    judged: Judged
    rules: str
    at: float
    """Seconds since the epoch."""


class Store:
    """The folder of one firewall; one process at a time has it."""

    def __init__(self, folder: Path, *, quota: int | None = None) -> None:
        self._folder = folder
        self._quota = quota
        self._used: dict[str, float] = {}
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True, mode=0o700)
            _only_ours(folder)
            self.blobs.mkdir(exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self.quarantine, ignore_errors=True)
            self.quarantine.mkdir(mode=0o700)
            self._database = sqlite3.connect(
                folder / "firewall.sqlite", timeout=5.0, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)
        except BlockingIOError as why:
            raise UsageError(
                f"{shown(str(folder), 200)} belongs to a firewall that runs", mend="give another --store DIR"
            ) from why
        except (OSError, sqlite3.Error) as why:
            raise UsageError(
                f"{shown(str(folder), 200)} cannot be used as a store: {why}", mend="give another --store DIR"
            ) from why

    @property
    def blobs(self) -> Path:
        """Where verified bytes lie."""
        return self._folder / "blobs"

    @property
    def quarantine(self) -> Path:
        """Where bytes lie that nobody may have yet."""
        return self._folder / "quarantine"

    def close(self) -> None:
        """Let go of the folder."""
        self._database.close()
        os.close(self._lock)

    # files

    def file(self, repo: Repo, commit: str, path: str) -> Record | None:
        """Give what is known of a file of a commit."""
        row = self._row(
            "SELECT digest, size, sha256, state, reason FROM file WHERE repo = ? AND commit_id = ? AND path = ?",
            str(repo), commit, path,
        )  # fmt: skip
        if row is None:
            return None
        wanted = WantedFile(repo=repo, revision=commit, file=path)
        return Record(wanted=wanted, digest=row[0], size=row[1], sha256=row[2], state=row[3], reason=row[4])

    def note(self, record: Record) -> None:
        """Keep what is known of a file."""
        wanted = record.wanted
        self._do(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            str(wanted.repo), wanted.revision, wanted.file, record.digest, record.size, record.sha256, record.state,
            record.reason, time.time(),
        )  # fmt: skip

    def refuse(self, sha256: str, path: str, reason: str) -> None:
        """Note that bytes are refused under a name, in whichever repository, and delete them."""
        self._do("UPDATE file SET state = 'refused', reason = ? WHERE sha256 = ? AND path = ?", reason, sha256, path)
        self.drop(sha256)

    def sha256_of(self, digest: str) -> str:
        """Give the SHA-256 of bytes that were fetched before under the hub's digest; empty where there were none."""
        if len(digest) == 64:
            return digest
        row = self._row("SELECT sha256 FROM file WHERE digest = ? AND sha256 != '' LIMIT 1", digest)
        return str(row[0]) if row else ""

    # revisions

    def commit(self, repo: Repo, revision: str) -> tuple[str, float] | None:
        """Give the commit that a revision was last, and when that was asked."""
        row = self._row("SELECT commit_id, asked FROM revision WHERE repo = ? AND name = ?", str(repo), revision)
        return (str(row[0]), float(row[1])) if row else None

    def pin(self, repo: Repo, revision: str, commit: str) -> None:
        """Keep the commit that a revision is now."""
        self._do("INSERT OR REPLACE INTO revision VALUES (?, ?, ?, ?)", str(repo), revision, commit, time.time())

    # verdicts

    def verdict(self, sha256: str, path: str) -> Stored | None:
        """Give what was last said of these bytes under this name."""
        row = self._row("SELECT judged, rules, at FROM verdict WHERE sha256 = ? AND path = ?", sha256, path)
        if row is None:
            return None
        return Stored(judged=msgspec.json.decode(row[0], type=Judged), rules=row[1], at=row[2])

    def judge(self, sha256: str, path: str, judged: Judged, rules: str) -> None:
        """Keep what the scanner says."""
        row = (sha256, path, rules, msgspec.json.encode(judged), time.time())
        self._do("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?)", *row)

    def outdated(self, rules: str) -> tuple[tuple[str, str], ...]:
        """Give the digests and names of those that are kept and were judged by other rules."""
        found = self._database.execute(
            "SELECT v.sha256, v.path FROM verdict v JOIN blob b ON b.sha256 = v.sha256 WHERE v.rules != ?", (rules,)
        )
        return tuple((str(row[0]), str(row[1])) for row in found.fetchall())

    # blobs

    def has(self, sha256: str) -> bool:
        """Say whether the bytes are here."""
        return bool(sha256) and self._row("SELECT 1 FROM blob WHERE sha256 = ?", sha256) is not None

    def path(self, sha256: str) -> Path:
        """Where the bytes of a digest lie."""
        return self.blobs / sha256[:2] / sha256

    def admit(self, quarantined: Path, sha256: str, size: int) -> None:
        """Take verified bytes out of quarantine."""
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        quarantined.chmod(0o400)
        quarantined.replace(target)
        self._do("INSERT OR REPLACE INTO blob VALUES (?, ?, ?)", sha256, size, time.time())

    def drop(self, sha256: str) -> None:
        """Delete bytes; whoever is being served reads on to the end."""
        self._do("DELETE FROM blob WHERE sha256 = ?", sha256)
        self.path(sha256).unlink(missing_ok=True)

    def used(self, sha256: str) -> None:
        """Note that bytes are wanted still: what nobody wants goes first when room is needed."""
        now = time.time()
        if now - self._used.get(sha256, 0.0) > USED_SECONDS:
            if len(self._used) > MOST_TOLD:
                self._used.clear()
            self._used[sha256] = now
            self._do("UPDATE blob SET used = ? WHERE sha256 = ?", now, sha256)

    def make_room(self, size: int) -> None:
        """Drop what was not wanted for longest until `size` fits; raises `Refusal`."""
        free = shutil.disk_usage(self._folder).free - RESERVE
        room = free if self._quota is None else min(free, self._quota - self._total())
        oldest = iter(self._database.execute("SELECT sha256, size FROM blob ORDER BY used").fetchall())
        while room < size:
            row = next(oldest, None)
            if row is None:
                raise Refusal(507, "", f"safecase firewall: its store has no room for {size} bytes", action="upstream")
            self.drop(row[0])
            room += row[1]

    def _total(self) -> int:
        row = self._row("SELECT COALESCE(SUM(size), 0) FROM blob")
        return int(row[0]) if row else 0

    # what the hub told

    def told(self, question: str) -> Told | None:
        """Give what the hub told of something that cannot change."""
        row = self._row("SELECT body, link FROM told WHERE question = ?", question)
        return Told(body=row[0], link=row[1]) if row else None

    def keep_told(self, question: str, told: Told) -> None:
        """Keep what the hub told, unless it is very long."""
        if len(told.body) > MOST_KEPT:
            return
        self._do("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)", question, told.link, told.body, time.time())
        self._do("DELETE FROM told WHERE at <= (SELECT at FROM told ORDER BY at DESC LIMIT 1 OFFSET ?)", MOST_TOLD)

    def counts(self) -> dict[str, int]:
        """Count files by their state, and blobs with their bytes."""
        states = self._database.execute("SELECT state, COUNT(*) FROM file GROUP BY state").fetchall()
        blobs = self._row("SELECT COUNT(*) FROM blob")
        return {str(s): int(n) for s, n in states} | {"blobs": blobs[0] if blobs else 0, "bytes": self._total()}

    def _row(self, question: str, *values: object) -> tuple[Any, ...] | None:
        found = self._database.execute(question, values).fetchone()
        return found if isinstance(found, tuple) else None

    def _do(self, order: str, *values: object) -> None:
        self._database.execute(order, values)


def _only_ours(folder: Path) -> None:
    """Who can write into the store can call a file clean."""
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        mend = f"give another --store DIR, or chmod go-w {shown(str(folder), 200)}"
        raise UsageError(f"others may write into {shown(str(folder), 200)}", mend=mend)


@contextlib.contextmanager
def cell(store: Store, file: str) -> Iterator[tuple[Path, Path]]:
    """Give a folder in quarantine and the place in it for one file; whatever is left there goes at the end."""
    import tempfile

    folder = Path(tempfile.mkdtemp(dir=store.quarantine))
    try:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield folder, path
    except OSError as why:
        raise Refusal(
            507, "", f"safecase firewall: its disk takes no more ({why.strerror})", action="upstream"
        ) from why
    finally:
        shutil.rmtree(folder, ignore_errors=True)
