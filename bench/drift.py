"""How often `safecase testing drift` cries wolf, and how small a shift it sees: `python bench/drift.py [ROUNDS]`.

Stationary calls are drawn for both windows, compared, and alarms counted; then the second window is shifted.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from safecase.engines.drift import agreement
from safecase.engines.statistics import exact
from safecase.measures.testing.drift.comparing import compare
from safecase.measures.testing.drift.samples import Sample, Window

WORDS = """
we open the garden at nine and close it at five roses lilies please ask staff ticket price euro dog tea
""".split()  # noqa: SIM905  readable
SIZES = (60, 300, 2000)
Drawn = Callable[[random.Random], Sample]


def call(rng: random.Random, *, slow: float = 1.0, refused: float = 0.03, short: float = 1.0, word: str = "") -> Sample:
    """Draw a call of a service that stays as it is, but for what is said otherwise."""
    length = max(3, round(rng.lognormvariate(2.5, 0.6) * short))
    text = " ".join(word if word and rng.random() < 0.1 else rng.choice(WORDS) for _ in range(length))
    reading = "refused" if rng.random() < refused else rng.choice(["answered"] * 12 + ["declined"])
    return Sample(
        numbers={
            "milliseconds": round(rng.lognormvariate(6, 0.5) * slow, 2),
            "tokens in": float(rng.randint(5, 80)),
            "tokens out": float(length),
            "characters": float(len(text)),
        },
        words={
            "model": "m-1",
            "status": "429" if rng.random() < 0.02 else "200",
            "finish reason": "length" if rng.random() < 0.05 else "stop",
            "reads as": reading,
            "tools": rng.choice(["", "", "", "look_up", "send_mail, look_up"]),
            "guard injection.in": "block" if rng.random() < 0.01 else "pass",
        },
        text=text,
    )


def alarms(rounds: int, size: int, now: Drawn, seed: int) -> int:
    """Count in how many of so many comparisons something is said to have drifted."""
    found = 0
    for number in range(rounds):
        rng = random.Random(f"{seed}:{size}:{number}")
        before, after = Window(number), Window(number)
        for _ in range(size):
            before.add(call(rng))
            after.add(now(rng))
        found += compare(before, after, seed=number).verdict == "drifted"
    return found


def baseline_alarms(rounds: int, changed: float) -> int:
    """Count alarms of 10 questions with 3 answers each, of a model that answers one of three ways, or newly."""
    found = 0
    for number in range(rounds):
        rng = random.Random(number)
        pairs = []
        for question in range(10):
            ways = [" ".join(rng.choices(WORDS, k=12)) for _ in range(3)]
            other = [" ".join(rng.choices(WORDS, k=12)) for _ in range(3)]
            new = other if question < 10 * changed else ways
            pairs.append((rng.choices(ways, (8, 1, 1), k=3), rng.choices(new, (8, 1, 1), k=3)))
        found += agreement(pairs, rng=rng, rounds=499).p < 0.05
    return found


def told(name: str, hits: int, rounds: int) -> None:
    """Print a rate with its interval."""
    low, high = exact(hits, rounds)
    print(f"{name:<44}{hits:>5} of {rounds} ({100 * hits / rounds:5.1f} %; 95 %: {100 * low:.1f} to {100 * high:.1f})")


def main() -> None:
    """Print false alarms, then what shifts are seen."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for size in SIZES:
        told(f"stationary, {size} calls a window", alarms(rounds, size, call, 1), rounds)
    shifts: dict[str, Drawn] = {
        "latency x 1.5": lambda rng: call(rng, slow=1.5),
        "latency x 1.15": lambda rng: call(rng, slow=1.15),
        "refused 3 -> 10 %": lambda rng: call(rng, refused=0.1),
        "answers a third shorter": lambda rng: call(rng, short=0.67),
        "a tenth of the words is a new one": lambda rng: call(rng, word="zeppelin"),
    }
    few = max(1, rounds // 10)
    for name, now in shifts.items():
        for size in (300, 2000):
            told(f"{name}, {size} calls", alarms(few, size, now, 2), few)
    told("baseline, the same model", baseline_alarms(rounds, 0.0), rounds)
    told("baseline, 2 of 10 answers new", baseline_alarms(rounds, 0.2), rounds)
    told("baseline, 5 of 10 answers new", baseline_alarms(rounds, 0.5), rounds)


if __name__ == "__main__":
    main()
