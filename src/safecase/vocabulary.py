"""The nouns of Safecase, and nothing else: no logic beyond a property, no input or output.

One word, one meaning: docs/words.md tells each in a sentence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec

Severity: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
Verdict: TypeAlias = Literal["pass", "fail", "unknown"]
"""What a check says of a subject. `unknown` is never a pass: it could not look, or too little was seen."""

ClaimState: TypeAlias = Literal["supported", "contested", "unsupported", "stale", "accepted", "not_applicable"]
CaseVerdict: TypeAlias = Literal["holds", "fails", "unproven"]
EvidenceState: TypeAlias = Literal["fresh", "due", "stale", "void", "missing"]
Origin: TypeAlias = Literal["declared", "discovered", "assumed"]

Measure: TypeAlias = Literal[
    "threat_modelling",
    "training",
    "infrastructure",
    "supply_chain",
    "testing",
    "vulnerabilities",
    "protection",
    "maintenance",
    "compliance",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""The nine measures, in the order of the guidelines."""

RiskGroup: TypeAlias = Literal[
    "not_using_ai", "non_compliance", "esg", "misuse", "models_and_datasets", "company_services", "data"
]
RISK_GROUPS: tuple[RiskGroup, ...] = get_args(RiskGroup)

AiActClass: TypeAlias = Literal["prohibited", "high-risk", "high-risk-section-b", "gpai", "transparency", "minimal"]
AI_ACT_CLASSES: tuple[AiActClass, ...] = get_args(AiActClass)
"""From the severest to the least."""

Stride: TypeAlias = Literal[
    "spoofing",
    "tampering",
    "repudiation",
    "information_disclosure",
    "denial_of_service",
    "elevation_of_privilege",
]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the least to the most severe."""

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Digest: TypeAlias = str
"""`sha256:` and 64 hexadecimal digits."""


def digest_of(content: bytes) -> Digest:
    """Name content by its SHA-256."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False, gc=False):
    """What every noun is: immutable, keyword-only, without unknown fields.

    Each noun says frozen=True again: msgspec inherits it, type checkers want it said. What is immutable is made of what
    was there before it, so nouns form no circles: the garbage collector need not look at the thousands of a case.
    """


class Place(Noun, frozen=True):
    """Where in the user's own files: what an editor can jump to. `line` and `column` count from 1; 0 is not known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


class Fact(Noun, frozen=True):
    """One value of the description of a service, and where it comes from."""

    key: str
    value: Any  # what YAML can hold: the schema of the manifest says which for each key
    origin: Origin = "declared"
    place: Place | None = None


class Finding(Noun, frozen=True):
    """What one check says of one subject."""

    check: str
    subject: str
    verdict: Verdict
    message: str
    mend: str = ""
    severity: Severity = "info"
    place: Place | None = None
    rule: str = ""
    """Which of the check's rules, where it has several (`lock.unhashed`)."""
    key: str = ""
    """What tells two findings of one rule in one file apart, without a line number (a package, a resource).

    Several lines name several things: the gate takes each for a gap of its own.
    """
    evidence: tuple[Digest, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Name the finding so that it keeps its name when its line moves (baselines, exceptions, SARIF)."""
        file = self.place.file if self.place else ""
        parts = (self.check, self.subject, self.rule, file, self.key)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class Metric(Noun, frozen=True):
    """What was measured, with its interval and what it was held against."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    threshold: float | None = None
    unit: str = ""


class Control(Noun, frozen=True):
    """What must hold for a service. A row of the catalogue."""

    id: str
    measure: Measure
    title: str
    text: str
    when: str
    """A predicate over facts (`catalogue/predicates.py`)."""
    severity: Severity
    checks: tuple[str, ...] = ()
    attested: bool = False
    """A person's attestation is needed: beside the checks, or alone where there are none."""
    ttl_days: int = 30
    """Days that its evidence stays good."""
    ttl: Mapping[str, int] = {}
    """The same for a profile that asks for less, or for more."""
    risk_groups: tuple[RiskGroup, ...] = ()
    references: tuple[str, ...] = ()
    """Ids of others with their edition (`LLM03:2026`, `AML.M0016`, `eu-aia:15.5`)."""

    def days_for(self, profile: str) -> int:
        """Give the days that its evidence stays good by a profile."""
        return self.ttl.get(profile, self.ttl_days)


class Reference(Noun, frozen=True):
    """An id of others that holds for some services only."""

    id: str
    when: str


class Threat(Noun, frozen=True):
    """What can go wrong with a service. A row of the catalogue."""

    id: str
    title: str
    text: str
    asset: str
    """What it is about, in a word or two."""
    stride: tuple[Stride, ...]
    risk_groups: tuple[RiskGroup, ...]
    when: str
    references: tuple[str | Reference, ...]
    controls: tuple[str, ...]
    """Those of ours that answer it."""
    lifecycle: Literal["development", "operation"]
    verify: str
    """How one would see that it is answered."""


class Regime(Noun, frozen=True):
    """A law, or a part of one, that may apply to a service. A row of the catalogue; no legal advice."""

    id: str
    title: str
    text: str
    when: str
    since: str = msgspec.field(name="from")
    """The day from which it applies, YYYY-MM-DD."""
    source: str
    confidence: Literal["P", "S", "M", "U"]
    """Read in the primary source, in a secondary one, from memory, or unsettled."""
    controls: tuple[str, ...]
    ai_act: AiActClass | None = msgspec.field(name="class", default=None)
    """The class of the AI Act that it means."""


class Section(Noun, frozen=True):
    """A risk group or a measure, in words."""

    id: str
    title: str
    text: str


class Decision(Noun, frozen=True):
    """Whether a control applies, and the facts that decided it."""

    control: str
    applies: bool
    because: tuple[str, ...]
    questions: tuple[str, ...] = ()
    """Fact keys that were missing and would decide it; the worse value was taken."""


class Attestation(Noun, frozen=True):
    """Evidence given by a named person, with an expiry."""

    control: str
    owner: str
    reason: str
    given: str
    expires: str
    place: Place


class Exemption(Noun, frozen=True):
    """A gap accepted by an owner, with reason and expiry: one entry of `exceptions:` in the manifest."""

    control: str
    owner: str
    reason: str
    expires: str
    check: str = ""
    subject: str = ""
    fingerprint: str = ""
    place: Place | None = None


class Claim(Noun, frozen=True):
    """One control in the case of a service, and what speaks for or against it."""

    control: str
    title: str
    measure: Measure
    severity: Severity
    state: ClaimState
    because: tuple[str, ...] = ()
    """The facts that made it apply (or not), and why it stands where it stands."""
    findings: tuple[Finding, ...] = ()
    expires: str | None = None
    """When its first piece of evidence, its attestation or its exception lapses (ISO 8601, UTC)."""
    questions: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    """Ids of the evidence records that it rests on."""
    looked: bool = False
    """A check looked at it: where it is open, something was seen or could not be judged. False: nobody looked."""


class ThreatClaim(Noun, frozen=True):
    """One threat in the case of a service: as well answered as the worst of the claims that answer it."""

    id: str
    title: str
    verdict: CaseVerdict
    risk_groups: tuple[RiskGroup, ...]
    controls: tuple[str, ...]
    """The claims that answer it and apply here."""
    references: tuple[str, ...]
    because: tuple[str, ...]
    questions: tuple[str, ...] = ()


class MeasureSummary(Noun, frozen=True):
    """One of the nine measures in the case: a verdict and how many claims stand where."""

    id: Measure
    verdict: CaseVerdict
    supported: int = 0
    contested: int = 0
    unsupported: int = 0
    stale: int = 0
    accepted: int = 0
    not_applicable: int = 0
    unseen: int = 0
    """How many of the unsupported ones nobody looked at."""


class RiskSummary(Noun, frozen=True):
    """One of the seven risk groups in the case: the worst of the claims that answer it."""

    id: RiskGroup
    verdict: CaseVerdict
    open: int
    claims: tuple[str, ...] = ()
    threats: tuple[str, ...] = ()
    """The threats of this group that apply."""


class Mend(Noun, frozen=True):
    """What to do next, why, and which claims it would move."""

    mend: str
    why: str
    claims: tuple[str, ...]


class DiagramZone(Noun, frozen=True):
    """A zone of one level of trust in a data-flow diagram."""

    id: str
    title: str
    trust: int
    """0 (anybody) to 100."""


class DiagramPart(Noun, frozen=True):
    """A part in a data-flow diagram."""

    id: str
    title: str
    kind: str
    """people, app, model, store, tool and the other types of a component."""
    zone: str


class DiagramFlow(Noun, frozen=True):
    """What goes from one part to another."""

    source: str
    target: str
    data: tuple[str, ...] = ()
    untrusted: bool | None = None
    """Strangers can put their words into it."""
    encrypted: bool | None = None


class Diagram(Noun, frozen=True):
    """The data flows of a service between zones of trust."""

    zones: tuple[DiagramZone, ...]
    parts: tuple[DiagramPart, ...]
    flows: tuple[DiagramFlow, ...]
    declared: bool
    """The manifest declares them; else they are drawn from its other facts."""


class Case(Noun, frozen=True):
    """All claims of a service at a time, argued up to "acceptably safe to operate in this context"."""

    service: str
    name: str
    at: str
    as_of: str
    catalogue: str
    verdict: CaseVerdict
    measures: tuple[MeasureSummary, ...]
    risk_groups: tuple[RiskSummary, ...]
    claims: tuple[Claim, ...]
    threats: tuple[ThreatClaim, ...] = ()
    """Those that apply."""
    next: tuple[Mend, ...] = ()
    diagram: Diagram | None = None
    facts: tuple[Fact, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know of how it was collected: an incomplete run, an unsigned ledger, a stand-in model."""
    schema: str = "safecase/case/1"
