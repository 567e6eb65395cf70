"""Where evidence stands now: fresh, due, stale, void or missing. Computed, never stored. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from safecase.evidence.record import Record, bare
from safecase.vocabulary import EvidenceState, Noun, Verdict

Group: TypeAlias = tuple[str, tuple[str, ...]]
"""A check, and the names of what it looked at."""
Recalled: TypeAlias = Collection[tuple[str, str | int]]
"""Checks, each with the version of it that found too little or too much."""

PARAMETERS = "parameters:"
"""Begins the name of a subject that is no part of the service but the settings that a check reads."""
DUE = 0.8
"""The share of its time to live after which evidence is due."""

_WORST_VERDICT: tuple[Verdict, ...] = ("fail", "unknown", "pass")
_WORST_STATE: tuple[EvidenceState, ...] = ("missing", "void", "stale", "due", "fresh")


class ControlStatus(Noun, frozen=True):
    """Where the evidence of one control stands."""

    state: EvidenceState
    verdict: Verdict
    record: str | None
    """Id of the record that decides; None where there is none yet."""


def state_of(
    record: Record,
    subjects_now: Mapping[str, str],
    at: datetime,
    revoked: Collection[str] = frozenset(),
    recalled: Recalled = frozenset(),
) -> EvidenceState:
    """Say where one record stands; one from the future is no evidence yet, so `missing`."""
    age = at - record.moment
    if age < timedelta(0):
        return "missing"
    if _is_void(record, subjects_now, revoked, recalled):
        return "void"
    ttl = timedelta(days=record.ttl_days)
    if age >= ttl:
        return "stale"
    return "due" if age >= DUE * ttl else "fresh"


def newest(
    records: Iterable[Record],
    subjects_now: Mapping[str, str],
    at: datetime,
    revoked: Collection[str] = frozenset(),
    recalled: Recalled = frozenset(),
) -> tuple[Record | None, EvidenceState]:
    """Give the record of one group that counts, and where it stands.

    That is the newest which is not void: evidence about another digest hides nothing, and a newer `unknown` is not
    masked by an older pass. A record that is void is not given: what it says no longer counts. A failure that is too
    old puts no older failure out of force which still counts: one more failure makes nothing better.
    """
    past = [record for record in records if record.moment <= at]
    latest: tuple[Record, EvidenceState] | None = None
    for record in sorted(past, key=_order, reverse=True):
        state = state_of(record, subjects_now, at, revoked, recalled)
        if state == "void":
            continue
        latest = latest or (record, state)
        if record.verdict != "fail":
            break
        if state != "stale":
            return record, state
    return latest if latest is not None else (None, "void" if past else "missing")


def by_group(records: Iterable[Record]) -> Mapping[Group, tuple[Record, ...]]:
    """Sort records by what they are about; the settings of a check do not count as such."""
    groups: dict[Group, list[Record]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)
    return {group: tuple(found) for group, found in groups.items()}


def group_of(record: Record) -> Group:
    """Say what a record is about: its check and the sorted names of its subjects."""
    return record.check, tuple(sorted(s.name for s in record.subjects if not s.name.startswith(PARAMETERS)))


def status(
    records: Iterable[Record],
    subjects_now: Mapping[str, str],
    as_of: datetime,
    revoked: Collection[str] = frozenset(),
    recalled: Recalled = frozenset(),
) -> Mapping[str, ControlStatus]:
    """Say where every control stands that any record is about.

    A control is as bad as the worst of what was looked at for it. A part of the service that is gone counts only as
    long as nothing that is still there was looked at.
    """
    by_control: dict[str, list[Record]] = {}
    for record in records:
        by_control.setdefault(record.control, []).append(record)
    return {
        control: _control(found, subjects_now, as_of, revoked, recalled)
        for control, found in sorted(by_control.items())
    }


def as_recorded(records: Iterable[Record]) -> Mapping[str, str]:
    """Give the digest that each subject had when it was last looked at: what to ask with where nothing is known."""
    return {s.name: s.sha256 for record in sorted(records, key=_order) for s in record.subjects}


def _control(
    records: Sequence[Record],
    subjects_now: Mapping[str, str],
    as_of: datetime,
    revoked: Collection[str],
    recalled: Recalled,
) -> ControlStatus:
    groups = by_group(record for record in records if record.moment <= as_of)
    there = [found for (_, names), found in groups.items() if all(name in subjects_now for name in names)]
    judged = [_group(found, subjects_now, as_of, revoked, recalled) for found in there or groups.values()]
    if not judged:
        return ControlStatus(state="missing", verdict="unknown", record=None)
    state = min((one.state for one in judged), key=_WORST_STATE.index)
    deciding = min(judged, key=_badness)
    return ControlStatus(state=state, verdict=deciding.verdict, record=deciding.record)


def _group(
    records: Sequence[Record],
    subjects_now: Mapping[str, str],
    as_of: datetime,
    revoked: Collection[str],
    recalled: Recalled,
) -> ControlStatus:
    record, state = newest(records, subjects_now, as_of, revoked, recalled)
    if record is None:
        return ControlStatus(state=state, verdict="unknown", record=max(records, key=_order).id)
    return ControlStatus(state=state, verdict=record.verdict, record=record.id)


def _badness(one: ControlStatus) -> tuple[int, int, str]:
    return _WORST_VERDICT.index(one.verdict), _WORST_STATE.index(one.state), one.record or ""


def _order(record: Record) -> tuple[datetime, int]:
    return record.moment, record.seq


def _is_void(record: Record, subjects_now: Mapping[str, str], revoked: Collection[str], recalled: Recalled) -> bool:
    if any(bare(subjects_now.get(s.name, "")) != bare(s.sha256) for s in record.subjects):
        return True
    if record.signer and record.signer in revoked:
        return True
    return any(check == record.check and str(version) == str(record.check_version) for check, version in recalled)
