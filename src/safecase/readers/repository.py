"""The files of a folder: walked without following links, within bounds, and seen as git sees them."""

from __future__ import annotations

import fnmatch
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MOST_FILES = 200_000
MOST_DEPTH = 40
GIT_SECONDS = 20.0

NOT_WALKED = frozenset(
    {
        ".git", ".hg", ".svn", ".safecase", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__",
        ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".ipynb_checkpoints", ".terraform",
    }
)  # fmt: skip


class Entry(NamedTuple):
    """A regular file, with what tells whether it changed."""

    path: str
    """Relative, with forward slashes."""
    size: int
    mtime_ns: int
    inode: int


class Listing(NamedTuple):
    """What lies in a folder."""

    entries: tuple[Entry, ...]
    """Every regular file, sorted by path."""
    belonging: tuple[str, ...]
    """Those that belong to the repository: tracked, or not ignored by git; all where there is no git."""
    unreadable: tuple[str, ...]
    """Folders that could not be read, and why."""
    complete: bool


def list_files(root: Path, exclude: Sequence[str] = ()) -> Listing:
    """List the files below `root`; `exclude` holds globs over relative paths."""
    entries: list[Entry] = []
    unreadable: list[str] = []
    complete = True
    for entry in _walk(root, exclude, unreadable):
        if len(entries) >= MOST_FILES:
            complete = False
            break
        entries.append(entry)
    entries.sort()
    tracked = _git_files(root)
    belonging = tuple(e.path for e in entries if tracked is None or e.path in tracked)
    return Listing(tuple(entries), belonging, tuple(unreadable), complete)


def excluded(path: str, globs: Sequence[str]) -> bool:
    """Say whether a relative path, or a folder above it, matches one of the globs."""
    return any(fnmatch.fnmatchcase(path, g) or fnmatch.fnmatchcase(path, g.rstrip("/") + "/*") for g in globs)


def _walk(root: Path, exclude: Sequence[str], unreadable: list[str]) -> Iterator[Entry]:
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            found = list(os.scandir(root / folder if folder else root))
        except OSError as why:
            unreadable.append(f"{folder or '.'}: {why.strerror}")
            continue
        if folder and any(f.name == "pyvenv.cfg" for f in found):
            continue
        for item in found:
            path = f"{folder}/{item.name}" if folder else item.name
            if exclude and excluded(path, exclude):
                continue
            try:
                if item.is_dir(follow_symlinks=False):
                    if item.name in NOT_WALKED:
                        continue
                    if depth >= MOST_DEPTH:
                        unreadable.append(f"{path}: more than {MOST_DEPTH} folders deep")
                    else:
                        waiting.append((path, depth + 1))
                elif item.is_file(follow_symlinks=False):
                    stat = item.stat(follow_symlinks=False)
                    yield Entry(_text(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
            except OSError as why:
                unreadable.append(f"{path}: {why.strerror}")


def _text(path: str) -> str:
    """A file name that is not UTF-8 comes with surrogates, which neither JSON nor a terminal can carry."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _git_files(root: Path) -> frozenset[str] | None:
    """What git would commit, or None without git. A repository's own settings must not run programs of its choice."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return None
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*",
               "ls-files", "-z", "--cached", "--others", "--exclude-standard"]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        answer = subprocess.run(
            command,
            cwd=root,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            timeout=GIT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # A folder that git ignores as a whole (a build's output, the demo's service) has files of its own all the same.
    return frozenset(_text(os.fsdecode(path)) for path in answer.stdout.split(b"\0") if path) or None
