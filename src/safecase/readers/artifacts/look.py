"""Look into a model file, whatever it is: its format by content, then everything in it that a loader would act upon.

report = look(path, allow=frozenset(), deadline_s=60)
report.verdict, report.problems, report.looked_at
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from safecase.readers.archives import unpacking, zip_members
from safecase.readers.artifacts import by_format
from safecase.readers.artifacts.formats import (
    ARCHIVES,
    ONLY_MODELS,
    PICKLES,
    ZIPS,
    WeightFormat,
    identify_stream,
    opened,
)
from safecase.readers.artifacts.report import Deadline, FileVerdict, Problem, worst
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.scan import Limits, PickleReport, ScanSession
from safecase.vocabulary import Noun

MOST_DEPTH: Final = 4
MOST_TEXT: Final = 64 * 1024 * 1024
_UNKNOWN: Final[Mapping[str, tuple[FileVerdict, str]]] = {
    "unknown": ("unsupported", "its content is no format that is known"),
    "empty": ("error", "it is empty"),
    "lfs_pointer": ("error", "it is a pointer of Git LFS, not the file itself"),
}


class ArtifactReport(Noun, frozen=True):
    """What a model file is, and what was found in it."""

    format: WeightFormat
    size: int
    """Bytes of the file."""
    verdict: FileVerdict
    problems: tuple[Problem, ...]
    pickles: PickleReport
    members: int
    """Members of archives that were looked at, at every depth."""


def look(path: Path, *, allow: frozenset[str] = frozenset(), deadline_s: float = 60.0) -> ArtifactReport:
    """Look into a file; raises `CollectError` where it cannot be read. `allow` holds dotted names that are fine."""
    with opened(path) as (file, size):
        return look_at(file, size, path.name, policy=Policy(allow), deadline_s=deadline_s, folder=str(path.parent))


def look_at(
    file: BinaryIO,
    size: int,
    name: str,
    *,
    policy: Policy,
    deadline_s: float = 60.0,
    folder: str | None = None,
    alone: bool = True,
) -> ArtifactReport:
    """Look into an open file of `size` bytes; what `policy` learnt of names serves the next file, too.

    `folder` is where it lies; it is not `alone` where all files of the folder are looked at together.
    """
    kind = identify_stream(file, size, name)
    looker = _Looker(policy, size, deadline_s)
    looker.folder, looker.alone = folder, alone
    looker.look(file, size, name, "", kind)
    pickles = looker.session.report()
    return ArtifactReport(
        format=kind,
        size=size,
        verdict=worst(pickles.problems),
        problems=pickles.problems,
        pickles=pickles,
        members=looker.members,
    )


class _Looker:
    """One look into one file; what it finds goes to the session's problems."""

    def __init__(self, policy: Policy, size: int, seconds: float) -> None:
        deadline = Deadline(seconds)
        self.policy = policy
        self.session = _Session(self.policy, Limits(seconds=seconds), deadline, self._look_within)
        self.problems = self.session.problems
        self.budget = unpacking.Budget(deadline, packed=size)
        self.members = 0
        self.depth = 0
        self.alone = True
        """It was named by itself, and is not one of the files of a folder."""
        self.folder: str | None = None
        """Where the file lies, if that is known: what it reads beside itself lies there."""

    def look(self, file: BinaryIO, size: int, name: str, member: str, kind: WeightFormat) -> None:
        """Look at a file or a member by every reader that fits it."""
        # What wraps one file is half an archive: a tar within gzip is how they are handed around.
        step = 1 if kind.name in ("compressed", "joblib") else 2
        if self.depth + step > 2 * MOST_DEPTH and (kind.name in ARCHIVES or zip_members.is_zip(file, size)):
            message = f"archives lie more than {MOST_DEPTH} deep in one another: not judged"
            self.problems.add("archive.depth", "suspicious", message, member=member)
            return
        self.depth += step
        try:
            self._by_kind(file, size, name, member, kind)
            if kind.name not in PICKLES:
                if kind.name not in ZIPS and zip_members.is_whole_zip(file, size):
                    self._archive(file, size, name, member, "zip", kind.name)
                # The same bytes may be one thing to one loader and another to the next.
                self.session.also_as_pickle(file, size, member)
        finally:
            self.depth -= step

    def _by_kind(self, file: BinaryIO, size: int, name: str, member: str, kind: WeightFormat) -> None:
        if kind.name in PICKLES and not unpacking.compression_of(unpacking.peek(file, 16)):
            self.session.look_streams(file, size, member, surely=True)
            if zip_members.is_zip(file, size):
                self._archive(file, size, name, member, "zip", kind.name)
        elif kind.name in ARCHIVES:
            self._archive(file, size, name, member, kind.name, kind.name)
        elif kind.name == "program":
            from safecase.readers.artifacts import programs

            programs.check_program(unpacking.peek(file, 4096), name, self.problems, member)
        elif kind.name == "other_archive":
            message = f"it is {kind.detail}, which is not unpacked"
            self.problems.add("archive.kind", "unsupported", message, member=member)
        elif kind.name in by_format.READERS:
            by_format.READERS[kind.name](self, file, size, member)
        elif kind.name == "text":
            self.text(file, size, name, member)
        elif kind.name in _UNKNOWN and not member:
            says, message = _UNKNOWN[kind.name]
            detail = f" ({kind.detail})" if kind.detail else ""
            self.problems.add(f"format.{kind.name}", says, message + detail, member=member)

    def _archive(self, file: BinaryIO, size: int, name: str, member: str, kind: str, told: str) -> None:
        from safecase.readers.artifacts import archived

        if kind in ("joblib", "compressed"):
            archived.look_into_compressed(self, file, size, name, member)
        elif kind in ZIPS:
            archived.look_into_zip(self, file, size, member, told)
        elif kind == "seven_zip":
            archived.look_into_seven_zip(self, file, size, member)
        else:
            archived.look_into_tar(self, file, size, member)

    def text(self, file: BinaryIO, size: int, name: str, member: str) -> None:
        """Judge a text by what a loader, a server or an agent makes of it; any other is nothing that acts."""
        from safecase.readers.artifacts import texts

        if not member and Path(name).suffix.lower() in ONLY_MODELS - {".pth"}:
            self.problems.add("format.text", "error", "it is a text, and its name promises a model", member=member)
        file.seek(0)
        if size > MOST_TEXT:
            message = f"a text of {size} bytes is more than is looked at"
            self.problems.add("text.large", "error", message, member=member)
        else:
            texts.check_text(name, file.read(size), self.problems, member, alone=self.alone and not member)

    def _look_within(self, file: BinaryIO, size: int, member: str) -> None:
        """Look into bytes that a pickle gives to a loader of its own."""
        kind = identify_stream(file, size, member)
        if kind.name in ("unknown", "empty"):
            self.session.look_streams(file, size, member, surely=False)
        else:
            self.look(file, size, member, member, kind)


class _Session(ScanSession):
    """A scan whose pickles may hold files of any format in their bytes."""

    def __init__(
        self, policy: Policy, limits: Limits, deadline: Deadline, inside: Callable[[BinaryIO, int, str], None]
    ) -> None:
        super().__init__(policy, limits, deadline)
        self._inside = inside

    def look_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Look at bytes within a pickle by whatever they are."""
        self._inside(stream, size, member)
