"""Everything below a path, streamed: files in order, and whatever is no plain file with the reason.

`repository.list_files` gives the files of a service; this gives what a stranger put into a folder, so nothing is left
out for its name: caches, hidden folders and `.git` are walked, links and devices are told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

MOST_ENTRIES: Final = 2_000_000
MOST_DEPTH: Final = 100

Kind: TypeAlias = Literal["file", "link_in", "link_out", "dangling", "special", "unreadable", "deep", "many"]
"""`link_in` leads to something below the same root, `link_out` elsewhere; `special` is a pipe, a socket, a device."""


class Leaf(NamedTuple):
    """What lies at a path below the root."""

    path: str
    """As it can be opened: the root as it was given, and what is below it."""
    relative: str
    """With forward slashes; empty for the root itself."""
    kind: Kind
    why: str = ""


def leaves(root: str) -> Iterator[Leaf]:
    """Give the root itself where it is no folder, or everything below it, folder by folder, sorted by name.

    Links are followed for the root alone: who names a link means what it leads to.
    """
    try:
        mode = os.stat(root).st_mode  # noqa: PTH116 - a hundred thousand Path objects are most of the time
    except OSError as why:
        yield Leaf(root, "", "unreadable", why.strerror or "it cannot be read")
        return
    if not stat.S_ISDIR(mode):
        yield Leaf(root, "", "file" if stat.S_ISREG(mode) else "special", "" if stat.S_ISREG(mode) else _special(mode))
        return
    yield from _walk(root)


def _walk(root: str) -> Iterator[Leaf]:
    real = os.path.realpath(root)
    waiting = [("", 0)]
    left = MOST_ENTRIES
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(f"{root}/{folder}" if folder else root) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as why:
            yield Leaf(f"{root}/{folder}", folder, "unreadable", why.strerror or "it cannot be read")
            continue
        folders = []
        for item in items:
            left -= 1
            if left < 0:
                yield Leaf(root, "", "many", f"more than {MOST_ENTRIES} entries: the rest was not looked at")
                return
            relative = f"{folder}/{item.name}" if folder else item.name
            leaf = _leaf(item, f"{root}/{relative}", relative, real)
            if leaf is not None:
                yield leaf
            elif depth >= MOST_DEPTH:
                yield Leaf(f"{root}/{relative}", relative, "deep", f"more than {MOST_DEPTH} folders deep")
            else:
                folders.append((relative, depth + 1))
        waiting.extend(reversed(folders))


def _leaf(item: os.DirEntry[str], path: str, relative: str, root: str) -> Leaf | None:
    """Give what an entry is; None for a folder."""
    try:
        if item.is_symlink():
            return _link(path, relative, root)
        if item.is_dir(follow_symlinks=False):
            return None
        if item.is_file(follow_symlinks=False):
            return Leaf(path, relative, "file")
        return Leaf(path, relative, "special", _special(item.stat(follow_symlinks=False).st_mode))
    except OSError as why:
        return Leaf(path, relative, "unreadable", why.strerror or "it cannot be read")


def _link(path: str, relative: str, root: str) -> Leaf:
    try:
        target = os.path.realpath(path, strict=True)
    except OSError:
        return Leaf(path, relative, "dangling", f"a link to {_led_to(path)}, which is not there")
    if target == root or target.startswith(root + os.sep):
        return Leaf(path, relative, "link_in", target)
    return Leaf(path, relative, "link_out", target)


def _led_to(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return "somewhere"


def _special(mode: int) -> str:
    for test, name in (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return name
    return "no plain file"
