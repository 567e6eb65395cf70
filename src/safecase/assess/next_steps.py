"""What to do next: the few steps that move the most, the surest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from safecase.assess.summaries import VERDICT_OF
from safecase.vocabulary import SEVERITIES, Claim, Finding, Mend

MOST_MENDS = 5
NOBODY_VOUCHES = "nobody vouches for it yet"
"""Begins the reason of a claim that waits for a person's word."""


def mends(claims: Iterable[Claim]) -> tuple[Mend, ...]:
    """What to do first: what was seen before what could not be judged, and that before what nobody looked at.

    Within each the more severe before the less.
    """
    open_ones = [(_rank(claim), n, claim) for n, claim in enumerate(claims) if VERDICT_OF[claim.state] != "holds"]
    steps: dict[str, _Step] = {}
    for _, _, claim in sorted(open_ones, key=lambda entry: entry[:2]):
        if not claim.findings and len(steps) >= MOST_MENDS:
            continue  # its step would be its own, and come after the others
        told = _first_mend(claim)
        if told is not None:
            steps.setdefault(told.mend, _Step(told.why, [])).claims.append(claim.control)
    first = list(steps.items())[:MOST_MENDS]
    return tuple(Mend(mend=mend, why=step.why, claims=tuple(step.claims)) for mend, step in first)


def _rank(claim: Claim) -> tuple[int, int]:
    kind = 0 if claim.state == "contested" else 1 if claim.looked else 2
    return kind, -SEVERITIES.index(claim.severity)


class _Step(NamedTuple):
    """Why to do it, and the claims that it would move."""

    why: str
    claims: list[str]


class _Told(NamedTuple):
    mend: str
    why: str


def _first_mend(claim: Claim) -> _Told | None:
    wanted = "fail" if claim.state == "contested" else "unknown"
    first: Finding | None = None
    for finding in claim.findings:
        if finding.verdict == "pass" or not finding.mend:
            continue
        if first is None or _weight(finding, wanted) > _weight(first, wanted):
            first = finding
    if first is not None:
        return _Told(first.mend, f"{claim.control}: {first.message}")
    if claim.state in ("unsupported", "stale"):
        return _Told(step_of(claim), f"{claim.control} {claim.title}")
    return None


def _weight(finding: Finding, wanted: str) -> tuple[bool, int]:
    return finding.verdict == wanted, SEVERITIES.index(finding.severity)


def step_of(claim: Claim) -> str:
    """Say what to do about an open claim of which no finding says it."""
    if any(reason.startswith(NOBODY_VOUCHES) for reason in claim.because):
        return f"let the person who knows attest it: safecase attest {claim.control}"
    return f"safecase assess --only {claim.control}"
