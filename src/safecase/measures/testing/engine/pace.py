"""How many at once a target bears: more while all goes well, half as many when it says that it is too much."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST: Final = 32.0
"""At once, to begin with."""
BREAKS_AFTER: Final = 20
"""So many failures in a row: the target is down, or wants us to stop."""
LONGEST_BACKOFF_S: Final = 30.0
TRIES: Final = 5
"""Attempts of one attack before it counts as unanswered."""


class Pace:
    """Additive increase, multiplicative decrease, after a start that doubles (as TCP does, RFC 5681)."""

    def __init__(self, most: int, *, rng: random.Random, clock: Callable[[], float]) -> None:
        self._most = most
        self._rng, self._clock = rng, clock
        self._bears = min(FIRST, float(most))
        self._starting = True
        self._halved_at = 0.0
        self._failures = 0
        self.not_before = 0.0
        """Nobody asks before this moment of the clock."""

    @property
    def at_once(self) -> int:
        """Give how many may be in flight now."""
        return max(1, int(self._bears))

    @property
    def broken(self) -> bool:
        """Say whether nothing but failures came for a while."""
        return self._failures >= BREAKS_AFTER

    def worked(self) -> None:
        """An answer came."""
        self._failures = 0
        step = 1.0 if self._starting else 1.0 / self._bears
        self._bears = min(float(self._most), self._bears + step)

    def too_much(self, again_s: float) -> None:
        """The target had no room, and said when it may have some."""
        now = self._clock()
        self._starting = False
        if now - self._halved_at > 1.0:  # one overload is told by all that were in flight
            self._halved_at = now
            self._bears = max(1.0, self._bears / 2)
        if again_s:
            self.not_before = max(self.not_before, now + again_s)

    def failed(self) -> None:
        """No answer came, for whatever reason."""
        self._failures += 1

    def backoff(self, tries: int, again_s: float) -> float:
        """Give how long an attempt waits before its next try: full jitter, and never less than what was asked for."""
        return float(again_s + self._rng.uniform(0, min(LONGEST_BACKOFF_S, 0.2 * 2**tries)))
