"""`@check`: the one way in for a check, of ours or of a plug-in.

    @check("model.format", control="SC-03", severity="high")
    def safe_formats(model: Model, ctx: Context) -> Iterator[Finding]:
        \"""Model weights are in a format that cannot run code. ...\"""
        yield safe_formats.passed(model, "model.safetensors is safetensors")

The first parameter's type says on what it runs, the docstring is its page. A check yields findings; it raises
`CollectError` where it could not look. It never imports, executes, unpickles or renders what it looks at.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import structs

from safecase.errors import CollectError, UsageError
from safecase.readers.text import shown
from safecase.service.references import resolve
from safecase.service.schema import Manifest
from safecase.service.subjects import Subject
from safecase.vocabulary import Digest, Fact, Finding, Metric, Noun, Place, Severity, digest_of

Findings: TypeAlias = Iterable[Finding]
Runs: TypeAlias = Literal["process", "thread"]

MOST_KEPT = 32 * 1024 * 1024
"""Bytes of artefacts that one check may keep."""

LONGEST_KEY = 400


class Estimate(Noun, frozen=True):
    """What a check would cost, at the most, before it runs."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    currency: str = ""
    seconds: float = 1.0


class Check(Noun, frozen=True):
    """A procedure that verifies a control on a subject."""

    id: str
    control: str
    severity: Severity
    version: int
    run: Callable[..., Findings]
    on: type
    runs: Runs
    network: bool
    reads: tuple[str, ...]
    files: tuple[str, ...]
    estimate: Callable[..., Estimate] | None
    doc: str
    where: str

    def passed(
        self,
        subject: Subject,
        message: str,
        *evidence: Digest,
        rule: str = "",
        key: str = "",
        place: Place | None = None,
    ) -> Finding:
        """Say that the subject is as the control wants it."""
        return self._found(subject, "pass", message, evidence, rule=rule, key=key, place=place)

    def failed(
        self,
        subject: Subject,
        message: str,
        *evidence: Digest,
        mend: str,
        rule: str = "",
        key: str = "",
        place: Place | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Say what is wrong, where, and what to do; `severity` where it is not the check's own."""
        return self._found(
            subject, "fail", message, evidence, rule=rule, key=key, place=place, mend=mend, severity=severity
        )

    def unknown(
        self,
        subject: Subject,
        message: str,
        *evidence: Digest,
        mend: str = "",
        rule: str = "",
        key: str = "",
        place: Place | None = None,
    ) -> Finding:
        """Say that it could not be judged and why: too few, not readable, not supported."""
        return self._found(subject, "unknown", message, evidence, rule=rule, key=key, place=place, mend=mend)

    def _found(
        self,
        subject: Subject,
        verdict: typing.Any,  # a Verdict; msgspec checks it no further at construction
        message: str,
        evidence: tuple[Digest, ...],
        *,
        rule: str,
        key: str,
        place: Place | None,
        mend: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        return Finding(
            check=self.id,
            subject=subject.name,
            verdict=verdict,
            message=message,
            mend=mend,
            severity="info" if verdict == "pass" else severity or self.severity,
            place=place,
            rule=rule,
            key=_bounded(key),
            evidence=evidence,
        )


def _bounded(key: str) -> str:
    """Give a key that can be printed; one that is long or holds control characters keeps its difference by a digest."""
    if len(key) <= LONGEST_KEY and key.isprintable():
        return key
    return f"{shown(key, 200)}#{digest_of(key.encode('utf-8', 'surrogatepass'))[-16:]}"


class Context:
    """What a check may use besides its subject. Nothing is global."""

    def __init__(
        self,
        *,
        root: Path,
        manifest: Manifest,
        now: datetime,
        seconds: float,
        owned: Sequence[str] = (),
        manifest_path: str = "",
        places: Mapping[str, tuple[int, int]] | None = None,
        facts: Iterable[Fact] = (),
    ) -> None:
        self.root = root
        self.manifest = manifest
        self.manifest_path = manifest_path
        """safecase.yaml, relative to `root`, for places."""
        self._places = places or {}
        # From another process a tuple comes as a list.
        self.facts: Mapping[str, Fact] = {
            fact.key: structs.replace(fact, value=tuple(fact.value)) if isinstance(fact.value, list) else fact
            for fact in facts
        }
        """Everything that is known of the service, by key: declared and discovered."""
        self.now = now
        self.owned = tuple(owned)
        """Hosts beyond loopback that the user says are theirs (`--i-own-this-target`)."""
        self.deadline = time.monotonic() + seconds
        self.kept: dict[Digest, tuple[str, str, bytes]] = {}
        self.metrics: list[Metric] = []
        self.again = False
        """Something could not be reached this time: the next assessment looks again."""
        self._kept_bytes = 0

    def remaining(self) -> float:
        """Seconds that are left; 0 when none are."""
        return max(0.0, self.deadline - time.monotonic())

    def path(self, relative: str) -> Path:
        """Give the file of the service at `relative`; refuses one that lies outside of its folder."""
        try:
            found = (self.root / relative).resolve()
        except (OSError, ValueError, RuntimeError) as why:  # links in a circle, a name with NUL, one that is too long
            raise CollectError(f"{shown(relative)} is no path: {why}", mend="correct it in the manifest") from why
        if not found.is_relative_to(self.root.resolve()):
            raise CollectError(
                f"{shown(relative)} leads out of the service's folder", mend="keep what is assessed inside of it"
            )
        return found

    def place(self, key: str) -> Place:
        """Give where the manifest says a key (`service.contacts.legal`), or the nearest block above it."""
        while key and key not in self._places:
            inside = [p for k, p in self._places.items() if k.startswith(f"{key}.")]
            if inside:
                return Place(file=self.manifest_path, line=min(inside)[0])
            key = key.rpartition(".")[0]
        line, column = self._places.get(key, (0, 0))
        return Place(file=self.manifest_path, line=line, column=column)

    def keep(self, content: bytes, *, name: str, media_type: str = "text/plain") -> Digest:
        """Keep an artefact as evidence (a transcript, a listing); gives its digest."""
        digest = digest_of(content)
        if digest not in self.kept:
            self._kept_bytes += len(content)
            if self._kept_bytes > MOST_KEPT:
                raise CollectError(f"more than {MOST_KEPT // 1024**2} MiB of artefacts", mend="keep a summary")
            self.kept[digest] = (name, media_type, content)
        return digest

    def measure(self, metric: Metric) -> None:
        """Record a measured number with its interval."""
        self.metrics.append(metric)

    def secret(self, reference: str) -> str:
        """Resolve `${env:NAME}` or `${file:path}`; other text is itself. Never print what it gives."""
        return resolve(reference, self.root)


REGISTRY: dict[str, Check] = {}


def check(
    id: str,
    *,
    control: str,
    severity: Severity,
    version: int = 1,
    runs: Runs = "process",
    network: bool = False,
    reads: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    estimate: Callable[..., Estimate] | None = None,
) -> Callable[[Callable[..., Findings]], Check]:
    """Make a check of a function.

    `version` rises when the same subject may get another verdict: older evidence is then void. `runs` is a process of
    its own (can be killed: for readers of hostile bytes and for heavy work) or a thread (for waiting on a network).
    `network` says that it asks the service's declared endpoint. `reads` names blocks of the manifest besides the
    subject that its verdict depends on (`testing.attacks`); `files` names keys whose values are paths of files or
    folders that it reads (`training.records`): evidence is void when their bytes change. `estimate` gives the cost
    beforehand from the subject and the manifest; a check may take half as long again, and never less than the setting
    `check_seconds`.
    """

    def register(run: Callable[..., Findings]) -> Check:
        hints = typing.get_type_hints(run)
        on = hints[next(iter(inspect.signature(run).parameters))]
        made = Check(
            id=id,
            control=control,
            severity=severity,
            version=version,
            run=run,
            on=on,
            runs=runs,
            network=network,
            reads=reads,
            files=files,
            estimate=estimate,
            doc=inspect.getdoc(run) or "",
            where=f"{run.__module__}:{run.__qualname__}",
        )
        known = REGISTRY.get(id)
        if known is not None and known.where != made.where:
            raise UsageError(f"two checks are called {id}: {known.where} and {made.where}", mend="rename one of them")
        REGISTRY[id] = made
        return made

    return register


def load() -> Mapping[str, Check]:
    """Import every check of the nine measures and of installed plug-ins; gives them by id.

    A plug-in that is broken brings none; `safecase.plugins.broken` says why.
    """
    # By name, since the measures and the plug-ins stand above this module and import it.
    measures = importlib.import_module("safecase.measures")
    for module in _modules(measures.__path__, "safecase.measures."):
        if ".checks." in module:
            importlib.import_module(module)
    importlib.import_module("safecase.plugins").checks()
    return dict(sorted(REGISTRY.items()))


def _modules(path: Iterable[str], prefix: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(path, prefix):
        yield found.name
        if found.ispkg:
            module = importlib.import_module(found.name)
            yield from _modules(module.__path__, found.name + ".")
