"""Years of a scenario, drawn: how often it happens, what each event costs, and what controls leave of it.

    rate x vulnerability ─▶ N ~ Poisson ─▶ N losses, each its own ─▶ the year's loss

Every part draws from a stream of its own, made of the seed and the scenario's name: another scenario, or another
control, changes nothing of it. Years are drawn in blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from safecase.engines.simulation.distributions import Distribution, Draws, ModelError
from safecase.engines.simulation.scenario import PARTS, Scenario

if TYPE_CHECKING:
    import numpy as np

BLOCK: Final = 1 << 18
"""Years in a block."""
EVENTS_AT_ONCE: Final = 1 << 21
"""Events in a block, about: 16 MiB for each array of them."""
MOST_DRAWN: Final = 4e9
"""Events in all: some minutes on one core."""


class Years(NamedTuple):
    """What was drawn: a loss for each year, before and after the controls."""

    before: Draws
    after: Draws
    vulnerability: float | None
    """The share of tries that succeeded, by the model; None where nobody spoke of tries."""


def stream(seed: int, name: str, part: str) -> np.random.Generator:
    """Give the stream of random numbers of a part of a scenario: always the same for the same three."""
    import numpy as np

    told = hashlib.sha256(f"{name}\0{part}".encode("utf-8", "replace")).digest()
    words = tuple(int.from_bytes(told[at : at + 4], "big") for at in range(0, 16, 4))
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy=seed, spawn_key=words)))


def simulate(scenario: Scenario, draws: int, seed: int, *, shock: Draws | None = None) -> Years:
    """Draw years of a scenario; `shock` are events of each year that it shares with others, beside its own.

    Raises `ModelError` where there would be more events than can be drawn.
    """
    import numpy as np

    before = np.empty(draws)
    same = not scenario.controls
    after = before if same else np.empty(draws)
    engine = _Engine(scenario, seed)
    expected = engine.events_a_year + (float(shock.mean()) if shock is not None else 0.0)
    if expected * draws > MOST_DRAWN:
        raise ModelError(
            f"{expected:g} events a year, {draws} times, are too many to be drawn one by one",
            (),
            mend=f"take fewer draws (at most {int(MOST_DRAWN / expected)}), or say the year's loss with annual:",
        )
    size = max(1024, min(BLOCK, int(EVENTS_AT_ONCE / max(expected, 1e-9))))
    for start in range(0, draws, size):
        end = min(start + size, draws)
        first, second = engine.years(end - start, shock[start:end] if shock is not None else None)
        before[start:end] = first
        if not same:
            after[start:end] = second
    return Years(before, after, engine.vulnerability())


class _Engine:
    """The streams of one scenario, that go on from block to block."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._of = scenario
        self._seed = seed
        self._streams: dict[str, np.random.Generator] = {}
        self._won = 0.0
        self._tried = 0

    @property
    def events_a_year(self) -> float:
        found = self._of
        share = found.vulnerability.mean if isinstance(found.vulnerability, Distribution) else 1.0
        return found.rate.mean * share

    def vulnerability(self) -> float | None:
        found = self._of.vulnerability
        if not isinstance(found, Distribution):
            return self._won / max(self._tried, 1)
        return None if found.certain and found.mean == 1 else found.mean

    def stream(self, part: str) -> np.random.Generator:
        known = self._streams.get(part)
        if known is None:
            known = self._streams[part] = stream(self._seed, self._of.id, part)
        return known

    def drawn(self, part: str, of: Distribution, n: int) -> Draws | float:
        return of.mean if of.certain else of.draw(self.stream(part), n)

    def years(self, n: int, shock: Draws | None) -> tuple[Draws, Draws]:
        import numpy as np

        of = self._of
        if of.annual is not None:
            whole = of.annual.draw(self.stream("annual"), n)
            return whole, whole * self._left_of_a_year(n)
        counts = self._counts(n)
        if shock is not None:
            counts = counts + shock.astype(counts.dtype)
        total = int(counts.sum())
        if not total:
            return np.zeros(n), np.zeros(n)
        year = np.repeat(np.arange(n), counts)
        primary = np.broadcast_to(np.asarray(self.drawn("lm", of.lm, total)), (total,))
        claims = self._claims(n, year, total)
        loss = primary if claims is None else primary + claims
        before = _by_year(year, self._capped(loss), n)
        if not of.controls:
            return before, before
        kept, size, others = self._left(n, year, total)
        after_loss = primary * size
        if claims is not None:
            after_loss = after_loss + claims * others
        weights = np.where(kept, self._capped(after_loss), 0.0)
        return before, _by_year(year, weights, n)

    def _counts(self, n: int) -> Any:
        of = self._of
        rates = self.drawn("rate", of.rate, n)
        if not isinstance(of.vulnerability, Distribution):
            capability, resistance = of.vulnerability
            tries = self.stream("count").poisson(rates, n)
            total = int(tries.sum())
            return self._thinned(tries, total, n, capability, resistance)
        return self.stream("count").poisson(rates * self.drawn("vulnerability", of.vulnerability, n), n)

    def _thinned(self, tries: Any, total: int, n: int, capability: Distribution, resistance: Distribution) -> Any:
        """Each try is a contest of its own: one number for all of them would be another model."""
        import numpy as np

        won = np.asarray(self.drawn("tcap", capability, total)) > np.asarray(self.drawn("rs", resistance, total))
        won = np.broadcast_to(won, (total,))
        self._won += float(won.sum())
        self._tried += total
        return np.bincount(np.repeat(np.arange(n), tries), weights=won, minlength=n).astype(np.int64)

    def _claims(self, n: int, year: Any, total: int) -> Any:
        secondary = self._of.secondary
        if secondary is None:
            return None
        chance = self.drawn("secondary", secondary.probability, n)
        chances = chance if isinstance(chance, float) else chance[year]
        comes = self.stream("secondary event").random(total) < chances
        return _where(comes, self.drawn("secondary lm", secondary.lm, total))

    def _capped(self, loss: Any) -> Any:
        import numpy as np

        return loss if self._of.cap == math.inf else np.minimum(loss, self._of.cap)

    def _left(self, n: int, year: Any, total: int) -> tuple[Any, Any, Any]:
        """What controls leave: which events happen still, and the shares of their costs."""
        events, sizes, others = self._shares(n)
        kept = self.stream("control").random(total) < events[year]
        return kept, sizes[year], others[year]

    def _shares(self, n: int) -> tuple[Any, Any, Any]:
        import numpy as np

        parts = []
        for at, part in enumerate(PARTS):
            left = np.ones(n)
            for control in self._of.controls:
                left = left * (1 - self.drawn(f"{part} of {control.id}", control.effect[at], n))
            parts.append(left)
        return parts[0], parts[1], parts[2]

    def _left_of_a_year(self, n: int) -> Any:
        if not self._of.controls:
            return 1.0
        events, sizes, _ = self._shares(n)
        return events * sizes


def _where(comes: Any, size: Draws | float) -> Draws:
    """Give the sizes where something comes, and 0 elsewhere."""
    import numpy as np

    return np.where(comes, size, 0.0)


def _by_year(year: Any, losses: Any, n: int) -> Draws:
    """Add the losses of each year."""
    import numpy as np

    return np.bincount(year, weights=losses, minlength=n).astype(np.float64, copy=False)
