"""How fast years are drawn: ten scenarios, a million years each, beside numpy's own drawing and pyfair.

    python bench/risk.py [--pyfair /path/to/python-with-pyfair] [--draws 1000000]

One process on one core. numpy's row draws the same numbers (rates, counts, sizes of every event, claims) and adds the
events of each year up by hand, as short as that can be written; pyfair's row is one scenario times ten: a yearly rate
times one loss, and so wrong for rare events, but the same inputs.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import time
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from safecase.engines.simulation.model import read_scenarios
from safecase.engines.simulation.portfolio import read_dependence, simulate_all

RATES = (0.1, 0.2, 0.5, 1.0, 2.0, 0.05, 0.3, 1.5, 0.8, 3.0)

PYFAIR = """
import time, numpy as np
from pyfair import FairModel
t = time.perf_counter()
for n, rate in enumerate({rates}):
    m = FairModel(name=str(n), n_simulations={draws})
    m.input_data("Loss Event Frequency", low=rate / 2, mode=rate, high=rate * 2)
    m.input_data("Loss Magnitude", low=1000, mode=20000, high=400000)
    m.calculate_all()
print(time.perf_counter() - t)
m = FairModel(name="rare", n_simulations=100000)
m.input_data("Loss Event Frequency", mean=0.1, stdev=0)
m.input_data("Loss Magnitude", mean=1e6, stdev=0)
m.calculate_all()
print((m.export_results()["Risk"] > 0).mean())
"""


def ours(draws: int) -> None:
    rows = [
        {
            "id": f"s{n}",
            "lef": {"poisson": {"pert": [rate / 2, rate, rate * 2]}},
            "lm": {"lognormal90": [1000, 400000]},
            "secondary": {"probability": 0.2, "lm": {"exponential": {"mean": 20000}}},
        }
        for n, rate in enumerate(RATES)
    ]
    scenarios = read_scenarios(rows, ())
    simulate_all(scenarios, read_dependence("independent", len(scenarios), ()), draws, 7)


def by_hand(draws: int) -> None:
    rng = np.random.default_rng(7)
    for rate in RATES:
        rates = rate / 2 + 1.5 * rate * rng.beta(1 + 4 / 3, 1 + 8 / 3, draws)
        counts = rng.poisson(rates)
        total = int(counts.sum())
        losses = rng.lognormal(9.9, 1.8, total)
        losses += np.where(rng.random(total) < 0.2, rng.exponential(20000, total), 0.0)
        np.bincount(np.repeat(np.arange(draws), counts), weights=losses, minlength=draws)


def timed(work: Any, draws: int) -> float:
    work(draws // 100)
    found = []
    for _ in range(3):
        start = time.process_time()
        work(draws)
        found.append(time.process_time() - start)
    return statistics.median(found)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pyfair", type=Path)
    asked.add_argument("--draws", type=int, default=1_000_000)
    said = asked.parse_args()
    print(f"{date.today()}, Python {platform.python_version()}, numpy {np.__version__}, CPU seconds, median of 3")
    print(f"\n| ten scenarios, {said.draws:,} years each | s | a year without loss, for 1,000,000 every ten years |")
    print("|---|---|---|")
    start = timed(ours, said.draws)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rare = read_scenarios([{"id": "rare", "lef": {"poisson": 0.1}, "lm": 1e6}], ())
    years = simulate_all(rare, read_dependence("independent", 1, ()), 100_000, 7)[0]
    print(f"| safecase ({peak:.0f} MiB) | {start:.2f} | {float((years.before == 0).mean()):.3f} (truth 0.905) |")
    print(f"| numpy by hand | {timed(by_hand, said.draws):.2f} | |")
    if said.pyfair:
        code = PYFAIR.format(rates=RATES, draws=said.draws)
        told = subprocess.run([said.pyfair, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        print(f"| pyfair | {float(told[0]):.2f} | {1 - float(told[1]):.3f} |")


if __name__ == "__main__":
    main()
