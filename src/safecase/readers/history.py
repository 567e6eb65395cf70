"""When files last changed, by git's history: only where all of it is here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from safecase.errors import CollectError
from safecase.readers.repository import ask_git
from safecase.readers.text import shown

LITERAL = ":(literal)"
"""Tells git that no sign of a path is a wildcard."""


def last_change(root: Path, paths: tuple[str, ...]) -> date | None:
    """Give the day (UTC) of the last commit that touched one of the paths; None where git knows none of them.

    Raises CollectError in a shallow clone: there the first commit that is left seems to have made every file.
    """
    if (ask_git(root, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true":
        raise CollectError(
            "the clone is shallow: it does not tell when a file last changed",
            mend="check out the whole history (actions/checkout: `fetch-depth: 0`)",
        )
    told = ask_git(
        root, "log", "-1", "--format=%cI", "--", *(LITERAL + path if path != "." else path for path in paths)
    )
    text = (told or b"").decode("ascii", "replace").strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC).date()
    except (ValueError, OverflowError) as why:
        raise CollectError(f"git gives {shown(text, 40)} as the time of a commit", mend="see `git log`") from why


def uncommitted(root: Path, paths: tuple[str, ...]) -> int:
    """Count the changes below some paths that are not committed."""
    told = ask_git(root, "status", "--porcelain", "--", *_literal(paths))
    return len((told or b"").splitlines())


def unknown_to_git(root: Path, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Give those of some paths of which git tracks nothing."""
    return tuple(path for path in paths if not (ask_git(root, "ls-files", "--", LITERAL + path) or b"").strip())


def _literal(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path if path == "." else LITERAL + path for path in paths)


def content_before(root: Path, path: str, moment: datetime) -> bytes | None:
    """Give what a file held in the last commit of this branch before a moment; None where there is no such."""
    commit = (ask_git(root, "rev-list", "-1", f"--before={moment.isoformat()}", "HEAD") or b"").decode(
        "ascii", "replace"
    )
    return ask_git(root, "show", f"{commit.strip()}:./{path}") if commit.strip() else None
