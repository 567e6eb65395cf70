"""`reg.classify`: it is known which laws apply."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.engines.nearest import nearest
from safecase.measures.compliance.applying import Applying, ai_act_class, regimes
from safecase.measures.compliance.places import is_known, nearest_place
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

MOST_NAMED = 8

DOMAINS = frozenset(
    [
        "employment.recruitment",
        "employment.management",
        "education.proctoring",
        "education.admission",
        "education.assessment",
        "education.level",
        "credit",
        "fraud",
        "insurance.life",
        "insurance.health",
        "insurance.motor",
        "benefits.public",
        "emergency.dispatch",
        "biometrics.verification",
        "biometrics.identification",
        "biometrics.categorisation",
        "emotion.recognition",
        "infrastructure.water",
        "infrastructure.road",
        "infrastructure.gas",
        "infrastructure.heat",
        "infrastructure.electricity",
        "infrastructure.digital",
        "justice.adjudication",
        "justice.elections",
        "law_enforcement",
        "migration",
        "health.device",
        "machinery",
        "vehicle",
        "content.generation",
        "content.publication",
        "customer_support",
        "gpai",
        "software.development",
        "other",
    ]
)
"""Areas that the law tells apart, and common ones that it does not; a word beside them would decide unseen."""

SURE = {"P": "read in the source", "S": "from a secondary source", "M": "from memory", "U": "unsettled"}


@check("reg.classify", control="RC-01", severity="high", version=2)
def regimes_known(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """The facts say which laws apply to the service, and the AI Act's class follows from them.

    ## Why it matters
    Duties, dates and fines hang on a few facts: where the service is offered, in which area, who provides it, whether
    people talk with it, whether it decides about them. Where these are not said, nobody knows what is owed, and each
    release may miss a date.

    ## How it is checked
    Each regime of the catalogue has a predicate over the facts, like a control. A fact that nobody said decides
    nothing here, unlike elsewhere: the regime is then open, and the finding names the facts that would decide it. The
    class of the EU AI Act is the severest that is certain; where a severer one is open it is undetermined. It passes
    when nothing is open. An area (`service.domain`) that no regime knows fails, since a slip of the pen would take the
    service out of a law. A place (`service.jurisdictions`) that is neither EU nor EEA, a country's two letters (ISO
    3166-1) nor a state of the United States (US-CA) is unknown for the same reason, and so is a part of a country
    (DE-BY) without the country beside it. A first sorting and no legal advice: derogations
    (Art. 6(3)), exclusions, Annex I in detail and the change of roles are not seen yet, and a source that was not read
    in the original is said so. Somebody who knows the law must look at what it says.

    ## How to mend it
    Say the facts that it names in safecase.yaml; `safecase explain KEY` tells what each means, `safecase explain gdpr`
    a regime.

    ## References
    EU AI Act Art. 2, 5, 6 and 50; GDPR Art. 2 and 3; NIST AI RMF 1.0 GOVERN 1.1; ISO/IEC 42001:2023 A.2.2.
    """
    yield from _strange(repository, ctx)
    found = regimes(ctx)
    name, questions = ai_act_class(found)
    if questions:
        told = f"the class of the EU AI Act is undetermined: {_some(questions)} would decide it"
        mend = f"say {questions[0]} in {ctx.manifest_path}: safecase explain {questions[0]}"
        yield regimes_known.unknown(repository, told, rule="ai-act", mend=mend, place=ctx.place(questions[0]))
    else:
        yield regimes_known.passed(repository, _class_told(name, found), rule="ai-act")
    for applying in found:
        yield _finding(repository, ctx, applying)
    if not found:
        yield regimes_known.passed(repository, "no regime of the catalogue applies by what is said", rule="regime")


def _strange(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Words that decide, and that no predicate knows."""
    block = ctx.manifest.service
    if block.domain and block.domain not in DOMAINS:
        near = nearest(block.domain, DOMAINS) or "other"
        told = f"service.domain is {shown(block.domain)}, which no regime knows"
        mend = f"write `domain: {near}` if that is meant, or `other`"
        yield regimes_known.failed(repository, told, rule="domain", mend=mend, place=ctx.place("service.domain"))
    for number, where in enumerate(block.jurisdictions):
        if not is_known(where, block.jurisdictions):
            near = nearest_place(where)
            told = f"service.jurisdictions names {shown(where, 60)}, which is no code of a place that a law is about"
            mend = "write EU, a country's two letters (KR), or a state of the United States (US-CA)"
            mend = f"write {near} if that is meant; else {mend.removeprefix('write ')}" if near else mend
            place = ctx.place(f"service.jurisdictions.{number}")
            yield regimes_known.unknown(repository, told, rule="place", key=where, mend=mend, place=place)


def _class_told(name: str, found: tuple[Applying, ...]) -> str:
    because = [key for a in found if a.certain and a.regime.ai_act == name for key in a.because]
    by = f", by {_some(tuple(dict.fromkeys(because)))}" if because else ""
    return f"the EU AI Act: {name}{by}; no legal advice"


def _finding(repository: Repository, ctx: Context, applying: Applying) -> Finding:
    regime = applying.regime
    about = f"{regime.id} ({regime.title})"
    if not applying.certain:
        told = f"whether {about} applies is open: {_some(applying.questions)}"
        mend = f"say {applying.questions[0]} in {ctx.manifest_path}"
        place = ctx.place(applying.questions[0])
        return regimes_known.unknown(repository, told, rule="regime", key=regime.id, mend=mend, place=place)
    today = ctx.now.date().isoformat()
    when = "in force" if regime.since <= today else f"applies from {regime.since}"
    told = f"{about} applies, {when}; {SURE[regime.confidence]}; see {', '.join(regime.controls)}"
    return regimes_known.passed(repository, told, rule="regime", key=regime.id)


def _some(keys: tuple[str, ...]) -> str:
    more = len(keys) - MOST_NAMED
    return ", ".join(keys[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
