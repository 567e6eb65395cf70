"""Paths of files in one spelling, and those that leave the folder where a tool works."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_ROOTS: Final = frozenset(
    {
        "etc", "root", "home", "users", "var", "usr", "tmp", "opt", "proc", "sys", "dev", "mnt", "srv", "data",
        "media", "bin", "sbin", "boot", "private", "volumes", "workspace", "run", "lib", "library", "system",
        "applications", "app", "windows",
    }
)  # fmt: skip
_PATH: Final = re.compile(
    r"(?<![\w./\\<~:*-])(?:file:/{1,3}|[a-z]:[\\/]|\\\\|~[\w-]*/|(?:\.{1,2}[\\/])+|/|\.(?=\w))[\w.+@ \\/-]*",
    re.IGNORECASE,
)
_UPWARDS: Final = re.compile(r"(?<![\w.])[\w.-]{1,64}(?:[\\/][\w.-]{1,64}){0,8}[\\/]\.\.[\w.\\/-]*")
_DRIVE: Final = re.compile(r"[a-z]:/")


class Named(NamedTuple):
    """A path in a text."""

    path: str
    certain: bool
    """It begins as paths of a machine do; else it may be a route of a web service."""


def tidy(path: str) -> str:
    """Give a path in one spelling: slashes, no empty or turning steps, no case."""
    path = path.strip().strip("\"'").casefold().replace("\\", "/").removeprefix("file://")
    path = "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path
    if not path:
        return ""
    tidied = posixpath.normpath(path)
    return tidied[1:] if tidied.startswith("//") else tidied


def leaves_folder(path: str) -> bool:
    """Say whether a tidied path is absolute, of a home, upwards, or of hidden files."""
    if path.startswith(("/", "~", "..")) or _DRIVE.match(path) is not None:
        return True
    return any(step.startswith(".") and step != "." for step in path.split("/"))


def hidden(path: str) -> bool:
    """Say whether a step of a path is hidden: keys and settings are."""
    return any(step.startswith(".") for step in path.split("/"))


def paths_in(text: str) -> Iterator[Named]:
    """Give the absolute and upward paths that stand in a text."""
    for match in _PATH.finditer(text):
        written = match[0]
        # Blanks belong to a path only between two of its steps, as in `Program Files`.
        written = _until_words(written)
        path = tidy(written)
        steps = [step for step in path.split("/") if step]
        if not steps or path in (".", "/"):
            continue
        if written.startswith("/") and steps[0] not in _ROOTS and not hidden(path):
            yield Named(path, certain=False)
        elif written.startswith("."):
            if path.startswith("..") or (hidden(path) and "/" in path):
                yield Named(path, certain=True)
        else:
            yield Named(path, certain=True)
    if ".." in text:
        for match in _UPWARDS.finditer(text):
            yield Named(tidy(match[0]), certain=True)


def _until_words(written: str) -> str:
    words = written.split(" ")
    kept = words[0]
    for word in words[1:3]:
        if "\\" not in word or "\\" not in kept:
            break
        kept += " " + word
    return kept.rstrip(".,;:")
