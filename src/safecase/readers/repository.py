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

NEVER_WALKED = frozenset({".git", ".hg", ".svn"})
CACHES = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".ipynb_checkpoints"})
MADE_BY_TOOLS = CACHES | {".venv", "venv", ".tox", ".nox", "node_modules", ".terraform"}
"""Not walked, unless git tracks something in it: nothing that is committed hides behind a folder's name."""


class Entry(NamedTuple):
    """A regular file, with what tells whether it changed."""

    path: str
    """Relative, with forward slashes."""
    size: int
    mtime_ns: int
    inode: int


class _Git(NamedTuple):
    """What git knows of a folder."""

    tracked: frozenset[str]
    others: frozenset[str]
    """Not tracked, and not ignored."""

    @property
    def folders(self) -> frozenset[str]:
        """Every folder that holds something tracked."""
        return frozenset(path[:at] for path in self.tracked for at, sign in enumerate(path) if sign == "/")


class Listing(NamedTuple):
    """What lies in a folder."""

    entries: tuple[Entry, ...]
    """Every regular file, sorted by path."""
    belonging: tuple[str, ...]
    """Those that belong to the repository: tracked, or not ignored by git; all where there is no git."""
    unreadable: tuple[str, ...]
    """What could not be looked at, and why."""
    complete: bool
    passed_over: tuple[str, ...] = ()
    """Folders that tools made and git does not track: virtual environments, installed packages."""


def list_files(root: Path, exclude: Sequence[str] = ()) -> Listing:
    """List the files below `root`; `exclude` holds globs over relative paths."""
    entries: list[Entry] = []
    complete = True
    git = _git_view(root)
    walk = _Walk(root, exclude, git.folders if git else frozenset())
    for entry in walk.entries():
        if len(entries) >= MOST_FILES:
            complete = False
            break
        entries.append(entry)
    entries.sort()
    belonging = tuple(e.path for e in entries if git is None or e.path in git.tracked or e.path in git.others)
    return Listing(tuple(entries), belonging, tuple(walk.unreadable), complete, tuple(sorted(walk.passed_over)))


def excluded(path: str, globs: Sequence[str]) -> bool:
    """Say whether a relative path, or a folder above it, matches one of the globs."""
    return any(fnmatch.fnmatchcase(path, g) or fnmatch.fnmatchcase(path, g.rstrip("/") + "/*") for g in globs)


class _Walk:
    """One walk through a folder: the regular files as they come, and beside them what was left out."""

    def __init__(self, root: Path, exclude: Sequence[str], tracked: frozenset[str]) -> None:
        self._root, self._exclude, self._tracked = root, exclude, tracked
        self._waiting = [("", 0)]
        self.unreadable: list[str] = []
        self.passed_over: list[str] = []

    def entries(self) -> Iterator[Entry]:
        """Give every regular file, in no order; links are not followed."""
        while self._waiting:
            folder, depth = self._waiting.pop()
            try:
                found = list(os.scandir(self._root / folder if folder else self._root))
            except OSError as why:
                self.unreadable.append(f"{folder or '.'}: {why.strerror}")
                continue
            if folder and self._left_out(folder, {item.name for item in found}):
                continue
            for item in found:
                path = f"{folder}/{item.name}" if folder else item.name
                if not (self._exclude and excluded(path, self._exclude)):
                    yield from self._item(item, path, depth)

    def _left_out(self, folder: str, names: set[str]) -> bool:
        """A repository inside of this one, whose files are not ours, or a virtual environment of any name."""
        if ".git" in names:
            self.unreadable.append(f"{folder}: a repository of its own, which is to be assessed by itself")
            return True
        if "pyvenv.cfg" in names and names & {"bin", "Scripts"} and folder not in self._tracked:
            self.passed_over.append(folder)
            return True
        return False

    def _item(self, item: os.DirEntry[str], path: str, depth: int) -> Iterator[Entry]:
        try:
            if item.is_dir(follow_symlinks=False):
                self._folder(item.name, path, depth)
            elif item.is_file(follow_symlinks=False):
                stat = item.stat(follow_symlinks=False)
                yield Entry(_text(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
        except OSError as why:
            self.unreadable.append(f"{path}: {why.strerror}")

    def _folder(self, name: str, path: str, depth: int) -> None:
        if name in NEVER_WALKED:
            return
        if name in MADE_BY_TOOLS and path not in self._tracked:
            if name not in CACHES:
                self.passed_over.append(path)
        elif depth >= MOST_DEPTH:
            self.unreadable.append(f"{path}: more than {MOST_DEPTH} folders deep")
        else:
            self._waiting.append((path, depth + 1))


def _text(path: str) -> str:
    """A file name that is not UTF-8 comes with surrogates, which neither JSON nor a terminal can carry."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _git_view(root: Path) -> _Git | None:
    """What git tracks and does not ignore, or None without git."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return None
    tracked, others = _git_files(root, "--cached"), _git_files(root, "--others", "--exclude-standard")
    # A folder that git ignores as a whole (a build's output, the demo's service) has files of its own all the same.
    return _Git(tracked, others) if tracked or others else None


def _git_files(root: Path, *which: str) -> frozenset[str]:
    answer = ask_git(root, "ls-files", "-z", *which)
    return frozenset(_text(os.fsdecode(path)) for path in (answer or b"").split(b"\0") if path)


def ask_git(folder: Path, *arguments: str) -> bytes | None:
    """Give what git prints; None where it fails. A repository's own settings must not run programs of its choice.

    No hook, no monitor, and no transport: else a missing object is fetched by a program that the repository names.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
    try:
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=GIT_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout if answer.returncode == 0 else None
