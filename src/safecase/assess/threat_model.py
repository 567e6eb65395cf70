"""Every threat of the catalogue, decided for one service, with what answers it and what evidence there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from safecase.assess.tailor import Facing, Tailoring
from safecase.catalogue.predicates import Facts, compiled
from safecase.catalogue.read import Catalogue, catalogue
from safecase.catalogue.scope import facts_of
from safecase.readers.text import shown
from safecase.service.digests import Digests
from safecase.service.discover import discover
from safecase.service.facts import facts_by_key
from safecase.service.read import ServiceDescription
from safecase.vocabulary import AI_ACT_CLASSES, RISK_GROUPS, Case, CaseVerdict, Fact, Noun, RiskGroup

STATES: Mapping[CaseVerdict, str] = {"holds": "answered", "fails": "failing", "unproven": "open"}
"""A threat is answered where fresh evidence supports every control that answers it; nothing else closes it."""


class Answering(Noun, frozen=True):
    """A control that answers a threat here."""

    id: str
    title: str
    checks: tuple[str, ...]
    """What verifies it; none where a person attests it."""
    state: str
    """Of its claim (`supported`, `contested`, `stale` …); `unsupported` where nothing was collected yet."""
    expires: str | None = None


class Applying(Noun, frozen=True):
    """A threat that applies."""

    id: str
    title: str
    text: str
    asset: str
    risk_groups: tuple[str, ...]
    stride: tuple[str, ...]
    refs: tuple[str, ...]
    controls: tuple[str, ...]
    answers: tuple[Answering, ...]
    state: str
    """`open`, `failing` or `answered`."""
    because: tuple[str, ...]
    questions: tuple[str, ...]
    """Facts that nobody said; with them it might not apply."""
    verify: str
    lifecycle: str


class Aside(Noun, frozen=True):
    """A threat that does not apply, and the facts that say so."""

    id: str
    title: str
    because: tuple[str, ...]


class ThreatModel(Noun, frozen=True):
    """The threats of a service on a day."""

    service: str
    name: str
    catalogue: str
    threats: tuple[Applying, ...]
    not_applicable: tuple[Aside, ...]
    ai_act: Mapping[str, str]
    risk_groups: tuple[RiskGroup, ...]
    """Most important first: by failing, then by open threats."""
    order: str
    """By what the groups are ordered."""


def threat_model(service: ServiceDescription, case: Case | None = None) -> ThreatModel:
    """Decide every threat; without a case nothing was collected, and every threat that applies is open."""
    facts = known_facts(service)
    rows = catalogue()
    tailoring = Tailoring(facts, rows)
    applies = {one.control for one in tailoring.controls() if one.applies}
    facing = tailoring.threats()
    found = tuple(_applying(one, rows, applies, case) for one in facing if one.applies)
    return ThreatModel(
        service=service.manifest.service.id,
        name=service.manifest.service.name or service.manifest.service.id,
        catalogue=rows.version,
        threats=found,
        not_applicable=tuple(
            Aside(id=one.threat.id, title=one.threat.title, because=one.because) for one in facing if not one.applies
        ),
        ai_act={"class": ai_act_class(facts_of(facts, rows), rows)},
        risk_groups=_groups(found),
        order="failing threats, then open ones",
    )


def known_facts(service: ServiceDescription) -> Mapping[str, Fact]:
    """Give the facts of a service, declared and discovered."""
    inventory = discover(service, Digests(service.root, None))
    return facts_by_key(service.facts, inventory.facts)


def _applying(one: Facing, rows: Catalogue, applies: set[str], case: Case | None) -> Applying:
    claims = {claim.control: claim for claim in case.claims} if case is not None else {}
    verdicts = {told.id: told.verdict for told in case.threats} if case is not None else {}
    threat = one.threat
    controls = tuple(control for control in threat.controls if control in applies)
    answers = []
    for id_ in controls:
        claim = claims.get(id_)
        control = rows.controls[id_]
        answers.append(
            Answering(
                id=id_,
                title=control.title,
                checks=control.checks,
                state=claim.state if claim else "unsupported",
                expires=claim.expires if claim else None,
            )
        )
    return Applying(
        id=threat.id,
        title=threat.title,
        text=threat.text,
        asset=threat.asset,
        risk_groups=threat.risk_groups,
        stride=threat.stride,
        refs=one.references,
        controls=controls,
        answers=tuple(answers),
        state=STATES[verdicts.get(threat.id, "unproven")],
        because=tuple(shown(told, 200) for told in one.because),
        questions=one.questions,
        verify=threat.verify,
        lifecycle=threat.lifecycle,
    )


def _groups(found: tuple[Applying, ...]) -> tuple[RiskGroup, ...]:
    failing = Counter(group for one in found if one.state == "failing" for group in one.risk_groups)
    open_ones = Counter(group for one in found if one.state != "answered" for group in one.risk_groups)
    order = {group: at for at, group in enumerate(RISK_GROUPS)}
    return tuple(sorted(RISK_GROUPS, key=lambda group: (-failing[group], -open_ones[group], order[group])))


def ai_act_class(facts: Facts, rows: Catalogue) -> str:
    """Give the severest class that is certain, or `undetermined` where a fact that is not said would decide."""
    told: dict[str, bool | None] = {}
    for regime in rows.regimes.values():
        if regime.ai_act is not None:
            value = compiled(regime.when)(facts).value
            before = told.get(regime.ai_act, False)
            told[regime.ai_act] = True if value or before else None if None in (value, before) else False
    for name in AI_ACT_CLASSES:
        if told.get(name, False) is not False:
            return name if told[name] else "undetermined"
    return "out-of-scope"


def collected(service: ServiceDescription) -> Case | None:
    """Give the case by the evidence that is there; None where none was ever collected (and it is quick to know)."""
    if not any((service.root / service.manifest.settings.ledger).glob("*")) and not _attested(service):
        return None
    from safecase.assess.assessment import Wishes, conclude, prepare

    return conclude(prepare(service, Wishes(offline=True, now=datetime.now(UTC))))


def _attested(service: ServiceDescription) -> bool:
    folder = service.root / service.manifest.settings.attestations
    return bool(service.manifest.exceptions) or (folder.is_dir() and any(folder.iterdir()))
