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
    points of a hundred, or as a percentage. A completion without a score is unknown; a module that nobody completed is
    `train.completion`'s affair. The share of passed checks is kept as a metric.

    ## How to mend it
    Let the people named take the check again; look at the questions where many fail.

    ## References
    EU AI Act Art. 4; NIST AI RMF 1.0 GOVERN 2.2; ISO/IEC 42001:2023 A.4.6.
    """
    known = learners(ctx)
    read = completions(ctx, known)
    done = read.found
    yield from _unused(service, read.faults)
    latest = _latest(done, ctx)
    taken = [
        (person, module, latest[person.id, module.id])
        for person in known.people
        for module in asked_of(person, ctx.manifest.training.modules)
        if (person.id, module.id) in latest
    ]
    if not taken:
        mend = "export the records with a score for each completion (training.records)"
        told = "no completion that counts today is recorded"
        yield knowledge_shown.unknown(service, told, mend=mend, place=ctx.place("training"))
        return
    passed = 0
    for person, module, completion in taken:
        finding = _judged(service, person, module, completion)
        passed += finding.verdict == "pass"
        yield finding
    ctx.measure(Metric(name="knowledge checks passed", value=passed / len(taken), n=len(taken)))


def _unused(service: Service, faults: tuple[Fault, ...]) -> Iterator[Finding]:
    """A row that cannot be read may hold the score that matters."""
    mend = "correct the row where it was exported from"
    for fault in faults[:MOST_FAULTS]:
        key = str(fault.place)
        yield knowledge_shown.unknown(service, fault.message, rule="row", key=key, place=fault.place, mend=mend)


def _latest(done: tuple[Completion, ...], ctx: Context) -> Mapping[tuple[str, str], Completion]:
    modules = {module.id: module for module in ctx.manifest.training.modules}
    today = ctx.now.date()
    found: dict[tuple[str, str], Completion] = {}
    for completion in sorted(done, key=lambda d: (d.completed, d.place.file, d.place.line)):
        if counting(modules[completion.module], completion, today):
            found[completion.person, completion.module] = completion
    return found


def _judged(service: Service, person: Person, module: TrainingModule, done: Completion) -> Finding:
    who, key = f"{shown(person.id)} in {shown(module.id)}", f"{person.id}/{module.id}"
    if done.score is None:
        mend = "export the score, or say by an attestation how their knowledge was checked"
        return knowledge_shown.unknown(service, f"{who}: no score", key=key, place=done.place, mend=mend)
    told = f"{who}: {done.score:.0%}, {module.pass_score:.0%} is asked for"
    if done.score < module.pass_score:
        mend = f"let {shown(person.id)} take the knowledge check of {shown(module.title or module.id)} again"
        return knowledge_shown.failed(service, told, key=key, place=done.place, mend=mend)
    return knowledge_shown.passed(service, told, key=key, place=done.place)
