"""Go or no-go: a profile, the policy's exceptions and a baseline turn a case into an answer. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from safecase.assess.next_steps import step_of
from safecase.assess.summaries import VERDICT_OF
from safecase.catalogue.read import Profile
from safecase.vocabulary import SEVERITIES, Case, Claim, ClaimState, Finding, Noun, Severity

MOST_DECIDING = 10


class Deciding(Noun, frozen=True):
    """One claim that closes the gate, or keeps it from being judged."""

    control: str
    title: str
    severity: Severity
    state: ClaimState
    why: str
    mend: str
    blocks: bool
    """True: the answer is no because of it. False: it could not be judged."""


class Gate(Noun, frozen=True):
    """The gate's answer."""

    profile: str
    source: str
    """Where the policy was taken from: a revision, a file, or the working tree."""
    allowed: bool | None
    """None when it could not be judged."""
    deciding: tuple[Deciding, ...]
    known: int
    """How many open claims the baseline already knew."""

    @property
    def exit_code(self) -> int:
        """0 go, 1 no-go, 3 could not judge."""
        return {True: 0, False: 1, None: 3}[self.allowed]


def gate(
    case: Case,
    profile: Profile,
    *,
    name: str,
    source: str,
    known_gaps: Collection[str],
    untrusted: str = "",
    doubts: Iterable[Deciding] = (),
) -> Gate:
    """Answer for a case.

    `known_gaps` are the baseline's fingerprints: only a gap that is not among them blocks. `untrusted` says why the
    ledger's signature does not count, for a profile that wants it signed. `doubts` keep it from being a plain go
    whatever the claims say.
    """
    asked = [c for c in case.claims if _asked(c, profile) and VERDICT_OF[c.state] != "holds"]
    new = [c for c in asked if not gaps_of(c) <= set(known_gaps)]
    deciding = [*doubts, *(_deciding(c, known_gaps) for c in new)]
    if profile.signed and untrusted:
        mend = "set SAFECASE_SIGNING_KEY in the pipeline, and name the key with --key"
        deciding.append(doubt("ledger", "The ledger is signed by a key that is trusted", untrusted, mend))
    deciding.sort(key=lambda d: (not d.blocks, -SEVERITIES.index(d.severity), d.control))
    allowed = False if any(d.blocks for d in deciding) else None if deciding else True
    return Gate(
        profile=name,
        source=source,
        allowed=allowed,
        deciding=tuple(deciding[:MOST_DECIDING]),
        known=len(asked) - len(new),
    )


def gaps_of(claim: Claim) -> frozenset[str]:
    """Name all that is open in a claim so that a baseline can know it: each finding, and that evidence is missing.

    What could not be judged ends in `?`. What is critical ends in `!`, a name that no baseline holds: what is known to
    be malicious is never waved through.
    """
    if VERDICT_OF[claim.state] == "holds":
        return frozenset()
    found = {gap for f in claim.findings for gap in _gaps_of_finding(claim.control, f)}
    return frozenset(found if claim.state == "contested" else {*found, f"{claim.control}:unproven"})


def _gaps_of_finding(control: str, finding: Finding) -> Iterator[str]:
    """A key of several lines names several things (packages, rows): each is a gap, so that a new one is not known."""
    if finding.verdict == "pass":
        return
    mark = "?" if finding.verdict == "unknown" else "!" if finding.severity == "critical" else ""
    for key in finding.key.splitlines() or [""]:
        yield f"{control}:{msgspec.structs.replace(finding, key=key).fingerprint}{mark}"


def baseline_of(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Give the gaps that a baseline may hold."""
    return tuple(sorted({gap for claim in claims for gap in gaps_of(claim) if not gap.endswith("!")}))


def _asked(claim: Claim, profile: Profile) -> bool:
    if profile.controls:
        return claim.control in profile.controls
    return SEVERITIES.index(claim.severity) >= SEVERITIES.index(profile.severity)


def _deciding(claim: Claim, known_gaps: Collection[str]) -> Deciding:
    open_findings = [f for f in claim.findings if f.verdict != "pass"]
    new = [f for f in open_findings if not set(known_gaps).issuperset(_gaps_of_finding(claim.control, f))]
    new = new or open_findings
    first = max(new, key=lambda f: (f.verdict == "fail", SEVERITIES.index(f.severity)), default=None)
    return Deciding(
        control=claim.control,
        title=claim.title,
        severity=claim.severity,
        state=claim.state,
        why=first.message if first else claim.because[-1] if claim.because else claim.state,
        mend=first.mend if first else step_of(claim),
        blocks=claim.state == "contested",
    )


def doubt(about: str, title: str, why: str, mend: str) -> Deciding:
    """Give what keeps the gate from being judged and is no claim."""
    return Deciding(control=about, title=title, severity="high", state="unsupported", why=why, mend=mend, blocks=False)
