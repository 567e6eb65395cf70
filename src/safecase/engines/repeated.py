"""What tries say that repeat the same words, that were stopped when they were clear, or that will be made again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from safecase.engines.statistics import Interval, wilson


class Clustered(NamedTuple):
    """A rate whose tries come in clusters, each of the same words."""

    clusters: int
    design_effect: float
    """So many times as many tries are needed as if they were independent of each other; at least 1."""
    interval: Interval


def clustered(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> Clustered:
    """Give Wilson's interval of a rate from the hits and tries of each cluster, with as many tries as they are worth.

    The design effect is the variance of the ratio between clusters over that of independent tries (Kish 1965). Fewer
    than two clusters do not tell it, nor do tries of which none or all work: then nothing is corrected. Few clusters
    tell their variance badly, so the interval is as wide as Student's t is. Where tries of a cluster are much alike and
    there are ten clusters or fewer, it still holds less often than it says.
    """
    counts = [(hits, n) for hits, n in counts if n]
    hits, n, m = sum(one for one, _ in counts), sum(one for _, one in counts), len(counts)
    rate = hits / n if n else 0.0
    effect = 1.0
    if m > 1 and 0 < rate < 1:
        between = math.fsum((one - rate * tries) ** 2 for one, tries in counts) * m / (m - 1)
        effect = max(1.0, between / (n * rate * (1 - rate)))
    if effect > 1:
        confidence = _as_student(confidence, m - 1)
    return Clustered(m, effect, wilson(hits / effect, n / effect, confidence))


def _as_student(confidence: float, freedom: int) -> float:
    """Give the confidence at which a normal interval is as wide as Student's (Cornish and Fisher 1937)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return 2 * NormalDist().cdf(t) - 1


def hit_at(rate: float, k: int) -> float:
    """Give the chance that at least one of `k` independent tries works, where each does at this rate."""
    return 1.0 if rate >= 1 else -math.expm1(k * math.log1p(-rate))


def p_when_stopped(hits: int, n: int, fine: float, too_high: float) -> float:
    """Give a p of `the rate is fine` that holds whenever tries were stopped: the inverse likelihood ratio (Ville)."""
    clean = math.log1p(-too_high) - math.log1p(-fine)
    return math.exp(min(0.0, -(hits * math.log(too_high / fine) + (n - hits) * clean)))
