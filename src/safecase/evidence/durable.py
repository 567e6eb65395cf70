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
    os.close(handle)
    try:
        write_in_place(Path(name), content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def write_in_place(path: Path, content: bytes) -> None:
    """Write a file of which a half may be left by a power cut. The folder is not synced yet."""
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def sync_folder(path: Path) -> None:
    """Make what was created in and renamed into a folder last."""
    if sys.platform == "win32":
        return  # NTFS journals names; a folder cannot be opened there
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
