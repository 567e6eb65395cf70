"""One service as a git revision has it: its manifest wherever it lay, its attestations, and what its files are."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from safecase.errors import ManifestError, UsageError
from safecase.evidence import attestations
from safecase.readers import kubernetes
from safecase.readers.artifacts import formats
from safecase.readers.repository import ask_git
from safecase.readers.text import shown
from safecase.service.read import NAMES, ServiceDescription, from_bytes
from safecase.vocabulary import Attestation, Fact, Place

MOST_MANIFESTS = 500
MOST_CANDIDATES = 500
_FILES = ("100644", "100755")
"""Modes of git that mean a plain file, not a link or another repository."""


class Revision(NamedTuple):
    """A revision that git knows, seen from the service's folder."""

    root: Path
    commit: str
    top: Path
    """The folder of the whole repository."""
    folder: str
    """The service's folder below `top`, empty for `top` itself."""

    @classmethod
    def of(cls, root: Path, name: str) -> Revision:
        """Find a revision; one that git does not know is told with what fetches it."""
        if name.startswith("-"):
            raise UsageError(f"{name!r} is no revision", mend="name a branch, a tag or a commit")
        commit = ask_git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        top = ask_git(root, "rev-parse", "--show-toplevel")
        prefix = ask_git(root, "rev-parse", "--show-prefix")
        if commit is None or top is None or prefix is None:
            raise UsageError(
                f"git knows no revision {name!r} here",
                mend=f"git fetch origin {name.removeprefix('origin/')}, and check out with its history",
            )
        folder = os.fsdecode(prefix).rstrip("\n").rstrip("/")
        return cls(root, commit.decode().strip(), Path(os.fsdecode(top).rstrip("\n")), folder)

    def manifest(self, service: ServiceDescription) -> tuple[ServiceDescription, str] | None:
        """Give the service's description and its folder: in the folder where it is now, else where it was moved from.

        A service of the same id that still lies elsewhere is another one: a change cannot choose whose rules it obeys.
        """
        for name in dict.fromkeys((service.file, *NAMES)):
            content = self.content(self.folder, name)
            if content is not None:
                return from_bytes(content, service.root / name), self.folder
        for path in self._manifests():
            if os.path.lexists(self.top / path):
                continue
            moved = self._read(path)
            if moved is not None and moved.manifest.service.id == service.manifest.service.id:
                return moved, posixpath.dirname(path)
        return None

    def content(self, folder: str, name: str) -> bytes | None:
        """Give the bytes of a file, named relative to a folder; None where there is none."""
        path = posixpath.normpath(posixpath.join(folder, name))
        return None if path.startswith("..") else ask_git(self.root, "show", f"{self.commit}:{path}")

    def attestations(self, folder: str, name: str) -> tuple[Attestation, ...]:
        """Read the attestations that the revision holds."""
        within = posixpath.normpath(posixpath.join(folder, name))
        with tempfile.TemporaryDirectory() as made:
            root, copied = Path(made), Path(made, "attestations")  # a name of ours: theirs may lead out of here
            copied.mkdir()
            for path in self._files(within):
                relative = posixpath.relpath(path, within)
                if "/" not in relative and relative.endswith((".yaml", ".yml")):
                    (copied / relative).write_bytes(self.content("", path) or b"")
            return attestations.read(copied, root)

    def discovered(self, folder: str) -> tuple[Fact, ...]:
        """Say how many models (by their names) and Kubernetes manifests lie in a folder."""
        models = [path for path in self._files(folder) if posixpath.splitext(path)[1].lower() in formats.ONLY_MODELS]
        cluster = [path for path in self._speaking_of("apiVersion", folder) if self._is_kubernetes(path)]
        return (_counted("discovered.model_files", models), _counted("discovered.kubernetes_files", cluster))

    def _manifests(self) -> list[str]:
        found = [path for path in self._files("") if posixpath.basename(path) in NAMES]
        return found[:MOST_MANIFESTS]

    def _read(self, path: str) -> ServiceDescription | None:
        try:
            return from_bytes(self.content("", path) or b"", self.top / path)
        except ManifestError:
            return None  # that of another service, which its own gate complains about

    def _files(self, folder: str) -> Iterator[str]:
        below = ("--", folder) if folder not in ("", ".") else ()
        listed = ask_git(self.top, "--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", self.commit, *below)
        for row in (listed or b"").split(b"\0"):
            kind, _, path = os.fsdecode(row).partition("\t")
            if kind.startswith(_FILES):
                yield path

    def _speaking_of(self, word: str, folder: str) -> list[str]:
        command = ("grep", "-l", "-z", "--full-name", "-F", "-e", word, self.commit)
        listed = ask_git(self.top, "--literal-pathspecs", *command, *(("--", folder) if folder else ()))
        paths = (os.fsdecode(row).partition(":")[2] for row in (listed or b"").split(b"\0"))
        return [path for path in paths if path.endswith((".yaml", ".yml"))][:MOST_CANDIDATES]

    def _is_kubernetes(self, path: str) -> bool:
        return kubernetes.is_kubernetes((self.content("", path) or b"")[: kubernetes.MOST_BYTES])


def _counted(key: str, paths: list[str]) -> Fact:
    place = Place(file=shown(paths[0], 200), line=1) if paths else None
    return Fact(key=key, value=len(paths), origin="discovered", place=place)
