"""What the readers of model files say of them: problems, each with its place in the bytes, and one verdict a file."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Literal, TypeAlias

from safecase.vocabulary import Noun, Severity

FileVerdict: TypeAlias = Literal["malicious", "suspicious", "error", "unsupported", "clean"]
"""`error`: it is broken or too large to judge. `unsupported`: nobody looks into this format yet."""

Confidence: TypeAlias = Literal["high", "medium", "low"]

WORST_FIRST: tuple[FileVerdict, ...] = ("malicious", "suspicious", "error", "unsupported", "clean")
MOST_PROBLEMS = 500

_SEVERITIES: dict[FileVerdict, Severity] = {"malicious": "critical", "suspicious": "high"}


class Problem(Noun, frozen=True):
    """One thing that is wrong with a model file, or that could not be looked at."""

    rule: str
    says: FileVerdict
    message: str
    offset: int | None = None
    """Byte within the member, or within the file where there is no member."""
    member: str = ""
    key: str = ""
    """What tells two problems of one rule apart without an offset: the global's name, the member's."""
    confidence: Confidence = "high"
    """How sure it is that this is no harmless oddity: `high` of what loaders certainly act upon."""

    @property
    def severity(self) -> Severity:
        """How bad it is, in the words of findings."""
        return _SEVERITIES.get(self.says, "medium")


class Problems:
    """Problems as they are found: each rule and key once for a member, and never more than a reader can want."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Problem] = {}

    def add(
        self,
        rule: str,
        says: FileVerdict,
        message: str,
        *,
        offset: int | None = None,
        member: str = "",
        key: str = "",
        confidence: Confidence = "high",
    ) -> None:
        """Note a problem; where the same was noted before, the worse one stays."""
        self.put(
            Problem(
                rule=rule,
                says=says,
                message=message,
                offset=offset,
                member=member,
                key=key,
                confidence=confidence,
            )
        )

    def put(self, problem: Problem) -> None:
        """Note a problem that another reader found."""
        name = (problem.rule, problem.member, problem.key)
        known = self._found.get(name)
        if known is None:
            # A flood of harmless ones must not push out a worse one that comes last.
            most = 2 * MOST_PROBLEMS if problem.says == "malicious" else MOST_PROBLEMS
            if len(self._found) < most:
                self._found[name] = problem
        elif WORST_FIRST.index(problem.says) < WORST_FIRST.index(known.says):
            self._found[name] = problem

    def put_all(self, problems: Iterable[Problem]) -> None:
        """Note all of them."""
        for problem in problems:
            self.put(problem)

    def all(self) -> tuple[Problem, ...]:
        """Give what was found, the worst first."""
        return tuple(sorted(self._found.values(), key=lambda p: WORST_FIRST.index(p.says)))


def worst(problems: Iterable[Problem]) -> FileVerdict:
    """Give the verdict that the worst problem asks for; clean where there is none."""
    return worst_of(p.says for p in problems)


def worst_of(verdicts: Iterable[FileVerdict]) -> FileVerdict:
    """Give the worst verdict; clean where there is none."""
    return min(verdicts, key=WORST_FIRST.index, default="clean")


class Deadline:
    """A moment after which a reader gives up."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def passed(self) -> bool:
        """Say whether it is too late."""
        return time.monotonic() > self._at

    def remaining(self) -> float:
        """Seconds that are left; 0 when none are."""
        return max(0.0, self._at - time.monotonic())
