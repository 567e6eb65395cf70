"""`tm.disposition`: somebody decided about the threats, and each decision still makes sense."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.catalogue.read import catalogue
from safecase.checks import Context, check
from safecase.measures.threat_modelling.facing import Faced, faced
from safecase.readers.text import shown
from safecase.service.schema import ThreatDecision
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

SHORTEST = 10
"""Characters of a reason."""


@check("tm.disposition", control="TM-06", severity="medium", reads=("threat_modelling", "exceptions"))
def decisions_made(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Every threat that applies has a decision: mitigated by its controls, or another one with an owner and a reason.

    ## Why it matters
    A list of threats that nobody decided about protects nobody. To accept or to hand on a threat is allowed, and is
    somebody's decision; silence is nobody's.

    ## How it is checked
    A threat that controls of this service answer counts as to be mitigated by them, once somebody went through the
    list: `threat_modelling.reviewed` and `reviewer`. Any other decision (accept, avoid, transfer) stands under
    `threat_modelling.decisions` with an owner and a reason of more than a word. A decision about a threat that does
    not exist, or twice about one, fails. One about a threat that no longer applies is told. A threat that no control
    answers needs a decision of its own. Whether the controls hold is for their claims to say, and no decision here
    makes one hold.

    ## How to mend it
    Go through `safecase show case`, write down what differs from mitigating, and set `reviewed` and `reviewer`.

    ## References
    NIST AI RMF 1.0 MANAGE 1.2 and 1.3; ISO/IEC 42001:2023 A.5.3; EU AI Act Art. 9(5).
    """
    block = ctx.manifest.threat_modelling
    found = {entry.threat.id: entry for entry in faced(ctx)}
    decided: dict[str, ThreatDecision] = {}
    for number, decision in enumerate(block.decisions):
        place = ctx.place(f"threat_modelling.decisions.{number}")
        twice = decision.threat in decided
        decided.setdefault(decision.threat, decision)
        yield _judged(repository, decision, place, found, twice=twice)
    for id_, entry in found.items():
        if not entry.controls and id_ not in decided:
            told = f"{id_} {entry.threat.title}: no control answers it, and nobody decided about it"
            mend = f"add `- {{threat: {id_}, response: …, owner: …, reason: …}}` to threat_modelling.decisions"
            yield decisions_made.failed(repository, told, rule="undecided", key=id_, mend=mend)
    if block.reviewed is None or not block.reviewer:
        told = f"nobody says that they went through the {len(found)} threats (threat_modelling.reviewed, reviewer)"
        mend = f"go through them, then say `reviewed:` and `reviewer:` in {ctx.manifest_path}"
        yield decisions_made.unknown(repository, told, rule="review", mend=mend, place=ctx.place("threat_modelling"))
    else:
        told = f"{shown(block.reviewer)} went through the threats on {block.reviewed}"
        yield decisions_made.passed(repository, told, rule="review")


def _judged(
    repository: Repository, decision: ThreatDecision, place: Place, found: dict[str, Faced], *, twice: bool
) -> Finding:
    id_, about = shown(decision.threat, 20), f"{shown(decision.threat, 20)}: {decision.response}"
    key = decision.threat[:40]
    fault, mend = "", ""
    if decision.threat not in catalogue().threats:
        fault, mend = f"{id_} is no threat of the catalogue", "safecase catalogue show threats lists them"
    elif twice:
        fault, mend = f"{id_} is decided twice", "keep one of the decisions"
    elif decision.response != "mitigate" and not (decision.owner and len(decision.reason.strip()) >= SHORTEST):
        fault, mend = f"{about}, without an owner or a reason", "say who decided it, and why, in a sentence"
    if fault:
        return decisions_made.failed(repository, fault, rule="decision", key=key, mend=mend, place=place)
    if decision.threat not in found:
        told = f"{about}: it does not concern this service any more, the decision can go"
        return decisions_made.passed(repository, told, rule="decision", key=key, place=place)
    return decisions_made.passed(repository, about, rule="decision", key=key, place=place)
