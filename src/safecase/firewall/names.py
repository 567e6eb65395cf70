"""What a client asks for, by its path: the kind of repository, its name, a revision, a file. Anything else is refused.

Paths come percent-encoded and are split before they are decoded, so `refs%2Fpr%2F1` is one revision and `..%2Fx` is no
way up.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, unquote

from safecase.firewall.refusals import Refusal, bad_name
from safecase.vocabulary import Noun

Kind: TypeAlias = Literal["models", "datasets", "spaces"]
Answer: TypeAlias = Literal["info", "tree", "paths-info", "commits", "refs"]

LONGEST_FILE: Final = 1_000
LONGEST_REVISION: Final = 250

_PART: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_-])?")
_REVISION: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./+-]*[A-Za-z0-9_+-])?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\\\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffd]")


class Repo(Noun, frozen=True):
    """A repository of the hub."""

    kind: Kind
    name: str
    """`owner/name`, or `name` alone."""

    @property
    def owner(self) -> str:
        """Who has it; empty for the oldest ones, which have no owner in their name."""
        return self.name.rpartition("/")[0]

    @property
    def prefix(self) -> str:
        """What stands before its files in a path of the hub."""
        return f"/{self.name}" if self.kind == "models" else f"/{self.kind}/{self.name}"

    @property
    def api(self) -> str:
        """Where the hub tells of it."""
        return f"/api/{self.kind}/{self.name}"

    def __str__(self) -> str:
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"


class WantedFile(Noun, frozen=True):
    """One file of one revision."""

    repo: Repo
    revision: str
    file: str

    def path(self, commit: str = "") -> str:
        """Give its path at the hub, of a commit where one is given."""
        revision = quote(commit or self.revision, safe="")
        return f"{self.repo.prefix}/resolve/{revision}/{quote(self.file)}"


class WantedAnswer(Noun, frozen=True):
    """Something that the hub tells of a repository."""

    repo: Repo
    what: Answer
    revision: str = ""
    folder: str = ""

    def path(self, commit: str = "") -> str:
        """Give its path at the hub, of a commit where one is given."""
        revision = quote(commit or self.revision, safe="")
        if self.what == "info":
            return f"{self.repo.api}/revision/{revision}" if revision else self.repo.api
        if self.what == "refs":
            return f"{self.repo.api}/refs"
        folder = f"/{quote(self.folder)}" if self.folder else ""
        return f"{self.repo.api}/{self.what}/{revision}{folder}"


Wanted: TypeAlias = WantedFile | WantedAnswer


def is_commit(revision: str) -> bool:
    """Say whether a revision is a commit, which cannot be moved."""
    return _COMMIT.fullmatch(revision) is not None


def is_file_name(file: str) -> bool:
    """Say whether a file of a repository can have this name."""
    try:
        return not _UNPRINTABLE.search(file) and _file(file.split("/")) == file
    except Refusal:
        return False


def wanted(raw_path: str) -> Wanted:
    """Tell what a percent-encoded path asks for; raises `Refusal` for whatever is no download."""
    if len(raw_path) > 4 * LONGEST_FILE:
        raise bad_name("the path is too long")
    parts = [_decoded(part) for part in raw_path.lstrip("/").split("/")]
    if parts[0] == "api":
        return _answer(parts[1:])
    kind: Kind = "models"
    if parts[0] in ("datasets", "spaces"):
        kind = "datasets" if parts[0] == "datasets" else "spaces"
        parts = parts[1:]
    for at in (1, 2):
        if len(parts) > at + 2 and parts[at] == "resolve":
            repo = _repo(kind, parts[:at])
            return WantedFile(repo=repo, revision=_revision(parts[at + 1]), file=_file(parts[at + 2 :]))
    raise Refusal(404, "EntryNotFound", "the firewall serves files and what the hub tells of them, and nothing else")


def _answer(parts: list[str]) -> WantedAnswer:
    if not parts or parts[0] not in ("models", "datasets", "spaces"):
        raise _no_download()
    kind: Kind = "datasets" if parts[0] == "datasets" else "spaces" if parts[0] == "spaces" else "models"
    rest = parts[1:]
    for at in (1, 2):
        if len(rest) > at and rest[at] in ("revision", "tree", "paths-info", "commits", "refs"):
            return _of_repo(_repo(kind, rest[:at]), rest[at], rest[at + 1 :])
    if len(rest) in (1, 2) and all(rest):
        return WantedAnswer(repo=_repo(kind, rest), what="info")
    raise _no_download()


def _of_repo(repo: Repo, word: str, rest: list[str]) -> WantedAnswer:
    if word == "refs" and not rest:
        return WantedAnswer(repo=repo, what="refs")
    if not rest:
        raise _no_download()
    revision = _revision(rest[0])
    folder = _file(rest[1:]) if len(rest) > 1 and any(rest[1:]) else ""
    if word == "tree":
        return WantedAnswer(repo=repo, what="tree", revision=revision, folder=folder)
    if folder:
        raise _no_download()
    if word == "paths-info":
        return WantedAnswer(repo=repo, what="paths-info", revision=revision)
    if word == "commits":
        return WantedAnswer(repo=repo, what="commits", revision=revision)
    return WantedAnswer(repo=repo, what="info", revision=revision)


def _no_download() -> Refusal:
    return Refusal(404, "EntryNotFound", "the firewall is for downloads: it knows no such question")


def _decoded(part: str) -> str:
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError as why:
        raise bad_name("the path is not UTF-8") from why
    if _UNPRINTABLE.search(text):
        raise bad_name("the path holds a control character, a direction mark or a backslash")
    return text


def _repo(kind: Kind, parts: list[str]) -> Repo:
    if not all(_PART.fullmatch(part) and ".." not in part and "--" not in part for part in parts):
        raise bad_name("no repository can have this name")
    return Repo(kind=kind, name="/".join(parts))


def _revision(text: str) -> str:
    plain = _REVISION.fullmatch(text) and ".." not in text and "//" not in text
    if not plain or len(text) > LONGEST_REVISION:
        raise bad_name("no revision can have this name")
    return text


def _file(parts: list[str]) -> str:
    if any(part in ("", ".", "..") or "/" in part for part in parts):
        raise bad_name("the name of a file has an empty part, or leads out of the repository")
    file = "/".join(parts)
    if len(file) > LONGEST_FILE:
        raise bad_name("the name of the file is too long")
    return file
