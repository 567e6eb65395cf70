"""Whether two samples are of one kind: how far apart they are, and how often chance alone would part them so.

Effects: population stability index (PSI), the largest distance of two distribution functions (Kolmogorov and Smirnov),
the distance of mean texts. Chances: Kolmogorov's distribution, chi-square, permutation. Several questions asked at once
are settled together by Holm (Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

import bisect
import math
import random
import zlib
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations
from operator import itemgetter
from typing import Final, NamedTuple

BINS: Final = 10
FEWEST_EXPECTED: Final = 5.0
"""Of each kind in each sample; rarer ones are put together, or chi-square would not hold."""
DIMENSIONS: Final = 128
GRAM: Final = 3
MOST_GRAMS: Final = 4_000
_TERMS: Final = 200


class Apart(NamedTuple):
    """How far two samples are apart."""

    effect: float
    p: float
    """How often chance alone parts two samples of one kind as far, or further."""


def psi(reference: Sequence[float], current: Sequence[float]) -> float:
    """Give the population stability index of two rows of counts: half a count is added to each, so that none is 0."""
    total_reference = sum(reference) + len(reference) / 2
    total_current = sum(current) + len(current) / 2
    found = 0.0
    for one, other in zip(reference, current, strict=True):
        p, q = (one + 0.5) / total_reference, (other + 0.5) / total_current
        found += (q - p) * math.log(q / p)
    return found


def binned(reference: Sequence[float], current: Sequence[float]) -> tuple[list[int], list[int]]:
    """Count numbers between the tenths of the reference; equal tenths are one."""
    ordered = sorted(reference)
    edges = sorted({ordered[len(ordered) * step // BINS] for step in range(1, BINS)})
    counted = []
    for numbers in (reference, current):
        counts = [0] * (len(edges) + 1)
        for number in numbers:
            counts[bisect.bisect_left(edges, number)] += 1
        counted.append(counts)
    return counted[0], counted[1]


def kolmogorov_smirnov(reference: Sequence[float], current: Sequence[float]) -> Apart:
    """Test whether numbers are of one distribution. Ties make the chance too large, never too small."""
    first, second = sorted(reference), sorted(current)
    n, m = len(first), len(second)
    gap = max(
        abs(bisect.bisect_right(first, number) / n - bisect.bisect_right(second, number) / m)
        for number in {*first, *second}
    )
    root = math.sqrt(n * m / (n + m))
    return Apart(gap, _kolmogorov((root + 0.12 + 0.11 / root) * gap))


def _kolmogorov(x: float) -> float:
    """The tail of Kolmogorov's distribution, with Stephens' correction of its argument for small samples."""
    if x < 0.2:
        return 1.0
    terms = ((1.0 if k % 2 else -1.0) * math.exp(-2 * k * k * x * x) for k in range(1, _TERMS))
    return min(1.0, max(0.0, 2 * sum(terms)))


def categorical(reference: Sequence[Hashable], current: Sequence[Hashable]) -> Apart:
    """Test whether words are of one distribution: PSI, and the chance by chi-square; rare kinds are put together."""
    first, second = Counter(reference), Counter(current)
    n, m = len(reference), len(current)
    smaller = min(n, m) / (n + m)
    # Largest first, so that what is put together does not depend on the order in which kinds were met.
    kinds = sorted({*first, *second}, key=lambda kind: (-(first[kind] + second[kind]), str(kind)))
    common = [kind for kind in kinds if (first[kind] + second[kind]) * smaller >= FEWEST_EXPECTED]
    rows = [(first[kind], second[kind]) for kind in common]
    rare = (n - sum(row[0] for row in rows), m - sum(row[1] for row in rows))
    if sum(rare):
        rows.append(rare)
    while len(rows) > 1 and sum(rows[-1]) * smaller < FEWEST_EXPECTED:
        last = rows.pop()
        rows[-1] = (rows[-1][0] + last[0], rows[-1][1] + last[1])
    effect = psi([row[0] for row in rows], [row[1] for row in rows])
    if len(rows) < 2:
        return Apart(effect, 1.0)
    square = 0.0
    for one, other in rows:
        for count, size in ((one, n), (other, m)):
            expected = (one + other) * size / (n + m)
            square += (count - expected) ** 2 / expected
    return Apart(effect, chi_square_tail(square, len(rows) - 1))


def chi_square_tail(square: float, freedom: int) -> float:
    """Give how often chi-square is at least so large: the upper regularised gamma function (DLMF 8.2.4)."""
    a, x = freedom / 2, square / 2
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for k in range(1, 10_000):
            term *= x / (a + k)
            total += term
            if term < total * 1e-15:
                break
        return max(0.0, 1 - front * total)
    b, d = x + 1 - a, 1 / (x + 1 - a)
    c, fraction = 1e300, d
    for k in range(1, 10_000):
        b += 2
        part = -k * (k - a)
        d = 1 / (part * d + b)
        c = b + part / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * fraction)


def hashed(text: str) -> tuple[float, ...]:
    """Give a text as a direction in a small space: its runs of three signs, hashed. It knows no meaning."""
    cut = f" {' '.join(text.casefold().split())} "[: MOST_GRAMS + GRAM - 1]
    vector = [0.0] * DIMENSIONS
    for at in range(len(cut) - GRAM + 1):
        number = zlib.crc32(cut[at : at + GRAM].encode("utf-8", "replace"))
        vector[number % DIMENSIONS] += 1 if number & 0x8000_0000 else -1
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return tuple(value / length for value in vector)


def vectors(
    reference: Sequence[Sequence[float]], current: Sequence[Sequence[float]], *, rng: random.Random, rounds: int = 999
) -> Apart:
    """Test whether vectors are of one distribution, by the squared distance of their means and by permutation."""
    columns = list(zip(*reference, *current, strict=True))
    n, m = len(reference), len(current)
    totals = [sum(column) for column in columns]

    def distance(chosen: Sequence[int]) -> float:
        pick = itemgetter(*chosen)
        found = 0.0
        for column, total in zip(columns, totals, strict=True):
            part = sum(pick(column)) if len(chosen) > 1 else pick(column)
            found += (part / n - (total - part) / m) ** 2
        return found

    seen = distance(range(n))
    everybody = range(n + m)
    as_far = sum(distance(rng.sample(everybody, n)) >= seen - 1e-12 for _ in range(rounds))
    return Apart(math.sqrt(seen), (as_far + 1) / (rounds + 1))


def agreement(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], *, rng: random.Random, rounds: int = 1999) -> Apart:
    """Test whether answers to the same questions, some before and some now, are of one kind.

    The effect is the distance between before and now, less that within each, averaged over the questions. Chance: which
    of a question's answers are of now is drawn anew, question by question. One answer each tells nothing by chance.
    """
    tables = [(_distances([*before, *now]), len(before), len(now)) for before, now in pairs]
    seen = sum(_apart(table, range(n), n + m) for table, n, m in tables)
    as_far = 0
    for _ in range(rounds):
        drawn = sum(_apart(table, rng.sample(range(n + m), n), n + m) for table, n, m in tables)
        as_far += drawn >= seen - 1e-12
    return Apart(max(0.0, seen / len(pairs)), (as_far + 1) / (rounds + 1))


def _distances(texts: Sequence[str]) -> list[list[float]]:
    grams = [_grams(text) for text in texts]
    return [[_unlike(one, other) for other in grams] for one in grams]


def _grams(text: str) -> frozenset[str]:
    plain = " ".join(text.casefold().split())[:MOST_GRAMS]
    return frozenset(plain[at : at + GRAM] for at in range(max(1, len(plain) - GRAM + 1)))


def _unlike(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's distance."""
    return 1 - len(one & other) / len(one | other)


def _apart(table: Sequence[Sequence[float]], chosen: Sequence[int], size: int) -> float:
    """The energy of two groups: twice the mean distance between them, less that within each."""
    others = [number for number in range(size) if number not in set(chosen)]
    between = sum(table[one][other] for one in chosen for other in others) / (len(chosen) * len(others))
    within = 0.0
    for group in (chosen, others):
        within += 2 * sum(table[one][other] for one, other in combinations(group, 2)) / len(group) ** 2
    return 2 * between - within


def holm(chances: Sequence[float]) -> tuple[float, ...]:
    """Adjust chances for being looked at together: each may be held against the level as if it were the only one."""
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    adjusted = [1.0] * len(chances)
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, chances[at] * (len(chances) - rank)))
        adjusted[at] = highest
    return tuple(adjusted)
