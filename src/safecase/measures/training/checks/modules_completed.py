"""`train.completion`: everyone completed the modules of their role, and not too long ago."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.training.records import Fault, asked_of, completions, counting, learners
from safecase.readers.text import shown
from safecase.service.schema import Person, TrainingModule
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

MOST_FAULTS = 20


@check(
    "train.completion",
    control="TR-02",
    severity="medium",
    version=2,
    reads=("training",),
    files=("training.people_file", "training.records"),
)
def modules_completed(service: Service, ctx: Context) -> Iterator[Finding]:
    """Everyone with a part in the service completed the modules of their role, and the completion still counts.

    ## Why it matters
    People paste secrets into prompts, trust answers that they should check, and approve calls that they did not read.
    Training is the control that reaches them; a course that nobody took reaches nobody. The AI Act asks for sufficient
    knowledge of AI in everyone who deals with it.

    ## How it is checked
    The people are those of `training.people` and of `training.people_file` (CSV: id, name, email, roles, until) whose
    part has not ended. What they must complete are the `training.modules` without roles, and those for one of their
    roles. Completions are read from `training.records` (CSV or JSON lines: person, module, completed, score, expires),
    by id or e-mail address. One counts for the module's `valid_days`, or until the day that the record gives. A row
    that names nobody we know, or no day (`2026-10-01`, or with a time as ISO 8601 writes it), is told and counts for
    nobody. Somebody of whom no module is asked is unknown. Whether somebody listened is not measured; `train.score`
    looks at what they know.

    ## How to mend it
    Let the people named complete the module, and export the records anew. Give somebody who left an `until`.

    ## References
    EU AI Act Art. 4; NIST AI RMF 1.0 GOVERN 2.2; ISO/IEC 42001:2023 A.4.6.
    """
    block = ctx.manifest.training
    known = learners(ctx)
    done = completions(ctx, known)
    missing = _missing(bool(known.people), bool(block.modules), bool(block.records))
    if missing:
        mend = f"declare it under training: in {ctx.manifest_path}; `safecase explain training` shows how"
        yield modules_completed.unknown(service, missing, mend=mend, place=ctx.place("training"))
        return
    yield from _faults(service, (*known.faults, *done.faults))
    today = ctx.now.date()
    for person in known.people:
        asked = asked_of(person, block.modules)
        open_ones = [
            module
            for module in asked
            if not any(
                d.person == person.id and d.module == module.id and counting(module, d, today) for d in done.found
            )
        ]
        yield from (_open(service, ctx, person, module) for module in open_ones)
        if not asked:
            told = f"no module is asked of {shown(person.id)}"
            mend = f"declare a module for everyone, or for their role (training.modules in {ctx.manifest_path})"
            place = ctx.place("training.modules")
            yield modules_completed.unknown(service, told, rule="unasked", key=person.id, place=place, mend=mend)
        elif not open_ones:
            told = f"{shown(person.id)} completed {len(asked)} module{'s' * (len(asked) != 1)}"
            yield modules_completed.passed(service, told, rule="person", key=person.id)


def _missing(people: bool, modules: bool, records: bool) -> str:
    if not people:
        return "nobody is listed who has a part in the service (training.people, training.people_file)"
    if not modules:
        return "no module is declared that anybody should complete (training.modules)"
    return "" if records else "no records of completions are named (training.records)"


def _open(service: Service, ctx: Context, person: Person, module: TrainingModule) -> Finding:
    return modules_completed.failed(
        service,
        f"{shown(person.id)} has no completion of {shown(module.id)} that counts today",
        rule="person",
        key=f"{person.id}/{module.id}",
        place=ctx.place("training.people"),
        mend=f"let {shown(person.id)} complete {shown(module.title or module.id)}, then export the records anew",
    )


def _faults(service: Service, faults: tuple[Fault, ...]) -> Iterator[Finding]:
    mend = "correct the row where it was exported from, or add the person"
    for fault in faults[:MOST_FAULTS]:
        key = str(fault.place)
        yield modules_completed.unknown(service, fault.message, rule="row", key=key, place=fault.place, mend=mend)
    if len(faults) > MOST_FAULTS:
        told = f"{len(faults) - MOST_FAULTS} more rows cannot be used"
        yield modules_completed.unknown(service, told, rule="row", key="more", mend=mend)
