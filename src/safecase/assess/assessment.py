"""The straight way, walked: read and discover, tailor, plan, run, keep what was seen, judge."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from safecase import plugins
from safecase.assess.executor import Executor, LocalExecutor
from safecase.assess.judge import Seen, judge
from safecase.assess.plan import Known, Lacking, Plan, Standing, Task, affordable, checks_of, plan
from safecase.assess.tailor import Facing, Tailoring
from safecase.assess.work import Answer, Job
from safecase.catalogue.read import Catalogue, catalogue
from safecase.checks import Check, load
from safecase.evidence import attestations
from safecase.evidence.log import Ledger
from safecase.evidence.record import Draft
from safecase.evidence.status import by_group
from safecase.evidence.trust import Trust, counting
from safecase.readers.text import shown
from safecase.service.digests import Digests
from safecase.service.discover import Inventory, discover
from safecase.service.facts import facts_by_key
from safecase.service.flows import diagram
from safecase.service.read import ServiceDescription
from safecase.service.schema import SettingsBlock
from safecase.service.subjects import Repository
from safecase.vocabulary import Attestation, Case, Decision, Exemption, Fact, Finding, Verdict

UNKNOWN_DAYS = 30
"""How long evidence lives that is about a control which the catalogue does not know."""

LENIENT = 1.5
"""A check that says beforehand how long it takes may take half as long again before it is stopped."""


class Wishes(NamedTuple):
    """How the user wants it to run; everything else is in the manifest."""

    only: tuple[str, ...] = ()
    """Controls, checks or measures; empty for all."""
    again: bool = False
    """Run even what has fresh evidence."""
    jobs: int | None = None
    calls: int | None = None
    money: float | None = None
    seconds: float | None = None
    owned: tuple[str, ...] = ()
    """Hosts beyond loopback that are the user's own."""
    offline: bool = False
    """Ask nothing of the running service."""
    local_code: bool = False
    """Run the check files that the repository brings (`settings.checks`)."""
    remember_digests: bool = True
    trust: Trust | None = None
    """Whose evidence counts; None for what our own keys signed and this run collects."""
    now: datetime | None = None


class Prepared(NamedTuple):
    """Everything that is known before anything runs."""

    service: ServiceDescription
    catalogue: Catalogue
    checks: Mapping[str, Check]
    inventory: Inventory
    digests: Digests
    days: Mapping[str, int]
    """How long evidence of each check lives at the most."""
    facts: Mapping[str, Fact]
    decisions: tuple[Decision, ...]
    facing: tuple[Facing, ...]
    """Every threat of the catalogue, and whether this service faces it."""
    ledger: Ledger
    attestations: Mapping[str, Attestation]
    """The latest of each control."""
    start: int
    """How many records there were before this run."""
    known: Known
    plan: Plan
    left: tuple[Task, ...]
    """Tasks that do not fit into the budget, or would ask the service while offline."""
    wishes: Wishes


class Progress(NamedTuple):
    """One task done, out of how many."""

    done: int
    total: int
    check: str
    subject: str
    verdict: Verdict


def prepare(service: ServiceDescription, wishes: Wishes) -> Prepared:
    """Read, discover, tailor and plan; nothing is run and nothing is written but the memory of digests."""
    now = wishes.now or datetime.now(UTC)
    memory = service.root / ".safecase" / "cache" / "digests.json" if wishes.remember_digests else None
    wanted = plugins.wanted_by(service.manifest)
    checks = {**load(), **(plugins.local_checks(service.root, wanted) if wishes.local_code else {})}
    digests = Digests(service.root, memory)
    inventory = discover(service, digests, _files_of(checks))
    facts = facts_by_key(service.facts, inventory.facts)
    rows = catalogue()
    tailoring = Tailoring(facts, rows)
    decisions = tailoring.controls()
    ledger = Ledger(service.root / service.manifest.settings.ledger, below=service.root)
    records = ledger.read()
    days = _days(checks, rows, service)
    known = Known(
        catalogue=rows,
        checks=checks,
        subjects=inventory.subjects,
        digests=inventory.digests,
        files=inventory.files,
        manifest=service.manifest,
        evidence=by_group(
            counting(records, wishes.trust, len(records), service=service.manifest.service.id, most_days=days)
        ),
        now=now,
    )
    unplanned = Plan(tasks=(), standings=(), lacking=())
    given = _attestations(service)  # a fault in one is told before anything runs
    prepared = Prepared(
        service=service,
        catalogue=rows,
        checks=checks,
        inventory=inventory,
        digests=digests,
        days=days,
        facts=facts,
        decisions=decisions,
        facing=tailoring.threats(),
        ledger=ledger,
        attestations=given,
        start=len(records),
        known=known,
        plan=unplanned,
        left=(),
        wishes=wishes,
    )
    return planned_again(prepared, decisions)


def planned_again(prepared: Prepared, decisions: tuple[Decision, ...]) -> Prepared:
    """Plan for a scope: what fits into the budget, and asks nothing of the service while offline."""
    wishes = prepared.wishes
    chosen = _chosen(wishes.only, prepared.catalogue)
    planned = plan(decisions, prepared.known, chosen=chosen, again=wishes.again)
    runnable: list[Task] = []
    left: list[Task] = []
    for task, fits in affordable(planned.tasks, calls=wishes.calls, money=wishes.money, seconds=wishes.seconds):
        asks = prepared.checks[task.check].network
        (runnable if fits and not (wishes.offline and asks) else left).append(task)
    planned = msgspec.structs.replace(planned, tasks=tuple(runnable))
    return prepared._replace(decisions=decisions, plan=planned, left=tuple(left))


def run(
    prepared: Prepared, *, told: Callable[[Progress], None] | None = None, executor: Executor | None = None
) -> Iterable[Finding]:
    """Run the tasks and append what each saw to the ledger as it comes in; yields the findings."""
    tasks = {(t.check, t.subject.name): t for t in prepared.plan.tasks}
    if not tasks:
        return
    width = prepared.wishes.jobs or prepared.service.manifest.settings.jobs or (os.cpu_count() or 1)
    worker = executor or LocalExecutor(width)
    answers = worker.map([_job(t, prepared) for t in tasks.values()])
    for done, (job, answer) in enumerate(answers, start=1):
        task = tasks[job.check, job.subject.name]
        draft = _draft(task, _with_unreadable(task, answer, prepared), prepared)
        prepared.ledger.append([draft], objects={d: k.content for d, k in answer.kept.items()})
        if told is not None:
            told(Progress(done, len(tasks), job.check, job.subject.name, draft.verdict))
        yield from draft.findings


def conclude(prepared: Prepared, *, notes: Sequence[str] = ()) -> Case:
    """Judge by what the ledger holds now; what changed while it was looked at is void."""
    known = prepared.known
    if prepared.plan.tasks:
        after = discover(prepared.service, prepared.digests, _files_of(prepared.checks))
        known = msgspec.structs.replace(known, digests=after.digests, files=after.files, subjects=after.subjects)
    records = counting(
        prepared.ledger.read(),
        prepared.wishes.trust,
        prepared.start,
        service=prepared.service.manifest.service.id,
        most_days=prepared.days,
    )
    known = msgspec.structs.replace(known, evidence=by_group(records))
    standings = plan(prepared.decisions, known, chosen=lambda _control, _check: False)
    exemptions = _exemptions(prepared.service)
    seen = {
        decision.control: _seen(decision.control, known, standings, prepared.attestations, exemptions)
        for decision in prepared.decisions
        if decision.applies
    }
    judgement = judge(prepared.decisions, prepared.facing, prepared.catalogue.controls, seen, known.now)
    as_of = known.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Case(
        service=prepared.service.manifest.service.id,
        name=prepared.service.manifest.service.name or prepared.service.manifest.service.id,
        at=_made(as_of),
        as_of=_made(as_of),
        catalogue=prepared.catalogue.version,
        verdict=judgement.verdict,
        measures=judgement.measures,
        risk_groups=judgement.risk_groups,
        claims=judgement.claims,
        threats=judgement.threats,
        next=judgement.next,
        diagram=diagram(prepared.service.manifest),
        facts=tuple(prepared.facts.values()),
        questions=tuple(dict.fromkeys(q for d in prepared.decisions if d.applies for q in d.questions)),
        notes=(*notes, *_notes(prepared)),
    )


def _files_of(checks: Mapping[str, Check]) -> frozenset[str]:
    """Name the keys of the manifest whose files any check reads."""
    return frozenset(key for check in checks.values() for key in check.files)


def _days(checks: Mapping[str, Check], rows: Catalogue, service: ServiceDescription) -> Mapping[str, int]:
    """Say how long evidence of each check lives: as its control says for the service's profile."""
    profile = service.manifest.gate.profile
    return {
        check.id: rows.controls[check.control].days_for(profile)
        for check in checks.values()
        if check.control in rows.controls
    }


def _made(as_of: str) -> str:
    """When the case was made; SOURCE_DATE_EPOCH makes the same input give the same bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch and epoch.isdigit():
        return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return as_of


def _chosen(only: tuple[str, ...], rows: Catalogue) -> Callable[[str, str], bool]:
    def chosen(control: str, check: str) -> bool:
        return not only or bool({control, check, rows.controls[control].measure} & set(only))

    return chosen


def _job(task: Task, prepared: Prepared) -> Job:
    check = prepared.checks[task.check]
    service = prepared.service
    return Job(
        check=check.id,
        module=check.where.partition(":")[0],
        runs=check.runs,
        network=check.network,
        subject=task.subject,
        root=str(service.root),
        manifest=service.manifest,
        manifest_path=service.file,
        now=prepared.known.now,
        seconds=max(service.manifest.settings.check_seconds, LENIENT * task.estimate.seconds),
        owned=prepared.wishes.owned,
        places={f.key: (f.place.line, f.place.column) for f in service.facts if f.place},
        facts=tuple(prepared.facts.values()),
    )


def _with_unreadable(task: Task, answer: Answer, prepared: Prepared) -> Answer:
    """What the walk could not read belongs to no check: the one that looks at the whole repository says so."""
    if not isinstance(task.subject, Repository) or not prepared.inventory.unreadable:
        return answer
    mend = "give the assessment the right to read it, or name it under settings.exclude"
    more = tuple(
        Finding(
            check=task.check, subject=task.subject.name, verdict="unknown", message=f"not looked at: {what}", mend=mend
        )
        for what in prepared.inventory.unreadable[:20]
    )
    return msgspec.structs.replace(answer, findings=(*answer.findings, *more))


def _draft(task: Task, answer: Answer, prepared: Prepared) -> Draft:
    check = prepared.checks[task.check]
    return Draft(
        service=prepared.service.manifest.service.id,
        control=check.control,
        check=check.id,
        check_version=check.version,
        verdict=worst_of(answer.findings),
        evaluated_at=prepared.known.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ttl_days=prepared.days.get(check.id, UNKNOWN_DAYS),
        subjects=tuple({"name": name, "sha256": sha256} for name, sha256 in task.digests),
        findings=answer.findings,
        metrics=answer.metrics,
        artefacts=tuple(answer.kept),
        parameters={"owned": list(prepared.wishes.owned)} if check.network else {},
        transient=answer.transient,
        collector=plugins.collector_of(check.id),
    )


def worst_of(findings: Iterable[Finding]) -> Verdict:
    """Give the verdict of several findings: one failure fails, one unknown is no pass, and none at all is unknown."""
    verdicts = {f.verdict for f in findings}
    return "fail" if "fail" in verdicts else "pass" if verdicts == {"pass"} else "unknown"


def _attestations(service: ServiceDescription) -> Mapping[str, Attestation]:
    """Read the attestations; of one control the one that lasts longest."""
    found = attestations.read(service.root / service.manifest.settings.attestations, service.root)
    return {a.control: a for a in sorted(found, key=lambda a: a.expires)}


def _exemptions(service: ServiceDescription) -> tuple[Exemption, ...]:
    return tuple(
        Exemption(
            control=b.control,
            owner=b.owner,
            reason=b.reason,
            expires=b.expires,
            check=b.check,
            subject=b.subject,
            fingerprint=b.fingerprint,
        )
        for b in service.manifest.exceptions
    )


def _seen(
    control: str,
    known: Known,
    standing: Plan,
    given: Mapping[str, Attestation],
    exemptions: tuple[Exemption, ...],
) -> Seen:
    wanted = set(checks_of(control, known))
    standings: tuple[Standing, ...] = tuple(s for s in standing.standings if s.check in wanted)
    lacking: tuple[Lacking, ...] = tuple(entry for entry in standing.lacking if entry.control == control)
    return Seen(standings, lacking, given.get(control), exemptions)


def _left_out(settings: SettingsBlock) -> list[str]:
    """Say what the manifest takes out of the look at the files."""
    notes = []
    if settings.exclude:
        more = f" and {len(settings.exclude) - 10} more" if len(settings.exclude) > 10 else ""
        notes.append(f"left out by settings.exclude: {', '.join(map(shown, settings.exclude[:10]))}{more}")
    if settings.ledger != SettingsBlock().ledger:
        notes.append(f"left out as the ledger (settings.ledger): {shown(settings.ledger)}")
    return notes


def _notes(prepared: Prepared) -> list[str]:
    notes = [f"not looked at: {what}" for what in prepared.inventory.unreadable]
    notes += _left_out(prepared.service.manifest.settings)
    if prepared.inventory.passed_over:
        notes.append(f"made by tools and passed over: {', '.join(map(shown, prepared.inventory.passed_over[:10]))}")
    notes += plugins.notes()
    if plugins.wanted_by(prepared.service.manifest) and not prepared.wishes.local_code:
        notes.append("the check files of settings.checks were not run: --allow-local-code runs them")
    if prepared.left:
        names = ", ".join(sorted({t.check for t in prepared.left}))
        reason = "offline" if prepared.wishes.offline else "it does not fit into the budget"
        notes.append(f"not run, {reason}: {names}")
    sealed = prepared.ledger.seal()
    if sealed.note:
        notes.append(sealed.note)
    return notes
