"""Findings of attacks that somebody judged: false alarms and accepted ones, with owner, reason and last day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from safecase.errors import UsageError
from safecase.readers import regular_files, yaml_places
from safecase.readers.text import shown
from safecase.service.schema import Day
from safecase.vocabulary import Noun

DEFAULT: Final = Path("safecase-findings.yaml")
MOST_DAYS: Final = 365


class Remembered(Noun, frozen=True, forbid_unknown_fields=True):
    """One finding, and who answers for leaving it."""

    fingerprint: str
    says: Literal["false_positive", "accepted"]
    owner: Annotated[str, Meta(min_length=1)]
    reason: Annotated[str, Meta(min_length=10, max_length=2000)]
    expires: Day
    """Its last day."""

    def holds_on(self, day: date) -> bool:
        """Say whether it still counts."""
        return date.fromisoformat(str(self.expires)) >= day


class _File(Noun, frozen=True, forbid_unknown_fields=True):
    findings: tuple[Remembered, ...] = ()


def fingerprint(weakness: str, family: str, target: str) -> str:
    """Name what a family found of a target: the same in every run, with every seed and in all words."""
    return f"{weakness}:{family}:{target}"


def read_remembered(path: Path, today: date) -> tuple[Remembered, ...]:
    """Read what is remembered, also what has expired; raises `UsageError` with what is wrong in the file."""
    mend = "`findings: [{fingerprint: …, says: accepted, owner: …, reason: …, expires: 2027-01-31}]`"
    try:
        content = regular_files.read(path, most=yaml_places.MOST_BYTES, follow=True)
        found = msgspec.convert(yaml_places.read(content, str(path)).value or {}, _File).findings
        last = today + timedelta(days=MOST_DAYS)
        far = next((one for one in found if date.fromisoformat(str(one.expires)) > last), None)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    except (msgspec.ValidationError, TypeError, ValueError) as why:
        raise UsageError(f"{shown(str(path))} remembers no findings: {shown(str(why), 200)}", mend=mend) from why
    if far is not None:
        raise UsageError(
            f"{shown(str(path))}: {shown(far.fingerprint)} expires on {far.expires}, more than a year ahead",
            mend=f"give a day up to {last}",
        )
    return found


def expired(known: Iterable[Remembered], today: date) -> tuple[Remembered, ...]:
    """Give those whose last day is over: what they left counts again."""
    return tuple(one for one in known if not one.holds_on(today))
