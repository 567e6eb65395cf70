"""How the parts of a case are called where people read of them, and why its verdict is what it is, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from safecase.vocabulary import (
    SEVERITIES,
    Case,
    CaseVerdict,
    Claim,
    ClaimState,
    Measure,
    MeasureSummary,
    Mend,
    Place,
    RiskGroup,
    RiskSummary,
)

MEASURE_TITLES: Mapping[Measure, str] = {
    "threat_modelling": "Threat modelling",
    "training": "Training",
    "infrastructure": "Infrastructure",
    "supply_chain": "Supply chain",
    "testing": "Testing",
    "vulnerabilities": "Vulnerabilities",
    "protection": "Protection",
    "maintenance": "Maintenance",
    "compliance": "Compliance",
}
RISK_TITLES: Mapping[RiskGroup, str] = {
    "not_using_ai": "Not using AI",
    "non_compliance": "Non-compliance",
    "esg": "Environment and society",
    "misuse": "Misuse",
    "models_and_datasets": "Models and data sets",
    "company_services": "Company services",
    "data": "Data",
}
Standing: TypeAlias = ClaimState | Literal["unseen"]
"""Where a claim stands, for people: what nobody looked at is told apart from what could not be judged."""

STATES: tuple[Standing, ...] = (
    "contested",
    "unsupported",
    "stale",
    "unseen",
    "accepted",
    "supported",
    "not_applicable",
)
"""From what needs a person most to what needs none."""
STATE_WORDS: Mapping[Standing, str] = {
    "contested": "contested",
    "unsupported": "unsupported",
    "stale": "stale",
    "unseen": "unseen",
    "accepted": "accepted",
    "supported": "supported",
    "not_applicable": "not applicable",
}
OPEN: tuple[Standing, ...] = ("contested", "unsupported", "stale", "unseen")


def title_of(case: Case) -> str:
    """Call the service by its name, or by its id where it has none."""
    return case.name or case.service


def standing(claim: Claim) -> Standing:
    """Say where a claim stands."""
    return "unseen" if claim.state == "unsupported" and not claim.looked else claim.state


def counts(claims: Iterable[Claim]) -> Mapping[Standing, int]:
    """Count claims by where they stand, the open ones first."""
    found = Counter(map(standing, claims))
    return {state: found[state] for state in STATES}


def counts_of(measure: MeasureSummary) -> Mapping[Standing, int]:
    """Count the claims of a measure by where they stand, the open ones first."""
    found: dict[Standing, int] = {state: int(getattr(measure, state)) for state in STATES}
    found["unsupported"] -= measure.unseen
    return found


def reason(case: Case) -> str:
    """Say in numbers why the verdict is what it is: `4 of 11 claims are contested, 3 stale`."""
    found = counts(case.claims)
    total = sum(found.values()) - found["not_applicable"]
    words = {state: "unproven" if state == "unsupported" else STATE_WORDS[state] for state in OPEN}
    told = [(found[state], word) for state, word in words.items() if found[state]]
    if not total:
        return "no claim applies yet"
    if told:
        return ", ".join([_of(told[0][0], total, told[0][1]), *(f"{n} {word}" for n, word in told[1:])])
    empty = sum(1 for measure in case.measures if not any(counts_of(measure).values()))
    if case.verdict == "unproven" and empty:
        return f"nothing speaks against it, but {empty} of {len(case.measures)} measures have no claim yet"
    if found["accepted"]:
        return f"{_of(found['supported'], total, 'supported')}, {found['accepted']} accepted"
    return f"all {total} claims are supported" if total > 1 else "its one claim is supported"


def _of(count: int, total: int, word: str) -> str:
    return f"{count} of {total} claim{'s' * (total > 1)} {'is' if count == 1 else 'are'} {word}"


def urgency(claim: Claim) -> tuple[int, int, str]:
    """Order claims: by state, then the severest first, then by id."""
    return STATES.index(standing(claim)), -SEVERITIES.index(claim.severity), claim.control


def verdict_phrase(verdict: CaseVerdict) -> str:
    """Say a verdict as the end of a sentence."""
    return {"holds": "holds", "fails": "fails", "unproven": "is unproven"}[verdict]


class Reason(NamedTuple):
    """Why to mend, and where, as far as the reason itself does not say it."""

    why: str
    place: Place | None


def reason_of(mend: Mend, claims: Iterable[Claim]) -> Reason:
    """Say why and where to mend, without the id of the claim that the reason begins with: it stands beside it."""
    why, place = mend.why, _where(mend, claims)
    for claim in mend.claims:
        if why.startswith((f"{claim}: ", f"{claim} ")):
            why = why[len(claim) :].lstrip(": ")
            break
    if place is None:
        return Reason(why, None)
    named = re.search(rf"(?<![\w./-]){re.escape(place.file)}(?![\w/-]|[.:]\w)", why)
    if named is None:
        return Reason(why, place)
    return Reason(f"{why[: named.start()]}{place}{why[named.end() :]}", None)


def _where(mend: Mend, claims: Iterable[Claim]) -> Place | None:
    """Give the place of the finding that a mend answers first."""
    for claim in claims:
        if claim.control not in mend.claims:
            continue
        for finding in claim.findings:
            if finding.verdict != "pass" and mend.why == f"{claim.control}: {finding.message}" and finding.place:
                return finding.place
    return None


def looked_at(case: Case) -> tuple[str, ...]:
    """Name the parts of the service that a check could judge."""
    findings = (finding for claim in case.claims for finding in claim.findings)
    return tuple(sorted({finding.subject for finding in findings if finding.subject and finding.verdict != "unknown"}))


def open_claims(risk: RiskSummary) -> str:
    """Count the open claims of a risk group."""
    return f"{risk.open or 'none'} of {len(risk.claims)} open" if risk.claims else "nothing looked at"
