"""The mean of a year with some of the controls: exact where no event is capped, else from one sample of events."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from safecase.engines.simulation.distributions import Distribution, Draws
from safecase.engines.simulation.scenario import Scenario
from safecase.engines.simulation.years import Years, stream

SAMPLE = 20_000
"""Events by which a cap is weighed: the same for every set of controls."""


def coalition_means(
    scenarios: Sequence[Scenario], years: Sequence[Years], seed: int
) -> Callable[[frozenset[str]], float]:
    """Give the function from a set of controls to the mean of a year with just these.

    The simulated mean without controls is scaled by what each set leaves: so the parts add up to it.
    """
    weighed = [(float(y.before.mean()), _left(one, seed)) for one, y in zip(scenarios, years, strict=True)]
    return lambda some: sum(mean * left(some) for mean, left in weighed)


def _left(one: Scenario, seed: int) -> Callable[[frozenset[str]], float]:
    """Give the function from a set of controls to the share of the scenario's loss that stays."""

    def product(some: frozenset[str], part: int) -> float:
        return math.prod(1 - c.effect[part].mean for c in one.controls if c.id in some)

    if one.annual is not None:
        return lambda some: product(some, 0) * product(some, 1)
    event = _event_mean(one, seed)
    whole = event(1.0, 1.0)

    def left(some: frozenset[str]) -> float:
        return product(some, 0) * (event(product(some, 1), product(some, 2)) / whole if whole else 1.0)

    return left


def _event_mean(one: Scenario, seed: int) -> Callable[[float, float], float]:
    """Give the mean of an event whose primary and secondary loss are scaled."""
    import numpy as np

    means = [one.lm.mean]
    if one.secondary is not None:
        means.append(one.secondary.lm.mean)
    if one.cap == math.inf and all(map(math.isfinite, means)):
        claims = one.secondary.probability.mean * means[1] if one.secondary is not None else 0.0
        return lambda size, others: means[0] * size + claims * others
    primary = _sample(one, "lm", one.lm, seed)
    later = np.zeros(SAMPLE)
    if one.secondary is not None:
        chance = _sample(one, "chance", one.secondary.probability, seed)
        comes = stream(seed, one.id, "sample of claims").random(SAMPLE) < chance
        later = np.where(comes, _sample(one, "claims", one.secondary.lm, seed), 0.0)
    return lambda size, others: float(np.minimum(primary * size + later * others, one.cap).mean())


def _sample(one: Scenario, part: str, of: Distribution, seed: int) -> Draws:
    return of.draw(stream(seed, one.id, f"sample of {part}"), SAMPLE)
