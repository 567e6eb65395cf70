"""Virtual keys: what clients present, of which only a keyed digest is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.vocabulary import Noun

PREFIX: Final = "sk-sc-"
SHOWN: Final = 14
"""So much of a key is kept in the clear, for people to know it by."""
FRESH_S: Final = 2.0
"""A key that was withdrawn works for so long at the most."""
MOST_KNOWN: Final = 10_000
SCOPES: Final = ("chat", "responses", "embeddings", "messages", "models", "metrics", "approve")
_WEAK: Final = ("1234", "changeme", "secret", "password", "master", "example", "test", "admin", "default")


class Key(Noun, frozen=True):
    """One key, without itself."""

    name: str
    prefix: str
    service: str = ""
    models: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    money_per_month: int | None = None
    """In millionths of the currency."""
    created: str = ""
    expires: str | None = None
    revoked: bool = False


class KeyStore:
    """All keys of a gateway, in a file that its workers share."""

    def __init__(self, path: Path, secret: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        check_secret(secret)
        self._path, self._secret, self._clock = path, secret, clock
        self._known: dict[bytes, tuple[float, Key | None]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with self._open() as database:
            database.execute("CREATE TABLE IF NOT EXISTS keys (digest BLOB PRIMARY KEY, name TEXT UNIQUE, said BLOB)")

    def create(self, key: Key) -> str:
        """Make a key; it is given this once and never again. Raises `UsageError` where its name is taken."""
        wrong = sorted(set(key.scopes) - set(SCOPES))
        if wrong:
            raise UsageError(f"there is no scope {shown(wrong[0])}", mend=f"one of {', '.join(SCOPES)}")
        made = PREFIX + base64.b32encode(secrets.token_bytes(30)).decode().lower()
        stored = msgspec.structs.replace(
            key, prefix=made[:SHOWN], created=datetime.now(UTC).isoformat(timespec="seconds")
        )
        try:
            with self._open() as database:
                row = (self._digest(made), key.name, msgspec.json.encode(stored))
                database.execute("INSERT INTO keys VALUES (?, ?, ?)", row)
        except sqlite3.IntegrityError as why:
            raise UsageError(
                f"there is a key called {shown(key.name)} already", mend="give another name, or revoke that one"
            ) from why
        return made

    def find(self, presented: str) -> Key | None:
        """Give the key that a client presents; None where it is none, was withdrawn, or has ended.

        What is looked up is a keyed digest, so that the time it takes tells nothing of the keys.
        """
        digest = self._digest(presented)
        now = self._clock()
        known = self._known.get(digest)
        if known is None or known[0] < now:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[digest] = (now + FRESH_S, self._read(digest))
        key = known[1]
        if key is None or key.revoked or (key.expires and key.expires <= datetime.now(UTC).isoformat()):
            return None
        return key

    def revoke(self, name: str) -> Key:
        """Withdraw a key by its name or its beginning; raises `UsageError` where there is none."""
        for digest, key in self._all():
            if name in (key.name, key.prefix):
                gone = msgspec.structs.replace(key, revoked=True)
                with self._open() as database:
                    database.execute("UPDATE keys SET said = ? WHERE digest = ?", (msgspec.json.encode(gone), digest))
                self._known.pop(digest, None)
                return gone
        raise UsageError(f"there is no key called {shown(name)}", mend="`safecase gateway keys list` names them")

    def every(self) -> list[Key]:
        """Give all keys, withdrawn ones too."""
        return sorted((key for _, key in self._all()), key=lambda key: key.name)

    def _all(self) -> list[tuple[bytes, Key]]:
        with self._open() as database:
            rows = database.execute("SELECT digest, said FROM keys").fetchall()
        return [(digest, msgspec.json.decode(said, type=Key)) for digest, said in rows]

    def _read(self, digest: bytes) -> Key | None:
        with self._open() as database:
            row = database.execute("SELECT said FROM keys WHERE digest = ?", (digest,)).fetchone()
        return msgspec.json.decode(row[0], type=Key) if row else None

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogatepass")[:500], hashlib.sha256)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            yield database
        except sqlite3.DatabaseError as why:
            if isinstance(why, sqlite3.IntegrityError):
                raise
            raise UsageError(f"{shown(str(self._path))} is no file of keys: {why}", mend="give another --keys") from why
        finally:
            database.close()


def check_secret(secret: bytes) -> None:
    """Refuse a secret that somebody could guess; raises `UsageError`."""
    low = secret.lower()
    mend = "make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if len(secret) < 32:
        raise UsageError("the gateway's secret is shorter than 32 bytes", mend=mend)
    if len(set(secret)) < 12 or any(word.encode() in low for word in _WEAK):
        raise UsageError("the gateway's secret can be guessed", mend=mend)
