"""What the claims add up to: each measure, each risk group, each threat. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from safecase.assess.tailor import Facing
from safecase.vocabulary import (
    RISK_GROUPS,
    CaseVerdict,
    Claim,
    ClaimState,
    Control,
    Measure,
    MeasureSummary,
    RiskGroup,
    RiskSummary,
    ThreatClaim,
)

VERDICT_OF: Mapping[ClaimState, CaseVerdict] = {
    "supported": "holds",
    "accepted": "holds",
    "not_applicable": "holds",
    "unsupported": "unproven",
    "stale": "unproven",
    "contested": "fails",
}


def worst(verdicts: Iterable[CaseVerdict]) -> CaseVerdict:
    """Give the worst of several verdicts; nothing at all is unproven."""
    found = set(verdicts)
    if "fails" in found:
        return "fails"
    return "unproven" if "unproven" in found or not found else "holds"


def measure_of(measure: Measure, claims: Sequence[Claim]) -> MeasureSummary:
    """Count the claims of a measure; its verdict is the worst of theirs."""
    own = [c for c in claims if c.measure == measure]
    states = [c.state for c in own]
    return MeasureSummary(
        id=measure,
        verdict=worst(VERDICT_OF[state] for state in states),
        supported=states.count("supported"),
        contested=states.count("contested"),
        unsupported=states.count("unsupported"),
        stale=states.count("stale"),
        accepted=states.count("accepted"),
        not_applicable=states.count("not_applicable"),
        unseen=sum(c.state == "unsupported" and not c.looked for c in own),
    )


def risks_of(
    claims: Sequence[Claim], controls: Mapping[str, Control], threats: Sequence[ThreatClaim]
) -> tuple[RiskSummary, ...]:
    """Gather the claims and the threats of each risk group; its verdict is the worst of its claims."""
    about: dict[RiskGroup, list[Claim]] = {group: [] for group in RISK_GROUPS}
    for claim in claims:
        if claim.state != "not_applicable":
            for group in controls[claim.control].risk_groups:
                about[group].append(claim)
    facing: dict[RiskGroup, list[str]] = {group: [] for group in RISK_GROUPS}
    for threat in threats:
        for group in threat.risk_groups:
            facing[group].append(threat.id)
    return tuple(
        RiskSummary(
            id=group,
            verdict=worst(VERDICT_OF[c.state] for c in found),
            open=sum(VERDICT_OF[c.state] != "holds" for c in found),
            claims=tuple(c.control for c in found),
            threats=tuple(facing[group]),
        )
        for group, found in about.items()
    )


def threats_of(facing: Iterable[Facing], claims: Sequence[Claim]) -> tuple[ThreatClaim, ...]:
    """Say of each threat that applies how well it is answered: as the worst of the claims that answer it.

    A threat whose controls are all out of scope is answered by nothing: unproven.
    """
    by_control = {c.control: c for c in claims if c.state != "not_applicable"}
    found = []
    for threat, applies, because, questions, references in facing:
        if applies:
            answering = [by_control[control] for control in threat.controls if control in by_control]
            found.append(
                ThreatClaim(
                    id=threat.id,
                    title=threat.title,
                    verdict=worst(VERDICT_OF[c.state] for c in answering),
                    risk_groups=threat.risk_groups,
                    controls=tuple(c.control for c in answering),
                    references=references,
                    because=because,
                    questions=questions,
                )
            )
    return tuple(found)
