"""What the same rows say about two versions: tests and intervals for pairs, and for several of them at once.

A comparison that forgets the pairs throws away most of what a test set can tell: rows that both versions get right, or
both get wrong, say nothing of their difference, and the rows in between say all.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist

from safecase.engines.statistics import Interval, wilson

FLIPS = 10_000
RESAMPLES = 2_000
_MOST_WORK = 4_000_000
"""Draws of one test or interval, at the most."""
_FEWEST = 500


def mcnemar(better: int, worse: int) -> float:
    """Give the exact two-sided p of so many rows that changed one way and so many that changed the other."""
    changed = better + worse
    if changed == 0:
        return 1.0
    return min(1.0, 2 * _at_most_half(min(better, worse), changed))


def sign_flip(differences: Sequence[float], seed: int = 1) -> float:
    """Give the two-sided p of paired differences: how often chance signs would make as large a mean.

    Where each row passes or fails outright this is McNemar's exact test; else signs are drawn (Phipson and Smyth 2010).
    """
    sizes = [abs(one) for one in differences if one]
    if not sizes:
        return 1.0
    if max(sizes) - min(sizes) < 1e-12:
        better = sum(one > 0 for one in differences)
        return mcnemar(better, len(sizes) - better)
    seen = abs(math.fsum(differences)) - 1e-9
    flips = max(_FEWEST, min(FLIPS, _MOST_WORK // len(sizes)))
    rng = random.Random(seed)  # noqa: S311  no secret
    total = sum(sizes)
    as_large = 0
    for _ in range(flips):
        signs = rng.getrandbits(len(sizes))
        positive = sum(size for at, size in enumerate(sizes) if signs >> at & 1)
        as_large += abs(2 * positive - total) >= seen
    return (as_large + 1) / (flips + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Give the p of each of several tests, adjusted so that all of them together are wrong as seldom as one."""
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda one: ps[one])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = highest
    return adjusted


def share_difference(old: Sequence[float], new: Sequence[float], confidence: float = 0.95) -> Interval:
    """Give the interval of the difference of two shares over the same rows (Newcombe 1998, method 10).

    A row's value is the share of its repeats that passed. Unlike a bootstrap it has a width where nothing changed.
    """
    n = len(old)
    if n != len(new):
        raise ValueError("pairs are wanted")
    if n == 0:
        return Interval(-1.0, 1.0)
    first, second = math.fsum(old) / n, math.fsum(new) / n
    of_first, of_second = wilson(n * first, n, confidence), wilson(n * second, n, confidence)
    together = _correlation(old, new)
    low = _joined(second - of_second.low, of_first.high - first, together)
    high = _joined(of_second.high - second, first - of_first.low, together)
    return Interval(max(-1.0, second - first - low), min(1.0, second - first + high))


def mean_difference(differences: Sequence[float], confidence: float = 0.95, seed: int = 1) -> Interval:
    """Give the interval of a mean of paired differences by the bootstrap of its t value (Efron and Tibshirani 1993)."""
    n = len(differences)
    if n < 2:
        return Interval(-math.inf, math.inf)
    mean, error = _mean_and_error(differences)
    if error == 0:
        return Interval(mean, mean)
    rng = random.Random(seed)  # noqa: S311  no secret
    ts: list[float] = []
    for _ in range(max(_FEWEST, min(RESAMPLES, _MOST_WORK // n))):
        drawn, its_error = _mean_and_error(rng.choices(differences, k=n))
        if its_error > 0:
            ts.append((drawn - mean) / its_error)
    ts.sort()
    tail = int((1 - confidence) / 2 * len(ts))
    return Interval(mean - error * ts[len(ts) - 1 - tail], mean - error * ts[tail])


def detectable(rows: int, changed: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Give the smallest difference of two shares that so many rows would show with `power`.

    `changed` rows differed between the versions: the more of them, the more of the rest is noise.
    """
    if rows == 0:
        return 1.0
    z = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)
    # The difference itself makes rows change: below z^2 / n no share of changed rows is large enough.
    return min(1.0, max(z * math.sqrt(changed) / rows, z * z / rows))


def _at_most_half(hits: int, n: int) -> float:
    """The chance of `hits` or fewer in `n` throws of a coin."""
    return math.fsum(math.exp(_log_chance(k, n)) for k in range(hits + 1))


def _log_chance(k: int, n: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)


def _correlation(old: Sequence[float], new: Sequence[float]) -> float:
    n = len(old)
    first, second = math.fsum(old) / n, math.fsum(new) / n
    spread = math.sqrt(math.fsum((x - first) ** 2 for x in old) * math.fsum((y - second) ** 2 for y in new))
    if spread == 0:
        return 0.0
    return math.fsum((x - first) * (y - second) for x, y in zip(old, new, strict=True)) / spread


def _joined(one: float, other: float, together: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * together * one * other))


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    n = len(values)
    mean = sum(values) / n
    return mean, math.sqrt(sum((one - mean) ** 2 for one in values) / (n - 1) / n)
