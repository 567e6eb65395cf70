"""Attempts of one kind, one after the other, until Wald's sequential test settles whether they work too often."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.engines.statistics import Settled, sprt
from safecase.measures.testing.engine.journal import Line
from safecase.probes.probe import Attack

MOST_ERRORS = 0.2
"""The share of attempts without an answer above which nothing is said of a weakness."""


class Series:
    """Counts attempts in the order in which they were drawn, whatever order their answers come in.

    So the same seed and the same answers settle at the same attempt. What was drawn before it was settled, and answered
    after that, is not counted: it would only blur where it ended.
    """

    def __init__(self, attacks: Iterator[Attack], fine: float, too_high: float) -> None:
        self._attacks = attacks
        self._fine, self._too_high = fine, too_high
        self._next = next(attacks, None)
        self.mute = self._next is None
        """There is nothing to try."""
        self.drawn: dict[int, Attack] = {}
        """By their numbers, from 1; those that are counted are gone."""
        self._answered: dict[int, Line] = {}
        self._counted = 0
        self.given = self.n = self.hits = self.errors = 0
        self.error = ""
        """Why the first that was not answered was not."""
        self.settled: Settled = "open"

    @property
    def open(self) -> bool:
        """Say whether more attempts are wanted."""
        return self.settled == "open" and self._next is not None and not self.failing

    @property
    def failing(self) -> bool:
        """Say whether too few attempts are answered."""
        return self.errors >= 3 and self.errors > MOST_ERRORS * (self.n + self.errors)

    def draw(self) -> tuple[int, Attack]:
        """Give the next attack and its number."""
        assert self._next is not None
        attack, self._next = self._next, next(self._attacks, None)
        self.given += 1
        self.drawn[self.given] = attack
        return self.given, attack

    def take(self, number: int, line: Line) -> Iterator[tuple[int, Attack, Line]]:
        """Take what came of an attempt; give those that count now, in order."""
        self._answered[number] = line
        while (found := self._answered.pop(self._counted + 1, None)) is not None:
            self._counted += 1
            attack = self.drawn.pop(self._counted)
            if self.settled == "open":
                self._count(found)
                yield self._counted, attack, found

    def _count(self, line: Line) -> None:
        if line.replies:
            self.n += 1
            self.hits += bool(line.shown)
        else:
            self.errors += 1
            self.error = self.error or line.message
        self.settled = sprt(self.hits, self.n, self._fine, self._too_high)
