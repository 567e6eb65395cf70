"""`tm.disposition`: somebody decided about the threats, and each decision still makes sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from safecase.catalogue.read import catalogue
from safecase.checks import Context, check
from safecase.measures.threat_modelling.facing import Faced, faced
from safecase.measures.threat_modelling.words import is_placeholder, says_who, says_why
from safecase.readers.text import shown
from safecase.service.schema import ThreatDecision
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place

EARLY = timedelta(days=1)
"""East of Greenwich a day begins before ours."""


@check("tm.disposition", control="TM-06", severity="medium", version=2, reads=("threat_modelling", "exceptions"))
def decisions_made(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Every threat that applies has a decision: mitigated by its controls, or another one with an owner and a reason.

    ## Why it matters
    A list of threats that nobody decided about protects nobody. To accept or to hand on a threat is allowed, and is
    somebody's decision; silence is nobody's.

    ## How it is checked
    A threat that controls of this service answer counts as to be mitigated by them, once somebody went through the
    list: `threat_modelling.reviewed`, a day that has come, and `reviewer`, a name. Any other decision (accept, avoid,
    transfer) stands under `threat_modelling.decisions` with an owner and a reason of at least three different words;
    "tbd", "n/a" and the like are neither. A decision about a threat that does not exist, or twice about one, fails, and
    so does `mitigate` where none of the threat's controls applies here. One about a threat that no longer applies is
    told. A threat that no control answers needs a decision of its own. Whether the controls hold is for their claims to
    say, and no decision here makes one hold.

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
    yield _review(repository, ctx, len(found))


def _review(repository: Repository, ctx: Context, threats: int) -> Finding:
    block, place = ctx.manifest.threat_modelling, ctx.place("threat_modelling")
    if block.reviewed is None or not says_who(block.reviewer):
        told = f"nobody says that they went through the {threats} threats (threat_modelling.reviewed, reviewer)"
        mend = f"go through them, then say `reviewed:` and `reviewer:` in {ctx.manifest_path}"
        return decisions_made.unknown(repository, told, rule="review", mend=mend, place=place)
    if date.fromisoformat(block.reviewed) > ctx.now.date() + EARLY:
        told = f"the review is dated {block.reviewed}, which has not come yet"
        mend = "go through the threats, and write the day on which it was done"
        place = ctx.place("threat_modelling.reviewed")
        return decisions_made.failed(repository, told, rule="review", mend=mend, place=place)
    told = f"{shown(block.reviewer)} went through the threats on {block.reviewed}"
    return decisions_made.passed(repository, told, rule="review")


def _judged(
    repository: Repository, decision: ThreatDecision, place: Place, found: Mapping[str, Faced], *, twice: bool
) -> Finding:
    about, key = f"{shown(decision.threat, 20)}: {decision.response}", decision.threat[:40]
    fault, mend = _fault(decision, about, found.get(decision.threat), twice=twice)
    if fault:
        return decisions_made.failed(repository, fault, rule="decision", key=key, mend=mend, place=place)
    if decision.threat not in found:
        told = f"{about}: it does not concern this service any more, the decision can go"
        return decisions_made.passed(repository, told, rule="decision", key=key, place=place)
    return decisions_made.passed(repository, about, rule="decision", key=key, place=place)


def _fault(decision: ThreatDecision, about: str, entry: Faced | None, *, twice: bool) -> tuple[str, str]:
    """Give what is wrong with a decision, and its mend; empty where nothing is."""
    id_ = shown(decision.threat, 20)
    if decision.threat not in catalogue().threats:
        return f"{id_} is no threat of the catalogue", "safecase catalogue show threats lists them"
    if twice:
        return f"{id_} is decided twice", "keep one of the decisions"
    if decision.response != "mitigate":
        if not (says_who(decision.owner) and says_why(decision.reason)):
            return f"{about}, without an owner or a reason", "say who decided it, and why, in a sentence"
        return "", ""
    for name, said in (("owner", decision.owner), ("reason", decision.reason)):
        if said and is_placeholder(said):
            return f"{about}, and its {name} is {shown(said, 40) or 'blank'}", f"say the {name}, or leave the key out"
    if entry is not None and not entry.controls:
        mend = "decide otherwise (accept, avoid, transfer) with an owner and a reason, or mend the facts"
        return f"{about}, and none of its controls applies here", mend
    return "", ""
