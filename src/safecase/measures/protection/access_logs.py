"""Whether somebody sees that a file is read: one byte of it is, and the logs are watched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

WAIT_S: Final = 3.0
PAUSE_S: Final = 0.05
MOST_FILES: Final = 200
MOST_NEW: Final = 4_000_000
"""Bytes of new lines of one log that are searched."""


def log_files(paths: Iterable[Path]) -> list[Path]:
    """Give the files of logs; of a folder those right in it."""
    found = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return [file for file in found if file.is_file()][:MOST_FILES]


def noticed(file: Path, logs: Callable[[], list[Path]], *, seconds: float = WAIT_S) -> str:
    """Read one byte of a file, and give the name of the log that has a new line naming it; empty where none has."""
    before = {log: log.stat().st_size for log in logs()}
    with file.open("rb", buffering=0) as opened:
        opened.read(1)
    until = time.monotonic() + seconds
    while True:
        for log in logs():
            if _names(_new(log, before.get(log, 0)), file.name):
                return log.name
        if time.monotonic() >= until:
            return ""
        time.sleep(PAUSE_S)


def _new(log: Path, start: int) -> bytes:
    """Give what was written since; a log that is shorter now was begun anew."""
    try:
        with log.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(start if size >= start else 0)
            return opened.read(MOST_NEW)
    except OSError:
        return b""


def _names(lines: bytes, name: str) -> bool:
    """Say whether a whole line names the file, in plain or in JSON."""
    whole = lines[: lines.rfind(b"\n") + 1]
    return name.encode() in whole or json.dumps(name)[1:-1].encode() in whole
