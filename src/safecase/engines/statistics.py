"""What few tries say about a rate: intervals that keep their promise for small samples, and when to stop asking.

Bounds follow from counts alone. The tries must be independent of each other and of one kind; where several tries
repeat one prompt, count the prompt once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple, TypeAlias

Settled: TypeAlias = Literal["vulnerable", "safe", "open"]

_BISECTIONS = 100
_TERMS = 10_000


class Interval(NamedTuple):
    """A lower and an upper bound of a rate."""

    low: float
    high: float


def wilson(hits: float, n: float, confidence: float = 0.95) -> Interval:
    """Give Wilson's two-sided score interval of a rate; counts may be fractional where tries have weights."""
    _counts(hits, n)
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = hits / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At the ends the bound is exactly 0 or 1; rounding must not make it a hair less.
    return Interval(0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == n else min(1.0, middle + half))


class Share(NamedTuple):
    """Rows of different weight, as so many rows of one weight that would tell as much (Kish 1965)."""

    hits: float
    n: float
    interval: Interval

    @property
    def rate(self) -> float:
        """Give the share itself."""
        return self.hits / self.n if self.n else 0.0


def weighted_share(values: Sequence[float], weights: Sequence[float], confidence: float = 0.95) -> Share:
    """Give Wilson's interval of a mean of values between 0 and 1, each the share of one row's repeats that passed.

    A row counts once, whatever its repeats; as a mean of repeats varies no more than one throw, the interval covers at
    least what it promises.
    """
    whole = math.fsum(weights)
    if whole == 0:
        return Share(0.0, 0.0, Interval(0.0, 1.0))
    n = whole**2 / math.fsum(weight**2 for weight in weights)
    hits = min(n, n * math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / whole)
    return Share(hits, n, wilson(hits, n, confidence))


class Case(NamedTuple):
    """One row: what it asks, the share of its repeats that passed, and its weight."""

    prompt: str
    value: float
    weight: float


def share_of_cases(cases: Iterable[Case], confidence: float = 0.95) -> Share:
    """Give the weighted share of cases; those that ask the same count as one, as they are not independent."""
    prompts: dict[str, list[Case]] = {}
    for one in cases:
        prompts.setdefault(one.prompt, []).append(one)
    values = [sum(one.value for one in same) / len(same) for same in prompts.values()]
    weights = [sum(one.weight for one in same) / len(same) for same in prompts.values()]
    return weighted_share(values, weights, confidence)


def exact(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """Give the two-sided interval of Clopper and Pearson: it never covers less than it promises."""
    tail = (1 - confidence) / 2
    return Interval(exact_lower(hits, n, 1 - tail), exact_upper(hits, n, 1 - tail))


def exact_lower(hits: int, n: int, confidence: float = 0.95) -> float:
    """Give the one-sided lower bound: the rate at which `hits` or more would be as rare as 1 - `confidence`."""
    _counts(hits, n)
    if hits == 0:
        return 0.0
    return _crossing(lambda rate: _at_least(hits, n, rate), 1 - confidence)


def exact_upper(hits: int, n: int, confidence: float = 0.95) -> float:
    """Give the one-sided upper bound: the rate at which `hits` or fewer would be as rare as 1 - `confidence`."""
    _counts(hits, n)
    if hits == n:
        return 1.0
    return _crossing(lambda rate: _at_least(hits + 1, n, rate), confidence)


def upper_bound_at_zero(n: int, confidence: float = 0.95) -> float:
    """Give the rate that `n` tries without a hit rule out."""
    return 1.0 if n == 0 else -math.expm1(math.log1p(-confidence) / n)


def sprt(hits: int, n: int, p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> Settled:
    """Judge a rate while it is being measured, by Wald's sequential test of `p0` (fine) against `p1` (too high)."""
    _counts(hits, n)
    evidence = _evidence(hits, n, p0, p1)
    if evidence >= math.log((1 - beta) / alpha):
        return "vulnerable"
    return "safe" if evidence <= math.log(beta / (1 - alpha)) else "open"


def tries_to_settle(hits: int, n: int, p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> int:
    """Give how many more tries without a hit would settle the sequential test as safe."""
    _counts(hits, n)
    missing = _evidence(hits, n, p0, p1) - math.log(beta / (1 - alpha))
    more = max(0, math.ceil(missing / -_clean(p0, p1)))
    # The division rounds; the test itself has the last word.
    while more and sprt(hits, n + more - 1, p0, p1, alpha, beta) == "safe":
        more -= 1
    while sprt(hits, n + more, p0, p1, alpha, beta) != "safe":
        more += 1
    return more


def tries_to_see(rate: float, confidence: float = 0.95) -> int:
    """Give how many tries show what happens at `rate` at least once, with `confidence`."""
    if not 0 < rate <= 1:
        raise ValueError("a rate above 0 and up to 1 is wanted")
    return 1 if rate == 1 else math.ceil(math.log1p(-confidence) / math.log1p(-rate) - 1e-12)


def _counts(hits: float, n: float) -> None:
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} tries cannot be")


def _evidence(hits: int, n: int, p0: float, p1: float) -> float:
    """Wald's log likelihood ratio of `p1` to `p0`."""
    if not 0 < p0 < p1 < 1:
        raise ValueError("0 < p0 < p1 < 1 is wanted")
    return hits * math.log(p1 / p0) + (n - hits) * _clean(p0, p1)


def _clean(p0: float, p1: float) -> float:
    return math.log1p(-p1) - math.log1p(-p0)


def _crossing(tail: Callable[[float], float], level: float) -> float:
    """Find where a tail that grows with the rate reaches `level`."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if tail(middle) < level else (low, middle)
    return (low + high) / 2


def _at_least(hits: int, n: int, rate: float) -> float:
    """The chance of `hits` or more in `n`: the regularised incomplete beta function I(rate; hits, n - hits + 1)."""
    if rate <= 0 or rate >= 1:
        return 0.0 if rate <= 0 else 1.0
    a, b = float(hits), float(n - hits + 1)
    if rate > (a + 1) / (a + b + 2):  # the fraction converges fast on this side only
        return 1 - _beta(b, a, 1 - rate)
    return _beta(a, b, rate)


def _beta(a: float, b: float, x: float) -> float:
    """The incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated after Lentz."""
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    tiny = 1e-300
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _apart(1 + term * d, tiny)
            c = _apart(1 + term / c, tiny)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction / a


def _apart(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
