"""`field.complete`: what the service is for, who uses it and what it decides is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from safecase.checks import Context, check
from safecase.measures.threat_modelling.words import says_who, says_why
from safecase.service.schema import Manifest
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

SHORTEST_PURPOSE = 20
"""Characters: a name is no purpose."""

FIELDS: Mapping[str, Callable[[Manifest], bool]] = {
    "service.purpose": lambda m: len(m.service.purpose.strip()) >= SHORTEST_PURPOSE and says_why(m.service.purpose),
    "service.owner": lambda m: says_who(m.service.owner),
    "service.stage": lambda m: m.service.stage is not None,
    "service.criticality": lambda m: m.service.criticality is not None,
    "service.jurisdictions": lambda m: any(where.strip() for where in m.service.jurisdictions),
    "service.users.who": lambda m: bool(m.service.users.who),
    "ai.kind": lambda m: bool(m.ai.kind),
    "deployment.hosting": lambda m: m.deployment.hosting is not None,
    "deployment.exposure": lambda m: m.deployment.exposure is not None,
}
"""What every service must say, and when it has."""

WITH_AI: Mapping[str, Callable[[Manifest], bool]] = {
    "service.domain": lambda m: bool(m.service.domain.strip()),
    "service.decision.about_people": lambda m: m.service.decision.about_people is not None,
    "service.decision.effect": lambda m: m.service.decision.effect is not None,
    "data.classes": lambda m: bool(m.data) and all(block.classes for block in m.data),
    "outputs.to": lambda m: bool(m.outputs),
}
"""What one with AI must say besides: what it is used for, on whom, with which data, and where its answers go."""


@check(
    "field.complete",
    control="TM-02",
    severity="medium",
    version=2,
    reads=("service", "ai.kind", "deployment.hosting", "deployment.exposure", "data", "outputs"),
)
def service_described(service: Service, ctx: Context) -> Iterator[Finding]:
    """Purpose, users, decisions, data and where answers go are written down.

    ## Why it matters
    Misuse can only be told from use where use was written down, and each threat, control and duty follows from these
    facts. A fact that is missing counts as the worse value, so that an undescribed service is asked for everything.

    ## How it is checked
    safecase.yaml says each of the facts that most rows depend on; a purpose is a sentence, not a name. Blanks and
    words such as "tbd" say nothing. Whether the
    description is true, and which misuse is foreseeable, an attestation for TM-02 says: a person answers for it.

    ## How to mend it
    Write the key that is named; `safecase init` finds what the repository tells.

    ## References
    NIST AI RMF 1.0 MAP 1.1; ISO/IEC 42001:2023 A.6.2.2; EU AI Act Art. 9(2)(b) and 13(3).
    """
    without_ai = ctx.manifest.ai.kind == ("none",)
    for key, said in {**FIELDS, **({} if without_ai else WITH_AI)}.items():
        if said(ctx.manifest):
            yield service_described.passed(service, f"{key} is said", key=key)
        else:
            mend = f"write it in {ctx.manifest_path}: safecase explain {key}"
            told = f"{key} is not said"
            yield service_described.failed(service, told, key=key, mend=mend, place=ctx.place(key))
