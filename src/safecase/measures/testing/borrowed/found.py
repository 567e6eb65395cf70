"""What came of a test of another program."""

from __future__ import annotations

from typing import Literal, TypeAlias

from safecase.engines.statistics import exact_lower, exact_upper, wilson
from safecase.vocabulary import Noun

Verdict: TypeAlias = Literal["pass", "fail", "too few", "unconfirmed", "error"]


class Found(Noun, frozen=True):
    """One test: how many of its attempts the service passed, as the program's own scorer has it."""

    test: str
    scorer: str
    passed: int
    n: int
    errors: int = 0
    """Attempts without an answer, or that the scorer could not judge; they are not among the `n`."""
    example: str = ""
    """The shortest attempt that was not passed."""
    note: str = ""
    confirmed: bool = True
    """False where the scorer's "not passed" is a guess: an answer without words of refusal, say."""

    @property
    def share(self) -> float:
        """Give the share that passed."""
        return self.passed / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Give Wilson's 95 % interval of that share."""
        found = wilson(self.passed, self.n) if self.n else None
        return (found.low, found.high) if found else (0.0, 1.0)

    def verdict(self, least: float) -> Verdict:
        """Hold the exact 95 % bounds of the share against the least that it must be."""
        if not self.n or self.errors > self.n / 4:
            return "error"
        if exact_lower(self.passed, self.n) >= least:
            return "pass"
        if not self.confirmed:
            return "unconfirmed"
        return "fail" if exact_upper(self.passed, self.n) < least else "too few"
