"""Which of many paths changed after a day, by git's history: in few questions, and all of them or an error."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.readers.history import LITERAL, last_change, uncommitted
from safecase.readers.repository import ask_git
from safecase.readers.text import shown

AT_ONCE: Final = 100
"""Paths in one question: a command line has its end."""


def tracked(ctx: Context, paths: Sequence[str]) -> frozenset[str]:
    """Give those of some paths of which git tracks anything."""
    wanted, found = frozenset(paths), set()
    for some in _lots(ctx, paths):
        asked = [path if path == "." else LITERAL + path for path in some]
        for name in (ask_git(ctx.root, "ls-files", "-z", "--", *asked) or b"").split(b"\0"):
            path = name.decode("utf-8", "surrogateescape")
            while path and path not in found:
                if path in wanted:
                    found.add(path)
                path = posixpath.dirname(path)
            if name and "." in wanted:
                found.add(".")
    return frozenset(found)


def uncommitted_in(ctx: Context, paths: Sequence[str]) -> int:
    """Count the changes below some paths that are not committed."""
    return sum(uncommitted(ctx.root, some) for some in _lots(ctx, paths))


def later_changes(
    ctx: Context, paths: Sequence[str], known: frozenset[str], after: date
) -> tuple[tuple[str, date], ...]:
    """Give each of some paths that last changed after a day, with the day; raises CollectError in a shallow clone.

    `known` are those that git tracks: of others it may know that they were taken away.
    """
    return tuple(change for some in _lots(ctx, paths) for change in _later(ctx, some, known, after))


def _later(ctx: Context, paths: tuple[str, ...], known: frozenset[str], after: date) -> Iterator[tuple[str, date]]:
    """Ask for all at once; only where one of them changed, or git gives no answer, is each half asked for."""
    _in_time(ctx)
    day = last_change(ctx.root, paths)
    if (day is None and known.isdisjoint(paths)) or (day is not None and day <= after):
        return
    if len(paths) > 1:
        middle = len(paths) // 2
        yield from _later(ctx, paths[:middle], known, after)
        yield from _later(ctx, paths[middle:], known, after)
    elif day is None:
        raise CollectError(
            f"git does not tell when {shown(paths[0])} last changed", mend=f"see `git log -- {shown(paths[0])}`"
        )
    else:
        yield paths[0], day


def _lots(ctx: Context, paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(paths), AT_ONCE):
        _in_time(ctx)
        yield tuple(paths[start : start + AT_ONCE])


def _in_time(ctx: Context) -> None:
    if not ctx.remaining():
        raise CollectError(
            "the time was over before git told of all paths that the threats depend on",
            mend="give the checks more time (settings.check_seconds), or name folders instead of files",
        )
