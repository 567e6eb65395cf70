"""What lies in a model's folder, held against the list that was signed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from safecase.errors import CollectError
from safecase.readers.artifacts import formats
from safecase.readers.model_signatures import WHOLE, Statement, digest_of_file
from safecase.readers.text import shown

MOST_FILES: Final = 50_000
OF_GIT: Final = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
LAYOUT: Final = frozenset(
    {
        "objects", "refs", "logs", "hooks", "info", "branches", "lfs", "modules", "worktrees", "index", "HEAD",
        "config", "description", "packed-refs", "ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "COMMIT_EDITMSG", "shallow",
    }
)  # fmt: skip
PLAIN: Final = frozenset({"", ".md", ".rst", ".txt", ".yml", ".yaml"})
"""Suffixes of files of git's that no loader takes for a model, code or a setting of one."""
PROSE: Final = (".md", ".rst")
PROSE_NAMES: Final = frozenset({"LICENSE", "LICENCE", "NOTICE"})

_FETCH = "do not load the model: fetch it anew from where it was signed, and find out who changed it here"
_ADDED = "take it out of the folder, or have the whole folder signed again by who answers for it"
_LINK = "put the file itself there"


class Difference(NamedTuple):
    """A file that is not as the signature has it."""

    rule: str
    name: str
    told: str
    mend: str


def files_of(model: Path, bundle: Path) -> set[str]:
    """Name all files of a model but its signature, links and hidden ones too."""
    if not model.is_dir():
        return {WHOLE} if model.exists() else set()
    found: set[str] = set()
    for folder, folders, names in os.walk(model, onerror=_raise):
        here = Path(folder)
        linked = [name for name in folders if (here / name).is_symlink()]
        if here == model / ".git":
            # What git itself keeps there; anything else is a file like any other.
            folders[:] = [name for name in folders if name not in LAYOUT]
            names = [name for name in names if name not in LAYOUT]
        for name in (*names, *linked):
            path = here / name
            if not (path.name == bundle.name and path.resolve() == bundle.resolve()):
                found.add(path.relative_to(model).as_posix())
        if len(found) > MOST_FILES:
            raise CollectError(f"more than {MOST_FILES} files in {shown(model.name)}", mend="name a smaller folder")
    return found


def differences(
    model: Path, bundle: Path, statement: Statement, *, step: Callable[[str], None] = lambda _: None
) -> Iterator[Difference]:
    """Compare the folder (or the file) with the list, in the order of names; `step` is told of each and may raise."""
    here = files_of(model, bundle)
    signed = {file.name: file for file in statement.files}
    for name in sorted(here | signed.keys()):
        file = signed.get(name)
        path = model if name == WHOLE else model / name
        step(name)
        if file is None:
            if not _may_be_unsigned(name, path, statement):
                yield Difference("added", name, f"{shown(name)} is not signed, and lies in the model", _ADDED)
        elif name not in here:
            yield Difference("missing", name, f"{shown(name)} was signed, and is not there", _FETCH)
        elif path.is_symlink() or not path.is_file():
            yield Difference("link", name, f"{shown(name)} is a link, and may be another file tomorrow", _LINK)
        elif digest_of_file(path, file.algorithm) != file.digest:
            yield Difference("changed", name, f"{shown(name)} is not what was signed", _FETCH)


def _may_be_unsigned(name: str, path: Path, statement: Statement) -> bool:
    """Git's own files, and what people read if its signer left it out; never what a program might load."""
    if path.is_symlink():
        return False
    if name.partition("/")[0] in OF_GIT:
        # The list of what was left out is the signer's, or an attacker's: weights do not hide behind such a name.
        return path.suffix.lower() in PLAIN and _is_prose(path)
    left_out = any(name == one or name.startswith(one.rstrip("/") + "/") for one in statement.ignored)
    return left_out and (name.lower().endswith(PROSE) or name.rpartition("/")[2] in PROSE_NAMES)


def _is_prose(path: Path) -> bool:
    """Say whether a file is text that nobody starts: no pickle in letters, no script."""
    try:
        kind = formats.identify(path).name
        with path.open("rb") as file:
            return kind in ("text", "empty") and not file.read(2).startswith(b"#!")
    except (CollectError, OSError):
        return False


def _raise(why: OSError) -> None:
    raise why
