"""What to do next: the few steps that move the most, the surest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from safecase.assess.summaries import VERDICT_OF
from safecase.vocabulary import SEVERITIES, Claim, Mend

MOST_MENDS = 5
NOBODY_VOUCHES = "nobody vouches for it yet"
"""Begins the reason of a claim that waits for a person's word."""


def mends(claims: Iterable[Claim]) -> tuple[Mend, ...]:
    """What to do first: what was seen before what could not be judged, and that before what nobody looked at.

    Within each the more severe before the less.
    """
    ranked: dict[str, tuple[tuple[int, int, int], str, list[str]]] = {}
    for position, claim in enumerate(claims):
        if VERDICT_OF[claim.state] == "holds":
            continue
        found = _first_mend(claim)
        if found is None:
            continue
        kind = 0 if claim.state == "contested" else 1 if claim.looked else 2
        rank = (kind, -SEVERITIES.index(claim.severity), position)
        known = ranked.setdefault(found.mend, (rank, found.why, []))
        known[2].append(claim.control)
        if rank < known[0]:
            ranked[found.mend] = (rank, found.why, known[2])
    ordered = sorted(ranked.items(), key=lambda item: item[1][0])
    return tuple(Mend(mend=mend, why=why, claims=tuple(controls)) for mend, (_, why, controls) in ordered[:MOST_MENDS])


def _first_mend(claim: Claim) -> Mend | None:
    open_findings = [f for f in claim.findings if f.verdict != "pass" and f.mend]
    if not open_findings:
        if claim.state in ("unsupported", "stale"):
            return Mend(mend=step_of(claim), why=f"{claim.control} {claim.title}", claims=())
        return None
    wanted = "fail" if claim.state == "contested" else "unknown"
    first = max(open_findings, key=lambda f: (f.verdict == wanted, SEVERITIES.index(f.severity)))
    return Mend(mend=first.mend, why=f"{claim.control}: {first.message}", claims=())


def step_of(claim: Claim) -> str:
    """Say what to do about an open claim of which no finding says it."""
    if any(reason.startswith(NOBODY_VOUCHES) for reason in claim.because):
        return f"let the person who knows attest it: safecase attest {claim.control}"
    return f"safecase assess --only {claim.control}"
