"""One check on one subject, performed: whatever the check does, findings come out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

import msgspec

from safecase.checks import REGISTRY, Check, Context, Runs
from safecase.errors import CollectError, SafecaseError
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Subject
from safecase.vocabulary import Finding, Metric, Noun, Verdict

MOST_FINDINGS = 1000
MOST_CHARACTERS = 4000


class Job(Noun, frozen=True):
    """What a worker needs to perform a task."""

    check: str
    module: str
    runs: Runs
    network: bool
    subject: Subject
    root: str
    manifest: Manifest
    manifest_path: str
    now: datetime
    seconds: float
    owned: tuple[str, ...] = ()
    places: dict[str, tuple[int, int]] = {}
    """Line and column of every declared key."""


class Kept(Noun, frozen=True):
    """An artefact that a check keeps as evidence."""

    name: str
    media_type: str
    content: bytes


class Answer(Noun, frozen=True):
    """What came of a job."""

    findings: tuple[Finding, ...]
    metrics: tuple[Metric, ...] = ()
    kept: dict[str, Kept] = {}
    transient: bool = False
    """It could not look this time (unreachable, crashed, too slow): the next plan tries again."""
    seconds: float = 0.0

    @staticmethod
    def failed(job: Job, reason: str, *, mend: str) -> Answer:
        """Say that a check could not look; its verdict is `unknown`."""
        finding = Finding(
            check=job.check, subject=job.subject.name, verdict="unknown", message=f"{job.check} {reason}", mend=mend
        )
        return Answer(findings=(finding,), transient=True)


def perform(job: Job) -> Answer:
    """Run the check of a job here and now."""
    try:
        importlib.import_module(job.module)
        check = REGISTRY[job.check]
    except Exception as why:  # noqa: BLE001 a plug-in may do anything at import: that is a finding, not a crash
        return Answer.failed(job, f"cannot be loaded: {_said(why)}", mend=f"reinstall {job.module}, or remove it")
    context = Context(
        root=Path(job.root),
        manifest=job.manifest,
        now=job.now,
        seconds=job.seconds,
        owned=job.owned,
        manifest_path=job.manifest_path,
        places=job.places,
    )
    try:
        findings = tuple(_findings(check, job, context))
    except CollectError as why:
        return Answer.failed(job, f"could not look: {shown(why.message, MOST_CHARACTERS)}", mend=why.mend)
    except SafecaseError as why:
        return Answer.failed(job, f"met {shown(why.message, MOST_CHARACTERS)}", mend=why.mend)
    except MemoryError:
        return Answer.failed(
            job, "needed more memory than it may take", mend="exclude what is too large to be looked at"
        )
    except Exception as why:  # noqa: BLE001 one broken check never hides the others
        return Answer.failed(
            job, f"broke: {_said(why)}", mend="a defect of the check: report it with `safecase --version`"
        )
    return Answer(
        findings=findings,
        metrics=tuple(context.metrics),
        transient=context.again,
        kept={digest: Kept(name=n, media_type=m, content=c) for digest, (n, m, c) in context.kept.items()},
    )


def _findings(check: Check, job: Job, context: Context) -> Iterator[Finding]:
    count = 0
    for found in check.run(job.subject, context):
        count += 1
        if count > MOST_FINDINGS:
            yield check.unknown(job.subject, f"more than {MOST_FINDINGS} findings; the rest is left out", rule="more")
            return
        yield _checked(found, check, job)
    if count == 0:
        yield check.unknown(job.subject, f"{check.id} said nothing of it", mend="a defect of the check: report it")


def _checked(found: object, check: Check, job: Job) -> Finding:
    """A check is somebody's code: what is not a finding about its own subject is not taken for one."""
    if not isinstance(found, Finding) or found.verdict not in get_args(Verdict) or found.check != check.id:
        return check.unknown(job.subject, f"{check.id} gave {shown(repr(found), 120)}, which is no finding of its own")
    if len(found.message) > MOST_CHARACTERS:
        return msgspec.structs.replace(found, message=found.message[:MOST_CHARACTERS] + " …")
    return found


def _said(why: BaseException) -> str:
    return f"{type(why).__name__}: {shown(str(why), 200)}"
