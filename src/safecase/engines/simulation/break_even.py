"""Which input turns the choice: how far each may go until using AI and not using it are worth the same. Pure.

The expected net value is linear in each input, so that the point is exact; the tornado moves one input from its 10 % to
its 90 % quantile and leaves the others at their means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from safecase.engines.simulation.distributions import Distribution
from safecase.engines.simulation.scenario import Scenario
from safecase.engines.simulation.years import stream
from safecase.vocabulary import Noun

SAMPLE = 50_000


class Turning(Noun, frozen=True):
    """An input, and where it would turn the choice."""

    input: str
    mean: float
    break_even: float | None
    """The value at which both are worth the same; None where none does, or where it would be negative."""
    low: float
    """The net value against not using it, with the input at its 10 % quantile."""
    high: float
    """The same at its 90 % quantile."""


def turnings(
    difference: float,
    amounts: Sequence[tuple[str, int, Distribution]],
    scenarios: Sequence[tuple[Scenario, float]],
) -> tuple[Turning, ...]:
    """Give every input, the one that moves most first.

    `difference` is what using it gives beyond not using it; an amount comes with +1 where more of it speaks for using
    it, and -1 where it speaks against; a scenario with the mean of a year that its controls leave.
    """
    found = [_amount(name, sign, one, difference) for name, sign, one in amounts]
    for one, left in scenarios:
        found += _scenario(one, left, difference)
    return tuple(sorted(found, key=lambda turning: -abs(turning.high - turning.low)))


def _amount(name: str, sign: int, one: Distribution, difference: float) -> Turning:
    low, high = quantiles(one, name)
    return Turning(
        input=name,
        mean=one.mean,
        break_even=one.mean - sign * difference,
        low=difference + sign * (low - one.mean),
        high=difference + sign * (high - one.mean),
    )


def _scenario(one: Scenario, left: float, difference: float) -> Iterator[Turning]:
    """A year's loss is proportional to the rate, to the vulnerability and to what an event costs without claims."""
    parts = [("annual", one.annual)] if one.annual is not None else [("lef", one.rate), ("lm", one.lm)]
    if isinstance(one.vulnerability, Distribution) and not one.vulnerability.certain:
        parts.append(("vulnerability", one.vulnerability))
    for word, part in parts:
        if part is None or not part.mean or not math.isfinite(part.mean):
            continue
        share = _share_of_lm(one) if word == "lm" else 1.0
        loss = left * share
        if not loss:
            continue
        low, high = quantiles(part, f"{one.id} {word}")
        point = part.mean * (1 + difference / loss)
        yield Turning(
            input=f"{one.id}.{word}",
            mean=part.mean,
            break_even=point if point >= 0 else None,
            low=difference - loss * (low / part.mean - 1),
            high=difference - loss * (high / part.mean - 1),
        )


def _share_of_lm(one: Scenario) -> float:
    if one.secondary is None:
        return 1.0
    claims = one.secondary.probability.mean * one.secondary.lm.mean
    return one.lm.mean / (one.lm.mean + claims) if math.isfinite(claims) else 0.0


def quantiles(one: Distribution, name: str) -> tuple[float, float]:
    """Give the 10 % and the 90 % quantile, from draws that are always the same."""
    import numpy as np

    if one.certain:
        return one.mean, one.mean
    drawn = one.draw(stream(0, name, "quantiles"), SAMPLE)
    return float(np.quantile(drawn, 0.1)), float(np.quantile(drawn, 0.9))
