"""What has to be run: only checks whose evidence is missing, old, void or could not be had. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from safecase.catalogue.read import Catalogue
from safecase.checks import Check, Estimate
from safecase.evidence.record import Record
from safecase.evidence.status import newest
from safecase.service.contents import named_files
from safecase.service.digests import of_parts
from safecase.service.discover import parameters_digest
from safecase.service.schema import Manifest
from safecase.service.subjects import (
    Dataset,
    Endpoint,
    Model,
    Packages,
    Repository,
    Service,
    Subject,
    Suite,
    Workloads,
)
from safecase.vocabulary import Decision, EvidenceState, Noun

Why: TypeAlias = Literal["missing", "void", "stale", "due", "retry", "asked"]

WANTED: Mapping[type, str] = {
    Service: "write a safecase.yaml",
    Repository: "assess a folder with files",
    Model: "declare `models:` with the `file:` of each",
    Dataset: "declare `datasets:` with the `file:` of each",
    Packages: "declare the packages (pyproject.toml, requirements.txt, package.json) and lock them",
    Workloads: "put the Kubernetes manifests beside the code, or attest how the network is segmented",
    Endpoint: "declare `deployment.endpoint`",
    Suite: "declare a test set under `testing.suites`",
}
"""What to do where a check finds nothing to look at, by the kind of subject it wants."""


class Standing(Noun, frozen=True):
    """Where the evidence of one check on one subject stands now."""

    check: str
    subject: str
    state: EvidenceState
    record: Record | None = None
    retry: bool = False
    """The latest attempt could not look: it is tried again."""


class Lacking(Noun, frozen=True):
    """A check that cannot run for a control: nothing to look at, or no code for it here. An attestation stands in."""

    control: str
    check: str
    reason: str
    mend: str


class Task(Noun, frozen=True):
    """One check to run on one subject."""

    check: str
    subject: Subject
    digests: tuple[tuple[str, str], ...]
    """Names and digests that the evidence will be about: the subject, and the settings that the check reads."""
    why: Why
    estimate: Estimate


class Plan(Noun, frozen=True):
    """Everything that verifies the controls in scope: to run, already standing, and lacking."""

    tasks: tuple[Task, ...]
    standings: tuple[Standing, ...]
    lacking: tuple[Lacking, ...]


class Known(Noun, frozen=True):
    """What the plan is made from, besides the scope."""

    catalogue: Catalogue
    checks: Mapping[str, Check]
    subjects: tuple[Subject, ...]
    digests: Mapping[str, str]
    files: Mapping[str, str]
    """Digests of the files that the manifest names and a check reads, by path."""
    manifest: Manifest
    evidence: Mapping[tuple[str, tuple[str, ...]], Sequence[Record]]
    """Records by check and subjects (`evidence.status.by_group`)."""
    now: datetime


def plan(scope: Iterable[Decision], known: Known, *, chosen: Callable[[str, str], bool], again: bool = False) -> Plan:
    """Plan the checks of the controls that apply.

    `chosen(control, check)` says whether the user asked for it (`--only`); the others keep what evidence they have.
    `again` runs the chosen ones whatever their evidence says.
    """
    tasks: dict[tuple[str, str], Task] = {}
    standings: dict[tuple[str, str], Standing] = {}
    lacking: list[Lacking] = []
    for decision in scope:
        if not decision.applies:
            continue
        for check_id in checks_of(decision.control, known):
            found = known.checks.get(check_id)
            if found is None:
                lacking.append(_no_code(decision.control, check_id))
                continue
            subjects = [s for s in known.subjects if isinstance(s, found.on)]
            if not subjects:
                lacking.append(_no_subject(decision.control, found))
            for subject in subjects:
                standing = _standing(found, subject, known)
                standings[check_id, subject.name] = standing
                why = _why(standing, again=again)
                if why is not None and chosen(decision.control, check_id):
                    tasks[check_id, subject.name] = _task(found, subject, known, why)
    return Plan(tasks=tuple(tasks.values()), standings=tuple(standings.values()), lacking=tuple(lacking))


def checks_of(control: str, known: Known) -> tuple[str, ...]:
    """Give the checks that verify a control: those its row names, and those that name it themselves (plug-ins)."""
    named = known.catalogue.controls[control].checks
    return (*named, *(c.id for c in known.checks.values() if c.control == control and c.id not in named))


def digests_of(check: Check, subject: Subject, known: Known) -> tuple[tuple[str, str], ...]:
    """Give what the evidence of a check on a subject is about, by name and digest, today."""
    about = [(subject.name, known.digests[subject.name])]
    if check.reads or check.files:
        # Under one name, which no part of the service has: what the check was told, and the bytes it was told to read.
        told = {"manifest": parameters_digest(known.manifest, check.reads)} if check.reads else {}
        read = {f"file:{path}": known.files[path] for path in named_files(known.manifest, check.files)}
        about.append((f"parameters:{check.id}", of_parts({**told, **read})))
    return tuple(about)


def _standing(check: Check, subject: Subject, known: Known) -> Standing:
    recorded = known.evidence.get((check.id, (subject.name,)), ())
    of_this_version = [r for r in recorded if str(r.check_version) == str(check.version)]
    today, revoked = dict(digests_of(check, subject, known)), frozenset(known.manifest.settings.revoked_signers)
    record, state = newest(of_this_version, today, known.now, revoked)
    if state == "missing" and recorded:
        state = "void"  # the check itself changed
    retry = record is not None and record.transient
    if retry:
        # A failure must not go away because the service could not be reached the last time.
        looked, before = newest(
            [r for r in of_this_version if not r.transient or r.verdict == "fail"], today, known.now, revoked
        )
        if looked is not None and looked.verdict == "fail" and before in ("fresh", "due"):
            record, state = looked, before
    return Standing(check=check.id, subject=subject.name, state=state, record=record, retry=retry)


def _why(standing: Standing, *, again: bool) -> Why | None:
    if again:
        return "asked"
    if standing.retry:
        return "retry"
    return None if standing.state == "fresh" else standing.state


def _task(check: Check, subject: Subject, known: Known, why: Why) -> Task:
    estimate = check.estimate(subject, known.manifest) if check.estimate else Estimate()
    return Task(check=check.id, subject=subject, digests=digests_of(check, subject, known), why=why, estimate=estimate)


def _no_code(control: str, check: str) -> Lacking:
    return Lacking(
        control=control,
        check=check,
        reason=f"nobody looked: there is no check {check} yet",
        mend=f"let the person who knows attest it: safecase attest {control}",
    )


def _no_subject(control: str, check: Check) -> Lacking:
    mend = WANTED.get(check.on, f"give {check.id} something to look at")
    return Lacking(
        control=control, check=check.id, reason=f"nobody looked: {check.id} has nothing to look at", mend=mend
    )


def affordable(
    tasks: Iterable[Task], *, calls: int | None, money: float | None, seconds: float | None
) -> Iterator[tuple[Task, bool]]:
    """Say of each task whether it still fits into the budget; cheap ones go first, None is no bound."""
    left_calls, left_money, left_seconds = calls, money, seconds
    for task in sorted(tasks, key=lambda t: (t.estimate.calls, t.estimate.seconds, t.check, t.subject.name)):
        cost = task.estimate
        fits = all(
            left is None or price <= left
            for left, price in ((left_calls, cost.calls), (left_money, cost.money), (left_seconds, cost.seconds))
        )
        if fits:
            left_calls = None if left_calls is None else left_calls - cost.calls
            left_money = None if left_money is None else left_money - cost.money
            left_seconds = None if left_seconds is None else left_seconds - cost.seconds
        yield task, fits
