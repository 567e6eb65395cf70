"""From what applies and what was seen to the case: every claim's state, the measures' and the whole verdict. Pure.

A claim is *contested* by fresh evidence against it, *stale* when its evidence is too old, *unsupported* when nobody
looked (or could not judge), *accepted* when a valid exception covers all that is open, *supported* when every check on
every subject passed, and every attestation that it needs is given. Failing evidence never improves a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from safecase.assess.plan import Lacking, Standing
from safecase.vocabulary import (
    MEASURES,
    RISK_GROUPS,
    SEVERITIES,
    Attestation,
    CaseVerdict,
    Claim,
    ClaimState,
    Control,
    Decision,
    Exemption,
    Finding,
    Measure,
    MeasureSummary,
    Mend,
    RiskSummary,
)

LONGEST_EXEMPTION = timedelta(days=365)
MOST_MENDS = 5

VERDICT_OF: Mapping[ClaimState, CaseVerdict] = {
    "supported": "holds",
    "accepted": "holds",
    "not_applicable": "holds",
    "unsupported": "unproven",
    "stale": "unproven",
    "contested": "fails",
}


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
    next: tuple[Mend, ...]


def judge(
    decisions: Iterable[Decision], controls: Mapping[str, Control], seen: Mapping[str, Seen], now: datetime
) -> Judgement:
    """Judge every control of the catalogue; `seen` holds what is known of those that apply."""
    claims = tuple(
        claim_of(decision, controls[decision.control], seen.get(decision.control, NOTHING), now)
        for decision in decisions
    )
    measures = tuple(_measure(measure, claims) for measure in MEASURES)
    return Judgement(
        verdict=worst(m.verdict for m in measures),
        measures=measures,
        risk_groups=_risks(claims, controls),
        claims=claims,
        next=mends(claims),
    )


NOTHING = Seen((), (), None, ())


def worst(verdicts: Iterable[CaseVerdict]) -> CaseVerdict:
    """Give the worst of several verdicts; nothing at all is unproven."""
    found = set(verdicts)
    return next((v for v in ("fails", "unproven", "holds") if v in found), "unproven")


def claim_of(decision: Decision, control: Control, seen: Seen, now: datetime) -> Claim:
    """Judge one control."""
    if not decision.applies:
        return _claim(control, decision, "not_applicable")
    counting = [s for s in seen.standings if s.record and s.state != "void"]
    findings = tuple(f for s in counting for f in findings_of(s))
    against = [f for s in counting if s.state in ("fresh", "due") for f in findings_of(s)]
    today = now.date()
    exemptions = [e for e in seen.exemptions if e.control == control.id and valid_on(e, today)]
    failing = [f for f in against if f.verdict == "fail"]
    open_ones = [f for f in failing if not any(covers(e, f) for e in exemptions)]
    gaps = _gaps(control, seen, today)
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
        because=tuple(reason for _, reason in gaps) if state in ("unsupported", "stale") else (),
        findings=(*findings, *_lacking_findings(seen.lacking, findings)),
        expires=_expires(seen, exemptions if state == "accepted" else []),
        records=tuple(s.record.id for s in seen.standings if s.record),
    )


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


def _gaps(control: Control, seen: Seen, today: date) -> list[tuple[ClaimState, str]]:
    """Everything that is missing for the control to be supported, and what kind of gap it is."""
    gaps: list[tuple[ClaimState, str]] = [("unsupported", lacking.reason) for lacking in seen.lacking]
    for standing in seen.standings:
        gap = _gap(standing)
        if gap is not None:
            gaps.append(gap)
    if control.attested and not _attested(seen.attestation, today):
        gaps.append(("unsupported", _attestation_wanted(control, seen.attestation)))
    if not control.attested and not seen.standings and not seen.lacking:
        gaps.append(("unsupported", "no check looks at it"))
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


def _attestation_wanted(control: Control, attestation: Attestation | None) -> str:
    if attestation is None:
        return f"a person's attestation is wanted: {control.text}"
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


def _lacking_findings(lacking: Iterable[Lacking], findings: Sequence[Finding]) -> tuple[Finding, ...]:
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
    )


def _measure(measure: Measure, claims: Sequence[Claim]) -> MeasureSummary:
    states = [c.state for c in claims if c.measure == measure]
    return MeasureSummary(
        id=measure,
        verdict=worst(VERDICT_OF[state] for state in states),
        supported=states.count("supported"),
        contested=states.count("contested"),
        unsupported=states.count("unsupported"),
        stale=states.count("stale"),
        accepted=states.count("accepted"),
        not_applicable=states.count("not_applicable"),
    )


def _risks(claims: Sequence[Claim], controls: Mapping[str, Control]) -> tuple[RiskSummary, ...]:
    summaries = []
    for group in RISK_GROUPS:
        about = [c for c in claims if group in controls[c.control].risk_groups and c.state != "not_applicable"]
        summaries.append(
            RiskSummary(
                id=group,
                verdict=worst(VERDICT_OF[c.state] for c in about),
                open=sum(VERDICT_OF[c.state] != "holds" for c in about),
                claims=tuple(c.control for c in about),
            )
        )
    return tuple(summaries)


def mends(claims: Iterable[Claim]) -> tuple[Mend, ...]:
    """What to do first: what is contested before what nobody looked at, the more severe before the less."""
    ranked: dict[str, tuple[tuple[int, int, int], str, list[str]]] = {}
    for position, claim in enumerate(claims):
        if VERDICT_OF[claim.state] == "holds":
            continue
        found = _first_mend(claim)
        if found is None:
            continue
        rank = (0 if claim.state == "contested" else 1, -SEVERITIES.index(claim.severity), position)
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
            return Mend(mend=_by_state(claim), why=f"{claim.control} {claim.title}", claims=())
        return None
    wanted = "fail" if claim.state == "contested" else "unknown"
    first = max(open_findings, key=lambda f: (f.verdict == wanted, SEVERITIES.index(f.severity)))
    return Mend(mend=first.mend, why=f"{claim.control}: {first.message}", claims=())


def _by_state(claim: Claim) -> str:
    if claim.findings or claim.records:
        return f"safecase assess --only {claim.control}"
    return f"let the person who knows attest it: safecase attest {claim.control}"
