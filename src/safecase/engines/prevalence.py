"""How often something is so, when who says so errs: a judge's sensitivity and specificity carried into the rate.

The estimate is that of Rogan and Gladen (American Journal of Epidemiology 107, 1978), its interval that of Lang and
Reiczigel (Preventive Veterinary Medicine 113, 2014), which also carries that both were only estimated from samples.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from safecase.engines.statistics import Interval, exact


class Share(NamedTuple):
    """So many of so many."""

    hits: int
    n: int

    @property
    def rate(self) -> float:
        """Give the share; 0 of none."""
        return self.hits / self.n if self.n else 0.0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Give its exact interval."""
        return exact(self.hits, self.n, confidence)


class Accuracy(NamedTuple):
    """How a judge did on labelled examples."""

    sensitivity: Share
    """Of those that are so, how many it said are."""
    specificity: Share
    """Of those that are not, how many it said are not."""

    @property
    def informs(self) -> bool:
        """Say whether it tells more than chance does: otherwise nothing can be corrected."""
        return bool(self.sensitivity.n and self.specificity.n) and self.sensitivity.rate + self.specificity.rate > 1


class Corrected(NamedTuple):
    """A rate after the judge's errors were taken out."""

    rate: float
    interval: Interval


def corrected(said: Share, judge: Accuracy, confidence: float = 0.95) -> Corrected | None:
    """Correct the share that a judge said; None where the judge tells no more than chance does."""
    if not judge.informs or not said.n:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    youden = judge.sensitivity.rate + judge.specificity.rate - 1
    rate = _within((said.rate + judge.specificity.rate - 1) / youden)
    # Small counts are drawn to the middle before the spread is taken, as Agresti and Coull do it for one rate.
    n, n_sensitivity, n_specificity = said.n + z * z, judge.sensitivity.n + 2, judge.specificity.n + 2
    p = (said.hits + z * z / 2) / n
    sensitivity = (judge.sensitivity.hits + 1) / n_sensitivity
    specificity = (judge.specificity.hits + 1) / n_specificity
    youden = sensitivity + specificity - 1
    if youden <= 0:
        return Corrected(rate, Interval(0.0, 1.0))
    middle = (p + specificity - 1) / youden
    spread_sensitivity = sensitivity * (1 - sensitivity) / n_sensitivity
    spread_specificity = specificity * (1 - specificity) / n_specificity
    variance = p * (1 - p) / n + middle**2 * spread_sensitivity + (1 - middle) ** 2 * spread_specificity
    half = z * math.sqrt(variance) / youden
    shift = 2 * z * z * (middle * spread_sensitivity - (1 - middle) * spread_specificity)
    return Corrected(rate, Interval(_within(middle + shift - half), _within(middle + shift + half)))


def _within(rate: float) -> float:
    return min(1.0, max(0.0, rate))
