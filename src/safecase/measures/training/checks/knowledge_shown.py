"""`train.score`: the knowledge check of each completed module was passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safecase.checks import Context, check
from safecase.measures.training.records import Completion, Fault, asked_of, completions, counting, learners
from safecase.readers.text import shown
from safecase.service.schema import Person, TrainingModule
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric

MOST_FAULTS = 20


@check(
    "train.score",
    control="TR-03",
    severity="low",
    version=2,
    reads=("training",),
    files=("training.people_file", "training.records"),
)
def knowledge_shown(service: Service, ctx: Context) -> Iterator[Finding]:
    """Everyone passed the knowledge check of the modules that they completed.

    ## Why it matters
    A video that ran to its end proves that a video ran. Whether somebody can tell an injected instruction from a
    question is known once they were asked.

    ## How it is checked
    Of the records that `train.completion` reads, the latest completion that counts today of each person and module
    bears a score of at least the module's `pass_score` (0.8 unless it says otherwise). Scores are read as a share, as
    points of a hundred, or as a percentage: where any score of a file is above 1, the file counts points, and 1 is one
    of a hundred. A share between 0 and 1 in such a file could mean either and is unknown, as is a completion without a
    score, a module of somebody's role without a completion that counts, and somebody of whom no module is asked. That
    the module is missing is `train.completion`'s affair. The share of passed checks is kept as a metric.

    ## How to mend it
    Let the people named take the check again; look at the questions where many fail.

    ## References
    EU AI Act Art. 4; NIST AI RMF 1.0 GOVERN 2.2; ISO/IEC 42001:2023 A.4.6.
    """
    known = learners(ctx)
    read = completions(ctx, known)
    yield from _unused(service, (*known.faults, *read.faults))
    latest = _latest(read.found, ctx)
    asked = [(person, module) for person in known.people for module in asked_of(person, ctx.manifest.training.modules)]
    taken = [pair for pair in asked if (pair[0].id, pair[1].id) in latest]
    if not taken:
        mend = "export the records with a score for each completion (training.records)"
        told = "no completion that counts today is recorded"
        yield knowledge_shown.unknown(service, told, mend=mend, place=ctx.place("training"))
        return
    passed = 0
    for person, module in asked:
        finding = _judged(service, ctx, person, module, latest.get((person.id, module.id)))
        passed += finding.verdict == "pass"
        yield finding
    yield from _unasked(service, ctx, known.people, {person.id for person, _ in asked})
    ctx.measure(Metric(name="knowledge checks passed", value=passed / len(taken), n=len(taken)))


def _unused(service: Service, faults: tuple[Fault, ...]) -> Iterator[Finding]:
    """A row that cannot be read may hold the score that matters."""
    mend = "correct the row where it was exported from"
    for fault in faults[:MOST_FAULTS]:
        key = str(fault.place)
        yield knowledge_shown.unknown(service, fault.message, rule="row", key=key, place=fault.place, mend=mend)
    if len(faults) > MOST_FAULTS:
        told = f"{len(faults) - MOST_FAULTS} more rows cannot be used"
        yield knowledge_shown.unknown(service, told, rule="row", key="more", mend=mend)


def _unasked(service: Service, ctx: Context, people: tuple[Person, ...], asked: set[str]) -> Iterator[Finding]:
    for person in people:
        if person.id not in asked:
            told = f"no module is asked of {shown(person.id)}, so nothing shows what they know"
            mend = f"declare a module for everyone, or for their role (training.modules in {ctx.manifest_path})"
            place = ctx.place("training.modules")
            yield knowledge_shown.unknown(service, told, rule="unasked", key=person.id, place=place, mend=mend)


def _latest(done: tuple[Completion, ...], ctx: Context) -> Mapping[tuple[str, str], Completion]:
    modules = {module.id: module for module in ctx.manifest.training.modules}
    today = ctx.now.date()
    found: dict[tuple[str, str], Completion] = {}
    for completion in sorted(done, key=lambda d: (d.completed, d.place.file, d.place.line)):
        if counting(modules[completion.module], completion, today):
            found[completion.person, completion.module] = completion
    return found


def _judged(service: Service, ctx: Context, person: Person, module: TrainingModule, done: Completion | None) -> Finding:
    who, key = f"{shown(person.id)} in {shown(module.id)}", f"{person.id}/{module.id}"
    if done is None:
        told = f"{who}: no completion that counts today, so no score"
        mend = f"let {shown(person.id)} complete {shown(module.title or module.id)}, then export the records anew"
        return knowledge_shown.unknown(service, told, key=key, place=ctx.place("training.records"), mend=mend)
    if done.score is None and done.scored:
        told = f"{who}: {shown(done.scored, 20)} is a share in a file that counts points of a hundred"
        mend = "export all scores of the file on one scale, or write them with a %"
        return knowledge_shown.unknown(service, told, key=key, place=done.place, mend=mend)
    if done.score is None:
        mend = "export the score, or say by an attestation how their knowledge was checked"
        return knowledge_shown.unknown(service, f"{who}: no score", key=key, place=done.place, mend=mend)
    told = f"{who}: {done.score:.0%}, {module.pass_score:.0%} is asked for"
    if done.score < module.pass_score:
        mend = f"let {shown(person.id)} take the knowledge check of {shown(module.title or module.id)} again"
        return knowledge_shown.failed(service, told, key=key, place=done.place, mend=mend)
    return knowledge_shown.passed(service, told, key=key, place=done.place)
