"""`feeds.fresh`: what guards and attacks go by is current."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from safecase.catalogue.read import catalogue
from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers import regular_files
from safecase.readers.history import last_change, uncommitted
from safecase.readers.text import shown
from safecase.service.schema import Feed
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

CATALOGUE_DAYS = 180
MOST_BYTES = 50_000_000
OWN_DATES = ("created", "generated", "released", "updated")
_TOP = re.compile(rf"^({'|'.join(OWN_DATES)}):[ \t]+[\"']?([^\s\"'#]{{1,40}})", re.MULTILINE)


class Dated(NamedTuple):
    """When something was made, and what tells it."""

    day: date
    by: str
    proven: bool
    """Told by its own content or by git: the time on disk is that of the last checkout."""


@check(
    "feeds.fresh", control="UM-10", severity="medium", reads=("maintenance.feeds",), files=("maintenance.feeds.file",)
)
def feeds_fresh(service: Service, ctx: Context) -> Iterator[Finding]:
    """Every set of rules, attacks and advisories is younger than its greatest age, and so is the catalogue.

    ## Why it matters
    Guards go by rules and tests go by attacks of a certain day; whoever attacks goes by today's. An old set still
    reports "nothing found", and is believed.

    ## How it is checked
    Each of `maintenance.feeds` is a file or folder that is there and is younger than its `max_age_days`. Its age is
    what it says itself (`created`, `generated`, `released` or `updated` at the top of a JSON or YAML file, or of the
    folder's manifest.json); else the day of the last commit that touched it; else its time on disk, by which it can be
    too old, and never proven fresh: a checkout makes everything new. The catalogue of Safecase, with its controls and
    attacks, counts as a feed and is too old after 180 days. Whether a feed is any good is not looked at.

    ## How to mend it
    Import the feed anew, in a job that runs daily; update Safecase.

    ## References
    AML.M0020 (ATLAS 5.6.0); NIST AI RMF 1.0 MANAGE 4.1; EU AI Act Art. 15(5); CWE-1104.
    """
    today = ctx.now.date()
    released = date.fromisoformat(catalogue().released)
    age = (today - released).days
    told = f"the catalogue {catalogue().version} was released on {released}, {age} days ago"
    if age > CATALOGUE_DAYS:
        mend = "update Safecase: its attacks and controls come with it"
        yield feeds_fresh.failed(service, told, rule="catalogue", mend=mend)
    else:
        yield feeds_fresh.passed(service, told, rule="catalogue")
    for number, feed in enumerate(ctx.manifest.maintenance.feeds):
        yield _finding(service, ctx, number, feed)


def _finding(service: Service, ctx: Context, number: int, feed: Feed) -> Finding:
    name, place = f"{shown(feed.id)} ({shown(feed.file)})", ctx.place(f"maintenance.feeds.{number}")
    try:
        path = ctx.path(feed.file)
        there = path.exists()
    except (CollectError, OSError, ValueError) as why:
        mend = "keep the feed inside of the service's folder"
        return feeds_fresh.unknown(
            service, f"{name} cannot be looked at: {why}", rule="feed", key=feed.id, place=place, mend=mend
        )
    if not there:
        mend = f"import it, or correct maintenance.feeds in {ctx.manifest_path}"
        return feeds_fresh.failed(service, f"{name} is not there", rule="feed", key=feed.id, place=place, mend=mend)
    dated = _dated(path, feed.file, ctx.root)
    today = ctx.now.date()
    days = (today - dated.day).days
    told = f"{name} is {days} day{'' if days == 1 else 's'} old by {dated.by}; {feed.max_age_days} are allowed"
    if dated.day > today + timedelta(days=1):
        told = f"{name} is of {dated.day} by {dated.by}, which has not come yet"
        return feeds_fresh.failed(service, told, rule="feed", key=feed.id, place=place, mend="correct its date")
    if days > feed.max_age_days:
        mend = "import it anew, daily"
        return feeds_fresh.failed(service, told, rule="feed", key=feed.id, place=place, mend=mend)
    if not dated.proven:
        mend = "let it say when it was made (`created: 2026-11-23`), or keep it in git"
        return feeds_fresh.unknown(service, told, rule="feed", key=feed.id, place=place, mend=mend)
    return feeds_fresh.passed(service, told, rule="feed", key=feed.id, place=place)


def _dated(path: Path, relative: str, root: Path) -> Dated:
    inside = path / "manifest.json" if path.is_dir() else path
    own = _own_date(inside)
    if own is not None:
        return own
    where = posixpath.normpath(relative)
    try:
        committed = last_change(root, (where,))
    except CollectError:  # a shallow clone: its history proves nothing
        committed = None
    if committed is not None and not uncommitted(root, (where,)):
        return Dated(committed, "its last commit", True)
    return Dated(datetime.fromtimestamp(path.stat().st_mtime, UTC).date(), "its time on disk", False)


def _own_date(path: Path) -> Dated | None:
    """Read the date that a JSON or YAML file gives itself at its top."""
    try:
        if path.suffix not in (".json", ".yaml", ".yml"):
            return None
        content = regular_files.read(path, most=MOST_BYTES)
    except OSError:
        return None
    told = _of_json(content) if path.suffix == ".json" else _of_yaml(content)
    for key in OWN_DATES:
        try:
            moment = datetime.fromisoformat(told[key])
            day = moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
        except (KeyError, ValueError, OverflowError):
            continue
        return Dated(day, f"its own `{key}`", True)
    return None


def _of_json(content: bytes) -> dict[str, str]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return {key: str(value[key]) for key in OWN_DATES if key in value} if isinstance(value, dict) else {}


def _of_yaml(content: bytes) -> dict[str, str]:
    """Only lines that begin at the margin count; a feed of some size would take long to read as a whole."""
    lines = _TOP.finditer(content.decode("utf-8", "replace"))
    return {line[1]: line[2] for line in reversed(list(lines))}
