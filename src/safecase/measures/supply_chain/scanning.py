"""`safecase supply scan`: one verdict for each path that is given, and every reason for it.

    for scan in scan_paths(["models/", "model.pkl"], Options()):
        scan.verdict, scan.findings

A folder's verdict is that of the worst thing in it. Nothing is loaded, nothing is unpacked to disk but to temporary
files, and whatever goes wrong with one file is a finding of that file.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import structs

from safecase.errors import CollectError
from safecase.measures.supply_chain.scan_cache import ScanCache, Stamp
from safecase.readers import trees
from safecase.readers.artifacts import formats, look
from safecase.readers.artifacts.report import WORST_FIRST, Confidence, FileVerdict, Problem, Problems, worst, worst_of
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Severity

SECONDS: Final = 60.0
"""For one file, unless said."""

MOST_FINDINGS: Final = 1_000
"""Of one path; the worst are kept."""

WORTH_KEEPING: Final = 0.05
"""Seconds of CPU: what is told sooner is not worth the reading of all its bytes for their digest."""

MOST_BESIDE: Final = 100_000
MOST_READ: Final = 16 * 1024 * 1024

TELLING: Final = frozenset({"text", "program", "keras_json", "unknown", "python_package"})
"""Formats of what says something of the files around it, or is there for them to load."""

NOTHING_KNOWN: Final = frozenset({"unknown", "empty", "text"})
"""Formats that mean nothing among the files of a folder, unless the name promises a model."""


class Options(Noun, frozen=True):
    """How to scan."""

    allow: frozenset[str] = frozenset()
    """Dotted names of one's own that pickles may call."""
    exclude: tuple[str, ...] = ()
    """Globs over paths below a folder."""
    seconds: float = SECONDS
    hash: bool = False
    """Give the SHA-256 of each file, too: all of it is read for that."""


class Found(Noun, frozen=True):
    """One finding of a scan: what was seen, where, and why it matters is told by its rule."""

    rule: str
    file: str
    says: FileVerdict
    message: str
    severity: Severity
    member: str = ""
    offset: int | None = None
    confidence: Confidence = "high"
    key: str = ""


class ScannedFile(Noun, frozen=True):
    """A file that was looked into."""

    file: str
    format: str
    size: int
    verdict: FileVerdict
    sha256: str = ""
    """Where it was asked for, or known."""


class Scan(Noun, frozen=True):
    """What was found below one path."""

    path: str
    verdict: FileVerdict
    findings: tuple[Found, ...]
    files: tuple[ScannedFile, ...]
    """Only those that hold something of a known format; `looked_at` counts all."""
    looked_at: int
    bytes: int
    seconds: float
    left_out: int = 0
    """Findings beyond the most that are kept."""


def scan_paths(
    paths: Iterable[str],
    options: Options,
    *,
    cache: ScanCache | None = None,
    step: Callable[[str], None] | None = None,
) -> Iterator[Scan]:
    """Scan each path, one after the other; `step` is told of every file."""
    scanner = _Scanner(options, cache, step or (lambda _: None))
    for path in paths:
        yield scanner.scan(path)


class _Findings:
    """The findings of one path, bounded: among too many the worst stay."""

    def __init__(self) -> None:
        self._by: dict[FileVerdict, list[Found]] = {says: [] for says in WORST_FIRST}
        self._all = 0

    def add(self, found: Found) -> None:
        self._all += 1
        if len(self._by[found.says]) < MOST_FINDINGS:
            self._by[found.says].append(found)

    def kept(self) -> tuple[Found, ...]:
        return tuple(f for says in WORST_FIRST for f in self._by[says])[:MOST_FINDINGS]

    def left_out(self) -> int:
        return self._all - len(self.kept())


class _Scanner:
    """Scans path after path; what it learns of names serves the next file."""

    def __init__(self, options: Options, cache: ScanCache | None, step: Callable[[str], None]) -> None:
        self._options = options
        self._cache = cache
        self._step = step
        self._policy = Policy(options.allow)
        self._programs: list[tuple[str, Found]] = []
        """Programs below a folder: whether they belong to a model is known once all of it was seen."""

    def scan(self, path: str) -> Scan:
        started = time.monotonic()
        findings = _Findings()
        self._programs.clear()
        files: list[ScannedFile] = []
        beside: dict[str, str] = {}
        tells = False
        looked_at = total = 0
        for leaf in trees.leaves(path):
            if leaf.relative and self._is_excluded(leaf.relative):
                continue
            self._step(leaf.path)
            found = self._leaf(leaf, findings)
            if found is None:
                continue
            looked_at += 1
            total += found.size
            if found.format not in NOTHING_KNOWN:
                files.append(found)
            if leaf.relative and len(beside) < MOST_BESIDE:
                beside[leaf.relative] = leaf.path
            tells = tells or found.format in TELLING
        if tells:
            _judge_together(path, beside, findings)
        for program in self._programs_of_models(beside):
            findings.add(program)
        return Scan(
            path=_readable(path),
            verdict=worst_of(f.says for f in findings.kept()),
            findings=findings.kept(),
            files=tuple(files),
            looked_at=looked_at,
            bytes=total,
            seconds=round(time.monotonic() - started, 4),
            left_out=findings.left_out(),
        )

    def _programs_of_models(self, beside: Mapping[str, str]) -> Iterator[Found]:
        """A folder of models needs no programs; a program that has models with it, or is installed, has its own."""
        if not self._programs:
            return
        from safecase.readers.artifacts import loaded_code

        wanted = set(beside)
        if loaded_code.is_software(wanted):
            models = {r.rpartition("/")[0] for r, path in beside.items() if _is_named_as_weights(path)}
            wanted = set(loaded_code.below_models(wanted, models))
        yield from (found for relative, found in self._programs if relative in wanted)

    def _is_excluded(self, relative: str) -> bool:
        return any(
            fnmatch.fnmatchcase(relative, g) or fnmatch.fnmatchcase(relative, g.rstrip("/") + "/*")
            for g in self._options.exclude
        )

    def _leaf(self, leaf: trees.Leaf, findings: _Findings) -> ScannedFile | None:
        if leaf.kind == "link_in":
            return None  # what it leads to is met by itself
        if leaf.kind == "link_out" and not _is_blob_of_a_hub_cache(leaf):
            message = f"a link that leads out of the folder, to {shown(leaf.why)}"
            findings.add(_of_tree("tree.link", "suspicious", leaf, message))
        elif leaf.kind not in ("file", "link_out"):
            findings.add(_of_tree(f"tree.{leaf.kind}", "error", leaf, leaf.why))
            return None
        if leaf.kind == "link_out" and not Path(leaf.path).is_file():
            return None
        try:
            return self._file(leaf, findings)
        except CollectError as why:
            findings.add(_of_tree("tree.unreadable", "error", leaf, why.message))
            return None

    def _file(self, leaf: trees.Leaf, findings: _Findings) -> ScannedFile:
        stamp = self._cache.stamp(leaf.path) if self._cache else None
        report, sha256 = self._remembered(stamp)
        if report is None:
            report, sha256 = self._looked_into(leaf, stamp, sha256)
        elif self._options.hash and not sha256:
            sha256 = _hash(leaf.path)
        problems = tuple(_that_matter(report, leaf))
        for problem in problems:
            if leaf.relative and problem.rule.startswith("program.") and not _is_named_as_weights(leaf.path):
                self._programs.append((leaf.relative, _found(problem, leaf.path)))
            else:
                findings.add(_found(problem, leaf.path))
        return ScannedFile(
            file=_readable(leaf.path),
            format=report.format.name,
            size=report.size,
            verdict=worst(problems),
            sha256=sha256,
        )

    def _remembered(self, stamp: Stamp | None) -> tuple[look.ArtifactReport | None, str]:
        """Give what an earlier scan said of the same bytes, and their digest where it is known."""
        if self._cache is None or stamp is None:
            return None, ""
        sha256 = self._cache.digest(stamp)
        if not sha256 and self._cache.knows_size(stamp.size):
            sha256 = _hash(stamp.path)
        return (self._cache.result(sha256), sha256) if sha256 else (None, "")

    def _looked_into(self, leaf: trees.Leaf, stamp: Stamp | None, sha256: str) -> tuple[look.ArtifactReport, str]:
        began = time.thread_time() if stamp else 0.0
        folder, _, name = leaf.path.rpartition("/")
        with formats.opened(leaf.path) as (file, size):
            report = look.look_at(
                file,
                size,
                leaf.relative or name,
                policy=self._policy,
                deadline_s=self._options.seconds,
                folder=folder or ".",
                alone=not leaf.relative,
            )
        costly = stamp is not None and time.thread_time() - began > WORTH_KEEPING
        if not sha256 and (self._options.hash or costly):
            sha256 = _hash(leaf.path)
        if self._cache is not None and stamp is not None and sha256 and costly:
            self._cache.keep(stamp, sha256, report)
        return report, sha256


def _judge_together(root: str, beside: Mapping[str, str], findings: _Findings) -> None:
    """Find what no file of a folder shows alone: which code its configurations name, and what lies there to be run."""
    from safecase.readers.artifacts import repositories

    problems = Problems()
    repositories.check_repository({relative: partial(_beginning, path) for relative, path in beside.items()}, problems)
    for problem in problems.all():
        file = beside.get(problem.member, root)
        findings.add(_found(structs.replace(problem, member="" if problem.member in beside else problem.member), file))


def _beginning(path: str) -> bytes:
    try:
        with formats.opened(path) as (file, _):
            return file.read(MOST_READ)
    except CollectError:
        return b""  # told when it was looked at by itself


def _hash(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as why:
        raise CollectError(f"{path} cannot be read: {why.strerror}", mend="give the right to read it") from why


def _that_matter(report: look.ArtifactReport, leaf: trees.Leaf) -> Iterator[Problem]:
    """Pass over what is no fault among the files of a folder: a README is no model that could not be read."""
    if not report.problems:
        return
    named_so = Path(leaf.path).suffix.lower() in formats.ONLY_MODELS
    for problem in report.problems:
        beside = problem.rule in ("format.unknown", "format.empty") and leaf.relative and not named_so
        if not beside:
            yield problem


def _is_named_as_weights(path: str) -> bool:
    return Path(path).suffix.lower() in formats.OPENED


def _is_blob_of_a_hub_cache(leaf: trees.Leaf) -> bool:
    """Say whether a link is one of those that make up a snapshot in the cache of a model hub."""
    folder = Path(leaf.path).parent
    for above in (folder, *folder.parents):
        if above.name == "snapshots":
            blobs = os.path.realpath(above.parent / "blobs")
            return Path(leaf.why).parent == Path(blobs)
    return False


def _readable(path: str) -> str:
    """Give a name that is no UTF-8 without the surrogates that stand for its bytes: no format can carry them."""
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _found(problem: Problem, file: str) -> Found:
    return Found(
        rule=problem.rule,
        file=_readable(file),
        says=problem.says,
        message=problem.message,
        severity=problem.severity,
        member=problem.member,
        offset=problem.offset,
        confidence=problem.confidence,
        key=problem.key,
    )


def _of_tree(rule: str, says: FileVerdict, leaf: trees.Leaf, message: str) -> Found:
    return _found(Problem(rule=rule, says=says, message=message), leaf.path)
