"""The fewest things that between them touch every one of some sets: exact while that is affordable. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

MOST_STEPS = 50_000
"""Branches that are tried; after them the best that was found is told as such."""


class Hitting(NamedTuple):
    """A choice that touches every set."""

    chosen: tuple[str, ...]
    proven: bool
    """No smaller choice exists; False where there were too many to try."""
    unhit: int
    """Sets that are empty: nothing touches them."""


def smallest(sets: Iterable[Iterable[str]]) -> Hitting:
    """Give a smallest choice; of several the first by name, so that the same sets give the same choice."""
    every = [frozenset(one) for one in sets]
    wanted = {one for one in every if one}
    # A set that holds another is touched whenever that one is.
    least = (one for one in wanted if not any(other < one for other in wanted))
    needed = sorted(least, key=_order)
    search = _Search(_greedy(needed))
    search.branch(needed, ())
    return Hitting(tuple(sorted(search.best)), search.steps <= MOST_STEPS, sum(not one for one in every))


class _Search:
    def __init__(self, best: tuple[str, ...]) -> None:
        self.best = best
        self.steps = 0

    def branch(self, left: list[frozenset[str]], chosen: tuple[str, ...]) -> None:
        """Take one set that is not touched yet; one of its members must be chosen."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            return
        if not left:
            if (len(chosen), sorted(chosen)) < (len(self.best), sorted(self.best)):
                self.best = chosen
            return
        if len(chosen) + _apart(left) > len(self.best):
            return
        first: frozenset[str] = min(left, key=_order)
        for one in sorted(first):
            self.branch([some for some in left if one not in some], (*chosen, one))


def _order(one: frozenset[str]) -> tuple[int, list[str]]:
    return len(one), sorted(one)


def _apart(left: list[frozenset[str]]) -> int:
    """Count sets that share nothing: each needs a member of its own."""
    seen: set[str] = set()
    count = 0
    for one in left:
        if seen.isdisjoint(one):
            seen |= one
            count += 1
    return count


def _greedy(left: list[frozenset[str]]) -> tuple[str, ...]:
    chosen: list[str] = []
    while left:
        counts = Counter(member for one in left for member in one)
        most = min(counts, key=lambda member: (-counts[member], member))
        chosen.append(most)
        left = [one for one in left if most not in one]
    return tuple(chosen)
