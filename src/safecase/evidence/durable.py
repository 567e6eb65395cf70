"""Writing so that a power cut leaves either the old or the new."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

PREFIX = ".new-"


def write(path: Path, content: bytes) -> None:
    """Write a file whole: beside it, synced, then renamed. The folder is not synced yet."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def sync_folder(path: Path) -> None:
    """Make what was created in and renamed into a folder last."""
    if sys.platform == "win32":
        return  # NTFS journals names; a folder cannot be opened there
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
