"""Files that come with a repository, read without being led on: plain ones only, and no more than is wanted.

A name may stand for a pipe that never ends, for a device, or for a link to somewhere else.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

PIECE = 1 << 20


def read(path: Path, *, most: int, follow: bool = False) -> bytes:
    """Read a plain file of at most `most` bytes; OSError says what else it is.

    `follow` allows a link, for what the user names: a secret that is mounted into a container is one.
    """
    # NONBLOCK: to open a pipe waits for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as why:
        if why.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link", str(path)) from why
        raise
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return _whole(handle, path, found.st_size, most)
    finally:
        os.close(handle)


def _whole(handle: int, path: Path, size: int, most: int) -> bytes:
    """Read to the end, and not by the size alone: a file may grow, and those of /proc have none."""
    pieces: list[bytes] = []
    left = most + 1
    while size <= most and left and (piece := os.read(handle, min(left, max(PIECE, size)))):
        pieces.append(piece)
        left -= len(piece)
    if size > most or not left:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return b"".join(pieces)


def is_plain(path: Path) -> bool:
    """Say whether a name stands for a plain file, or for nothing yet; a link is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True


def link_in(path: Path, below: Path) -> Path | None:
    """Give the first part of a path that is a symbolic link, where only the parts below a folder are looked at."""
    try:
        parts = path.relative_to(below).parts
    except ValueError:
        return None
    at = below
    for part in parts:
        at = at / part
        if at.is_symlink():
            return at
    return None
