"""The digest of every file that the walk met, and of what the manifest names besides."""

from __future__ import annotations

import os
import posixpath
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safecase.errors import CollectError
from safecase.readers.repository import Entry
from safecase.readers.text import shown
from safecase.service.digests import Digests, hash_file, of_parts
from safecase.service.schema import Manifest

MOST_FOLDERS = 20_000
"""Of one folder that a manifest names."""


class Contents:
    """Digests by path; a file that is gone has one that says so, one that cannot be read never the same twice."""

    def __init__(self, root: Path, entries: Mapping[str, Entry], digests: Digests, unreadable: list[str]) -> None:
        self._root, self._entries, self._digests, self._unreadable = root, entries, digests, unreadable

    def __call__(self, path: str) -> str:
        """Give the digest of a file."""
        entry = self._entries.get(posixpath.normpath(path))
        if entry is None:
            return self.named(path)
        try:
            return self._digests.file(entry)
        except CollectError as why:
            self._unreadable.append(str(why))
            return _never_the_same()

    def named(self, path: str) -> str:
        """Hash what the manifest names, also where the walk did not meet it: excluded, a link, ignored by git."""
        try:
            found = (self._root / path).resolve()
            if not found.is_relative_to(self._root.resolve()):
                raise CollectError(f"{shown(path)} leads out of the service's folder")
            if found.is_dir():
                return of_parts(dict(self._inside(posixpath.normpath(path), found)))
            return self._hash(posixpath.normpath(path)) if found.is_file() else "missing"
        except (CollectError, OSError, ValueError, RuntimeError) as why:  # RuntimeError: links in a circle
            self._unreadable.append(f"{shown(path)}: {shown(str(why), 200)}")
            return _never_the_same()

    def _inside(self, folder: str, found: Path) -> Iterator[tuple[str, str]]:
        """Hash everything in a folder that the manifest names, caches and links too: a check may read it."""
        for at, (above, folders, files) in enumerate(os.walk(found)):
            if at > MOST_FOLDERS:
                raise CollectError(f"{shown(folder)} holds more than {MOST_FOLDERS} folders")
            for name in sorted({*files, *(f for f in folders if (Path(above) / f).is_symlink())}):
                path = Path(above) / name
                inner = f"{folder}/{path.relative_to(found).as_posix()}"
                link = f"{path.readlink()} " if path.is_symlink() else ""
                plain = path.is_file() and path.resolve().is_relative_to(self._root.resolve())
                yield inner, link + (self._hash(inner) if plain else "no file of the service")

    def _hash(self, path: str) -> str:
        """Hash a file that is there; one that the walk met and that did not change is not read again."""
        entry = self._entries.get(path)
        return self._digests.file(entry) if entry is not None else hash_file(self._root / path)


def _never_the_same() -> str:
    """Evidence about what could not be read must not match the next time it cannot be read."""
    return f"unreadable-{uuid.uuid4().hex}"


def named_files(manifest: Manifest, keys: Iterable[str]) -> tuple[str, ...]:
    """Give the paths that keys of the manifest hold (`training.records`, `models.card`, `compliance.documents`)."""
    found: list[str] = []
    for dotted in keys:
        values: list[Any] = [manifest]
        for part in dotted.split("."):
            values = [item for value in values for item in _each(getattr(value, part, None))]
        found.extend(path for path in values if isinstance(path, str) and path and "://" not in path)
    return tuple(dict.fromkeys(found))


def _each(value: Any) -> Iterable[Any]:  # a block, a list of blocks, a path, paths, or paths by a word
    if isinstance(value, Mapping):
        return tuple(value.values())
    return value if isinstance(value, tuple) else (value,)
