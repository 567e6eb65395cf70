"""How often the corrected interval holds the true rate: `python bench/judge.py [ROUNDS]`, a row for each judge.

Columns: true rates, each with 50 and 300 replies. A judge that came out as chance has no interval, and is left out.
"""

from __future__ import annotations

import random
import sys

from safecase.engines.prevalence import Accuracy, Share, corrected

JUDGES = ((0.9, 0.9), (0.8, 0.95), (0.95, 0.7), (0.7, 0.7), (0.99, 0.99), (1.0, 1.0), (0.6, 0.6))
RATES = (0.0, 0.01, 0.05, 0.2, 0.5, 0.9, 1.0)


def drawn(rng: random.Random, n: int, rate: float) -> Share:
    """Draw so many tries."""
    return Share(sum(rng.random() < rate for _ in range(n)), n)


def coverage(rng: random.Random, judge: tuple[float, float], labelled: int, true: float, n: int, rounds: int) -> float:
    """Give how often the interval holds the true rate."""
    sensitivity, specificity = judge
    covered = counted = 0
    for _ in range(rounds):
        measured = Accuracy(drawn(rng, labelled, sensitivity), drawn(rng, labelled, specificity))
        said = drawn(rng, n, true * sensitivity + (1 - true) * (1 - specificity))
        if (found := corrected(said, measured)) is not None:
            counted += 1
            covered += found.interval.low - 1e-12 <= true <= found.interval.high + 1e-12
    return covered / max(counted, 1)


def main() -> None:
    """Print the table, and what is worst in it."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 800
    rng, cells = random.Random(1), []
    for judge in JUDGES:
        for labelled in (30, 100):
            row = [coverage(rng, judge, labelled, true, n, rounds) for true in RATES for n in (50, 300)]
            cells += row
            print(f"{judge[0]:4} {judge[1]:4} {labelled:4}", *(f"{one:.3f}" for one in row))
    print(f"{len(cells)} cells, worst {min(cells):.3f}, below .94: {sum(one < 0.94 for one in cells)}")


if __name__ == "__main__":
    main()
