"""`tm.coverage`: the threats are found, for every part of the service that is declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.engines.nearest import nearest
from safecase.measures.threat_modelling.facing import faced
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

MOST_QUESTIONS = 10
USUAL = ("users", "service")
"""Ends of flows that every service has, by the names that its drawn diagram gives them."""


@check(
    "tm.coverage",
    control="TM-05",
    severity="medium",
    version=2,
    reads=("components", "zones", "flows", "tools", "models", "rag", "memory"),
)
def threats_found(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """The facts decide which threats apply, each is answered by a control, and each declared part has its flows.

    ## Why it matters
    A threat model that was written once by memory misses what was added since. Here threats follow from facts; what
    is not said makes a threat apply, and so a long list of threats may be a long list of questions.

    ## How it is checked
    Every threat of the catalogue is decided by the facts, declared and discovered. Where facts are missing that would
    decide some, one finding names the facts that would decide most, and it is unknown. A threat that applies while no
    control that applies answers it is unknown, too. Where `components:` are declared, a part that no flow reaches
    fails: nobody can have thought about what goes into it. A flow from a part to itself fails as well, and counts for
    none, and so does a flow that names what is declared nowhere: neither under `components:` or `zones:` nor, where
    those are left out, as a model, tool, source, store or the service itself (`service`, `users` and `memory` are
    known). Whether the list is complete for a service that is unlike all others is for people to say, in
    `threat_modelling.decisions` and by a review (`tm.fresh`).

    ## How to mend it
    Say the facts that it names; `safecase explain KEY` tells each. Add the flows of the part, or take the part out;
    declare what a flow names, or correct the name.

    ## References
    OWASP LLM 2026 and ASI 2026 as a whole; NIST AI RMF 1.0 MAP 5.1; ISO/IEC 42001:2023 A.5.2; AML.M0000.
    """
    found = faced(ctx)
    asked = Counter(key for entry in found for key in entry.questions)
    open_ones = sum(bool(entry.questions) for entry in found)
    if asked:
        keys = [key for key, _ in sorted(asked.items(), key=lambda item: (-item[1], item[0]))]
        named = ", ".join(keys[:MOST_QUESTIONS]) + (f" and {len(keys) - MOST_QUESTIONS} more" * (len(keys) > 10))
        told = f"{open_ones} of {len(found)} threats apply only because facts are not said: {named}"
        mend = f"say {keys[0]} in {ctx.manifest_path}: safecase explain {keys[0]}"
        yield threats_found.unknown(repository, told, rule="facts", mend=mend, place=ctx.place(keys[0]))
    else:
        yield threats_found.passed(repository, f"{len(found)} threats apply, and the facts decide all", rule="facts")
    for entry in found:
        if not entry.controls:
            told = f"{entry.threat.id} {entry.threat.title}: no control that applies here answers it"
            mend = f"decide about it: threat_modelling.decisions, `threat: {entry.threat.id}`"
            yield threats_found.unknown(repository, told, rule="answer", key=entry.threat.id, mend=mend)
    yield from _parts(repository, ctx)
    yield from _flows(repository, ctx)


def _parts(repository: Repository, ctx: Context) -> Iterator[Finding]:
    ends = {end for flow in ctx.manifest.flows if flow.source != flow.target for end in (flow.source, flow.target)}
    for number, part in enumerate(ctx.manifest.components):
        place = ctx.place(f"components.{number}")
        name = shown(part.id)
        if part.id in ends:
            yield threats_found.passed(repository, f"{name} has its flows", rule="part", key=part.id, place=place)
        else:
            told = f"no flow begins or ends at {name}: what goes into it is not known"
            mend = f"add its flows under flows: in {ctx.manifest_path}, or take it out"
            yield threats_found.failed(repository, told, rule="part", key=part.id, mend=mend, place=place)


def _flows(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Flows that lead nowhere: they tell of no part what goes into it."""
    known = _ends(ctx.manifest)
    for number, flow in enumerate(ctx.manifest.flows):
        place, key = ctx.place(f"flows.{number}"), f"{flow.source}->{flow.target}"
        about = f"the flow from {shown(flow.source, 64) or 'nothing'} to {shown(flow.target, 64) or 'nothing'}"
        if flow.source == flow.target:
            mend = f"name the part that it comes from or goes to, or take it out of {ctx.manifest_path}"
            told = f"{about} leads back to where it begins"
            yield threats_found.failed(repository, told, rule="flow", key=key, mend=mend, place=place)
        for end in dict.fromkeys((flow.source, flow.target)):
            if end not in known:
                near = nearest(end, sorted(known))
                mend = f"declare it under components: in {ctx.manifest_path}"
                mend += f", or write {shown(near, 64)} if that is meant" if near else ""
                told = f"{about} names {shown(end, 64) or 'nothing'}, which is declared nowhere"
                yield threats_found.failed(repository, told, rule="flow", key=f"{key}:{end}", mend=mend, place=place)


def _ends(manifest: Manifest) -> frozenset[str]:
    """Give what a flow may name; without components and zones the parts are those that other blocks tell of."""
    parts = {part.id for part in manifest.components} | {zone.id for zone in manifest.zones}
    others = {model.id for model in manifest.models} | {tool.id for tool in manifest.tools}
    others |= {source.id for source in manifest.rag.sources} if manifest.rag else set()
    others |= {manifest.rag.store} if manifest.rag and manifest.rag.store else set()
    others |= {"memory"} if manifest.memory.kind in ("session", "persistent") else set()
    return frozenset(parts or {*others, *USUAL, manifest.service.id})
