"""One process writes to a ledger at a time, and none reads while it does."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from safecase.errors import EvidenceError

LONGEST_WAIT_S = 60.0


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock file while the block runs; `shared` with other readers, who need no right to write."""
    handle = _opened(path, shared)
    if handle is None:
        yield
        return
    try:
        _wait(handle, path, shared)
        yield
    finally:
        os.close(handle)  # which lets go of the lock, as the end of the process does


def _opened(path: Path, shared: bool) -> int | None:
    # Neither through a link, nor waiting for the other end of a pipe.
    careful = 0 if sys.platform == "win32" else os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | careful, 0o644)
    except OSError:
        if not shared:
            raise
    try:
        return os.open(path, os.O_RDONLY | careful)
    except OSError:
        return None  # a ledger that cannot be written to needs no lock to be read


def _wait(handle: int, path: Path, shared: bool) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_S
    pause = 0.001
    while not _taken(handle, shared):
        if time.monotonic() > deadline:
            raise EvidenceError(
                f"another process has held {path} for more than {LONGEST_WAIT_S:.0f} s",
                mend="wait for it to end, or end it; what it acknowledged is kept",
                exit_code=3,
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def _taken(handle: int, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
