"""One check on one subject, performed: whatever the check does, sound findings come out."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from safecase import plugins
from safecase.checks import MOST_KEPT, Check, Context, Runs
from safecase.errors import CollectError, SafecaseError
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Subject
from safecase.vocabulary import SEVERITIES, Digest, Fact, Finding, Metric, Noun, digest_of

MOST_FINDINGS = 1000
"""Kept of one check on one subject, the worst first."""
MOST_COUNTED = 100_000
"""Looked at: who finds more is not asked further."""
MOST_BYTES = 8 * 1024 * 1024
"""All findings of an answer as JSON: with them, its record fits into the ledger."""
MOST_CHARACTERS: Mapping[str, int] = {"message": 4000, "mend": 2000, "rule": 200, "key": 400}
LONGEST = 64 * 1024
"""Bytes of one finding, whatever its characters need."""
SLACK = 4
"""Findings that `perform` itself may add to those of a check."""
MOST_METRICS = 200
MOST_ARTEFACTS = 1000
MOST_NAME = 200
MOST_NAMED = 100
"""Digests that one finding names."""

T = TypeVar("T", bound=Noun)


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
    facts: tuple[Fact, ...] = ()
    """Everything that is known of the service."""


class Kept(Noun, frozen=True):
    """An artefact that a check keeps as evidence."""

    name: str
    media_type: str
    content: bytes


class Answer(Noun, frozen=True):
    """What came of a job."""

    findings: tuple[Finding, ...]
    metrics: tuple[Metric, ...] = ()
    kept: dict[Digest, Kept] = {}
    transient: bool = False
    """It could not look this time (unreachable, crashed, too slow): the next plan tries again."""
    seconds: float = 0.0

    @staticmethod
    def failed(job: Job, reason: str, *, mend: str) -> Answer:
        """Say that a check could not look; its verdict is `unknown`."""
        return Answer(findings=(_unknown(job, f"{job.check} {reason}", mend=mend),), transient=True)


def perform(job: Job) -> Answer:
    """Run the check of a job here and now."""
    try:
        check = plugins.named(job.check, job.module, Path(job.root))
    except BaseException as why:  # noqa: BLE001 a plug-in may do anything at import: that is a finding, not a crash
        return Answer.failed(job, f"cannot be loaded: {_said(why)}", mend=f"reinstall {job.module}, or remove it")
    try:
        return _performed(check, job)
    except CollectError as why:
        return Answer.failed(job, f"could not look: {_told(why.message, 'message')}", mend=_told(why.mend, "mend"))
    except SafecaseError as why:
        return Answer.failed(job, f"met {_told(why.message, 'message')}", mend=_told(why.mend, "mend"))
    except MemoryError:
        return Answer.failed(
            job, "needed more memory than it may take", mend="exclude what is too large to be looked at"
        )
    except BaseException as why:  # noqa: BLE001 one broken check, or one that wants to exit, never hides the others
        return Answer.failed(
            job, f"broke: {_said(why)}", mend="a defect of the check: report it with `safecase --version`"
        )


def _performed(check: Check, job: Job) -> Answer:
    context = Context(
        root=Path(job.root),
        manifest=job.manifest,
        now=job.now,
        seconds=job.seconds,
        owned=job.owned,
        manifest_path=job.manifest_path,
        places=job.places,
        facts=job.facts,
    )
    findings = _sound_findings(check.run(job.subject, context), job)
    kept = {d: Kept(name=n, media_type=m, content=c) for d, (n, m, c) in context.kept.items()}
    return _with_the_rest(job, findings, context.metrics, kept, transient=context.again is True)


def sound(job: Job, answer: Answer) -> Answer:
    """Take of an answer only what is about the job, whole, and within bounds: the rest becomes one `unknown`.

    A worker process has looked at hostile bytes, and a check may be anybody's code.
    """
    findings = _sound_findings(answer.findings, job, slack=SLACK)
    return _with_the_rest(job, findings, answer.metrics, answer.kept, transient=answer.transient)


def _sound_findings(found: Iterable[object], job: Job, *, slack: int = 0) -> tuple[Finding, ...]:
    """Keep the failures first, then what is unknown, then what passes, each in its order; say what was left out."""
    read = _Read(job)
    worst = heapq.nsmallest(MOST_FINDINGS + slack, enumerate(read.all(found)), key=_badness)
    kept: list[tuple[int, Finding]] = []
    size = 0
    for number, finding in worst:
        size += len(msgspec.json.encode(finding))
        if size > MOST_BYTES + slack * LONGEST:
            break
        kept.append((number, finding))
    findings = [finding for _, finding in sorted(kept, key=lambda pair: pair[0])]
    return (*findings, *read.told(len(kept)))


class _Read:
    """What a check gave, read once; and beside it, what was no finding."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._good = 0
        self._bad = 0
        self._first = ""
        self._endless = False

    def all(self, found: Iterable[object]) -> Iterator[Finding]:
        """Give each finding, plain and cut to its bounds."""
        for number, one in enumerate(found):
            if number >= MOST_COUNTED:
                self._endless = True
                return
            finding = _finding(one, self._job)
            if isinstance(finding, Finding):
                self._good += 1
                yield finding
            else:
                self._bad += 1
                self._first = self._first or finding

    def told(self, kept: int) -> Iterator[Finding]:
        """Say what is not among those that are kept."""
        job, check = self._job, self._job.check
        if self._bad:
            times = f", and {self._bad - 1} more" if self._bad > 1 else ""
            message = f"{check} gave what is no finding of its own: {self._first}{times}"
            yield _unknown(job, message, mend=_DEFECT, rule="no-finding")
        if self._good > kept:
            least = "at least " if self._endless else ""
            message = f"{least}{self._good - kept} more findings were left out; the worst {kept} are kept"
            yield _unknown(job, message, mend="mend these first, and look again", rule="more")
        if not self._good and not self._bad:
            yield _unknown(job, f"{check} said nothing of it", mend=_DEFECT, rule="nothing-said")


_DEFECT = "a defect of the check: report it"


def _badness(numbered: tuple[int, Finding]) -> tuple[int, int, int]:
    number, finding = numbered
    return ("fail", "unknown", "pass").index(finding.verdict), -SEVERITIES.index(finding.severity), number


def _finding(found: object, job: Job) -> Finding | str:
    """Read one finding; a text says why it is none."""
    if not isinstance(found, Finding):
        return f"{type(found).__name__} {_repr(found)}"
    try:
        place = found.place
        if place is not None:
            place = msgspec.structs.replace(place, file=_fit(place.file, MOST_CHARACTERS["message"]))
        words = {name: _cut(getattr(found, name), name) for name in MOST_CHARACTERS}
        digests = msgspec.convert(found.evidence, tuple[str, ...])
        named = tuple(_fit(digest, MOST_NAME) for digest in digests[:MOST_NAMED])
        whole = _round_trip(msgspec.structs.replace(found, place=place, evidence=named, **words), Finding)
    except Exception as why:  # noqa: BLE001 its fields may be anything
        return _said(why)
    if (whole.check, whole.subject) != (job.check, job.subject.name):
        return f"one about {shown(whole.check)} on {shown(whole.subject)}"
    return whole


def _with_the_rest(
    job: Job,
    findings: tuple[Finding, ...],
    metrics: Iterable[object],
    kept: Mapping[Digest, Kept],
    *,
    transient: bool,
) -> Answer:
    measured = list(metrics)
    good = tuple(m for m in map(_metric, measured[:MOST_METRICS]) if m is not None)
    artefacts = {digest: whole for digest, one in kept.items() if (whole := _artefact(digest, one)) is not None}
    if len(artefacts) > MOST_ARTEFACTS or sum(len(one.content) for one in artefacts.values()) > MOST_KEPT:
        artefacts = {}
    left = [
        *([f"{len(measured) - len(good)} measures"] if len(good) < len(measured) else []),
        *([f"{len(kept) - len(artefacts)} artefacts"] if len(artefacts) < len(kept) else []),
    ]
    if left:
        message = f"{job.check} gave {' and '.join(left)} that cannot be kept"
        findings = (*findings, _unknown(job, message, mend=_DEFECT, rule="not-kept"))
    return Answer(findings=findings, metrics=good, kept=artefacts, transient=transient)


def _metric(found: object) -> Metric | None:
    try:
        if not isinstance(found, Metric):
            return None
        words = {"name": _fit(found.name, MOST_NAME), "unit": _fit(found.unit, MOST_NAME)}
        whole = _round_trip(msgspec.structs.replace(found, **words), Metric)
        numbers = (whole.value, whole.low, whole.high, whole.threshold)
    except Exception:  # noqa: BLE001 its fields may be anything
        return None
    return whole if all(math.isfinite(number) for number in numbers if number is not None) else None


def _artefact(digest: Digest, found: Kept) -> Kept | None:
    try:
        words = {"name": _fit(found.name, MOST_NAME), "media_type": _fit(found.media_type, MOST_NAME)}
        whole = _round_trip(msgspec.structs.replace(found, **words), Kept)
        return whole if digest_of(whole.content) == digest else None
    except Exception:  # noqa: BLE001 its fields may be anything
        return None


def _round_trip(value: T, kind: type[T]) -> T:
    """Read a noun back from bytes: msgspec looks at the types of fields only there."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)


def _unknown(job: Job, message: str, *, mend: str, rule: str = "") -> Finding:
    return Finding(check=job.check, subject=job.subject.name, verdict="unknown", message=message, mend=mend, rule=rule)


def _cut(text: Any, name: str) -> str:  # a text, where the check keeps to its types
    return _fit(text, MOST_CHARACTERS[name])


def _fit(text: Any, most: int) -> str:  # a text, where the check keeps to its types
    """Cut a text; what has no UTF-8 (the name of a file of other bytes) is put as `?`."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} where a text is wanted")
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")


def _told(text: object, name: str) -> str:
    return shown(str(text), MOST_CHARACTERS[name])


def _repr(found: object) -> str:
    try:
        return shown(repr(found), 120)
    except Exception:  # noqa: BLE001 it may be anybody's class
        return "that cannot be shown"


def _said(why: BaseException) -> str:
    try:
        return f"{type(why).__name__}: {shown(str(why), 200)}"
    except Exception:  # noqa: BLE001 it may be anybody's class
        return type(why).__name__
