"""From what applies and what was seen to the case: every claim's state, the measures' and the whole verdict. Pure.

A claim is *contested* by fresh evidence against it, *stale* when its evidence is too old, *unsupported* when nobody
looked (or could not judge), *accepted* when a valid exception covers all that is open, *supported* when every check on
every subject passed, and every attestation that it needs is given. Failing evidence never improves a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from safecase.assess.next_steps import NOBODY_VOUCHES, mends
from safecase.assess.plan import Lacking, Standing
from safecase.assess.summaries import measure_of, risks_of, threats_of, worst
from safecase.assess.tailor import Facing
from safecase.vocabulary import (
    MEASURES,
    Attestation,
    CaseVerdict,
    Claim,
    ClaimState,
    Control,
    Decision,
    Exemption,
    Finding,
    MeasureSummary,
    Mend,
    RiskSummary,
    ThreatClaim,
)

LONGEST_EXEMPTION = timedelta(days=365)


class Seen(NamedTuple):
    """Everything that speaks for or against one control."""

    standings: Sequence[Standing]
    lacking: Sequence[Lacking]
    attestation: Attestation | None
    exemptions: Sequence[Exemption]


class Judgement(NamedTuple):
    """The claims and what they add up to."""

    verdict: CaseVerdict
    measures: tuple[MeasureSummary, ...]
    risk_groups: tuple[RiskSummary, ...]
    claims: tuple[Claim, ...]
    threats: tuple[ThreatClaim, ...]
    next: tuple[Mend, ...]


def judge(
    decisions: Iterable[Decision],
    facing: Iterable[Facing],
    controls: Mapping[str, Control],
    seen: Mapping[str, Seen],
    now: datetime,
) -> Judgement:
    """Judge every control of the catalogue; `seen` holds what is known of those that apply.

    A threat of those in `facing` stands as the worst of the claims that answer it.
    """
    claims = tuple(
        claim_of(decision, controls[decision.control], seen.get(decision.control, NOTHING), now)
        for decision in decisions
    )
    measures = tuple(measure_of(measure, claims) for measure in MEASURES)
    threats = threats_of(facing, claims)
    return Judgement(
        verdict=worst(m.verdict for m in measures),
        measures=measures,
        risk_groups=risks_of(claims, controls, threats),
        claims=claims,
        threats=threats,
        next=mends(claims),
    )


NOTHING = Seen((), (), None, ())


def claim_of(decision: Decision, control: Control, seen: Seen, now: datetime) -> Claim:
    """Judge one control."""
    if not decision.applies:
        return _claim(control, decision, "not_applicable")
    if not seen.attestation and not seen.exemptions and all(s.record is None for s in seen.standings):
        return _unseen(decision, control, seen, now.date())
    attested = _attested(seen.attestation, now.date())
    # Where no check can look, the word of a person stands in for it; it never stands in for one that can.
    lacking = () if attested else seen.lacking
    counting = [s for s in seen.standings if s.record and s.state != "void"]
    findings = tuple(f for s in counting for f in findings_of(s))
    failing = [f for s in counting if s.state in ("fresh", "due") for f in findings_of(s) if f.verdict == "fail"]
    today = now.date()
    exemptions = [e for e in seen.exemptions if e.control == control.id and valid_on(e, today)]
    open_ones = [f for f in failing if not any(covers(e, f) for e in exemptions)]
    gaps = _gaps(control, seen, lacking, today)
    state = _state(
        contested=bool(open_ones),
        excused=bool(failing),
        gaps=[state for state, _ in gaps],
        whole=any(not (e.check or e.subject or e.fingerprint) for e in exemptions),
    )
    return _claim(
        control,
        decision,
        state,
        because=_reasons(state, gaps, exemptions) or _vouched(seen, today),
        findings=(*findings, *_lacking_findings(lacking, findings)),
        looked=bool(counting),
        expires=_expires(seen, exemptions if state == "accepted" else []),
        records=tuple(s.record.id for s in seen.standings if s.record),
    )


def _unseen(decision: Decision, control: Control, seen: Seen, today: date) -> Claim:
    """Judge a control of which nothing is known yet: most of them, on a first day."""
    because = tuple(reason for _, reason in _gaps(control, seen, seen.lacking, today))
    return _claim(control, decision, "unsupported", because=because, findings=_lacking_findings(seen.lacking, ()))


def findings_of(standing: Standing) -> tuple[Finding, ...]:
    """Give what a piece of evidence found; one that says fail and finds nothing (added by hand) is a finding itself."""
    record = standing.record
    if record is None:
        return ()
    if record.verdict != "fail" or any(f.verdict == "fail" for f in record.findings):
        return record.findings
    message = record.note or f"{record.check} failed, says evidence {record.id[:12]}"
    mend = f"safecase evidence show {record.id[:12]}"
    bare = Finding(check=record.check, subject=standing.subject, verdict="fail", message=message, mend=mend)
    return (*record.findings, bare)


def _state(*, contested: bool, excused: bool, gaps: Sequence[ClaimState], whole: bool) -> ClaimState:
    """What is open decides; an exception for the whole control accepts its gaps too."""
    if contested:
        return "contested"
    if gaps and not whole:
        return "unsupported" if "unsupported" in gaps else "stale"
    return "accepted" if excused or gaps else "supported"


def _gaps(control: Control, seen: Seen, lacking: Sequence[Lacking], today: date) -> list[tuple[ClaimState, str]]:
    """Everything that is missing for the control to be supported, and what kind of gap it is."""
    attested = _attested(seen.attestation, today)
    gaps: list[tuple[ClaimState, str]] = [("unsupported", entry.reason) for entry in lacking]
    for standing in seen.standings:
        gap = _gap(standing)
        if gap is not None:
            gaps.append(gap)
    if control.attested and not attested:
        gaps.append(("unsupported", _attestation_wanted(control, seen.attestation)))
    if not (control.attested or attested or seen.standings or lacking):
        gaps.append(("unsupported", "nobody looked: it has no check"))
    return gaps


def _gap(standing: Standing) -> tuple[ClaimState, str] | None:
    about = f"{standing.check} on {standing.subject}"
    match standing.state:
        case "missing":
            return "unsupported", f"{about}: never looked"
        case "void":
            return "unsupported", f"{about}: it changed since it was looked at"
        case "stale":
            return "stale", f"{about}: the evidence is too old"
    assert standing.record is not None
    if standing.record.verdict == "unknown":
        return "unsupported", f"{about}: could not be judged"
    return None


def _attested(attestation: Attestation | None, today: date) -> bool:
    return attestation is not None and attestation.given <= today.isoformat() <= attestation.expires


def _reasons(
    state: ClaimState, gaps: Sequence[tuple[ClaimState, str]], exemptions: Sequence[Exemption]
) -> tuple[str, ...]:
    """Say why a claim is open, or who accepts that it is."""
    if state in ("unsupported", "stale"):
        return tuple(reason for _, reason in gaps)
    if state == "accepted":
        return tuple(f"accepted by {e.owner} until {e.expires}: {e.reason}" for e in exemptions)
    return ()


def _vouched(seen: Seen, today: date) -> tuple[str, ...]:
    given = seen.attestation
    return (f"{given.owner} vouches for it until {given.expires}",) if given and _attested(given, today) else ()


def _attestation_wanted(control: Control, attestation: Attestation | None) -> str:
    if attestation is None:
        return f"{NOBODY_VOUCHES}; wanted is the word of a person who knows: {control.text}"
    return f"the attestation of {attestation.owner} ended on {attestation.expires}"


def valid_on(exemption: Exemption, today: date) -> bool:
    """Say whether an exception counts on a day: an owner, a reason, and a last day that is near enough and not past."""
    try:
        last = date.fromisoformat(exemption.expires)
    except ValueError:
        return False
    return bool(exemption.owner and exemption.reason) and today <= last <= today + LONGEST_EXEMPTION


def covers(exemption: Exemption, finding: Finding) -> bool:
    """Say whether an exception is about a finding: what it names must match, what it leaves out may be anything."""
    return (
        exemption.check in ("", finding.check)
        and exemption.subject in ("", finding.subject)
        and exemption.fingerprint in ("", finding.fingerprint)
    )


def _lacking_findings(lacking: Sequence[Lacking], findings: Sequence[Finding]) -> tuple[Finding, ...]:
    if not lacking:
        return ()
    told = {f.check for f in findings}
    return tuple(
        Finding(check=entry.check, subject="", verdict="unknown", message=entry.reason, mend=entry.mend)
        for entry in lacking
        if entry.check not in told
    )


def _expires(seen: Seen, exemptions: Sequence[Exemption]) -> str | None:
    ends = [
        (s.record.moment + timedelta(days=s.record.ttl_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for s in seen.standings
        if s.record is not None
    ]
    if seen.attestation is not None:
        ends.append(seen.attestation.expires)
    ends.extend(e.expires for e in exemptions)
    return min(ends, default=None)


def _claim(
    control: Control,
    decision: Decision,
    state: ClaimState,
    *,
    because: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
    expires: str | None = None,
    records: tuple[str, ...] = (),
    looked: bool = False,
) -> Claim:
    return Claim(
        control=control.id,
        title=control.title,
        measure=control.measure,
        severity=control.severity,
        state=state,
        because=(*decision.because, *because),
        findings=findings,
        expires=expires,
        questions=decision.questions,
        records=records,
        looked=looked,
    )
