"""What draws say: mean, spread, quantiles and chances of more, each with the error that the number of draws leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from safecase.engines.simulation.distributions import Draws
from safecase.vocabulary import Noun

QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


class Summary(Noun, frozen=True):
    """Numbers of a sample; keys of quantiles and thresholds are texts, as JSON has them."""

    mean: float
    sd: float
    p_zero: float
    p_positive: float
    q: dict[str, float]
    exceed: dict[str, float]
    """The chance that a year costs more."""
    standard_error: float
    """Of the mean."""
    q_error: dict[str, float]
    exceed_error: dict[str, float]
    draws: int


def summary(draws: Draws, *, quantiles: Iterable[float] = (), thresholds: Iterable[float] = ()) -> Summary:
    """Sum up; without thresholds they are 1, 2 and 5 times the powers of ten that the draws reach."""
    import numpy as np

    n = len(draws)
    ordered = np.sort(draws)
    mean = float(draws.mean())
    sd = float(draws.std(ddof=1)) if n > 1 else 0.0
    wanted = tuple(dict.fromkeys((*QUANTILES, *quantiles)))
    limits = tuple(thresholds) or tuple(_round(float(ordered[0]), float(ordered[-1])))
    q, q_error = {}, {}
    for p in sorted(wanted):
        q[f"{p:g}"] = float(ordered[_at(p, n)])
        spread = math.sqrt(n * p * (1 - p))
        high, low = ordered[_at(p, n, spread)], ordered[_at(p, n, -spread)]
        q_error[f"{p:g}"] = float(high - low) / 2
    exceed = {_number(x): 1 - float(np.searchsorted(ordered, x, side="right")) / n for x in limits}
    return Summary(
        mean=mean,
        sd=sd,
        p_zero=float((draws == 0).mean()),
        p_positive=float((draws > 0).mean()),
        q=q,
        exceed=exceed,
        standard_error=sd / math.sqrt(n),
        q_error=q_error,
        exceed_error={x: math.sqrt(p * (1 - p) / n) for x, p in exceed.items()},
        draws=n,
    )


def _at(p: float, n: int, more: float = 0.0) -> int:
    """Give the index of a quantile: the smallest draw that as many do not exceed."""
    return min(max(math.ceil(n * p + more) - 1, 0), n - 1)


def _round(low: float, high: float) -> Iterable[float]:
    """Give 1, 2, 5, 10 … up to the greatest draw, beginning some decades below it."""
    if high <= 0:
        return
    top = math.ceil(math.log10(high))
    bottom = max(math.floor(math.log10(low)) if low > 0 else top - 7, top - 7)
    for power in range(bottom, top + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if value <= high:
                yield value


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
