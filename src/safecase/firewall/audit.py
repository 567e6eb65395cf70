"""What the firewall did, one JSON object a line: who asked for what, what was found in it, what was done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from safecase.errors import UsageError
from safecase.firewall.verdicts import Seen
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_FINDINGS: Final = 10


class Client(Noun, frozen=True):
    """Who asks."""

    address: str = ""
    agent: str = ""
    """What it says of itself."""


class Event(Noun, frozen=True, omit_defaults=True):
    """One thing that happened."""

    event: str
    """`served`, `refused`, `hidden`, `fetched`, `scanned`, `moved`, `upstream_failed`, `rescanned`, `started` ..."""
    client: Client = Client()
    repo: str = ""
    revision: str = ""
    commit: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int | None = None
    verdict: str = ""
    findings: Sequence[Seen] = ()
    action: str = ""
    reason: str = ""
    accepted_by: Sequence[str] = ()


class Log:
    """Where events go: a file that is only added to, or stdout."""

    def __init__(self, path: Path | None) -> None:
        self.lost = 0
        """Events that could not be written: whoever asks for the health is told."""
        if path is None:
            self._file = os.dup(1)
            return
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as why:
            raise UsageError(
                f"{shown(str(path), 200)} cannot be written: {why.strerror}", mend="give another --log FILE"
            ) from why

    def tell(self, event: Event) -> None:
        """Write one event; texts of others in it are escaped and cut."""
        told = msgspec.to_builtins(event)
        told["findings"] = [_clean(f) for f in told.get("findings", [])[:MOST_FINDINGS]]
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds")} | _clean(told)
        try:
            os.write(self._file, msgspec.json.encode({k: v for k, v in line.items() if v not in ("", [], {})}) + b"\n")
        except OSError:
            self.lost += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _clean(fields: dict[str, object]) -> dict[str, object]:
    return {
        k: shown(v, 500) if isinstance(v, str) else _clean(v) if isinstance(v, dict) else v for k, v in fields.items()
    }
