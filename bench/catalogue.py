"""A thousand services tailored and judged by the whole catalogue, in one process on one core; and how fast it is read.

usage: python bench/catalogue.py [SERVICES]

The services are made up from a seed: every key that holds a word, a truth or a number is said in three of four, so that
some rows apply, some do not, and some are questions. Each is judged as on a first day: nobody looked yet.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from safecase.assess.judge import Seen, judge
from safecase.assess.plan import Standing
from safecase.assess.tailor import Tailoring
from safecase.catalogue.read import COMPILED, catalogue, compile_, shipped_folder
from safecase.service.facts import facts_by_key
from safecase.service.keys import all_keys, key_page
from safecase.vocabulary import Fact

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROUNDS = 5


def service(seed: int) -> Mapping[str, Fact]:
    """Make up the facts of a service."""
    dice = random.Random(seed)
    declared = []
    for key in all_keys():
        page = key_page(key)
        if page is None or page.children or dice.random() < 0.25:
            continue
        values: tuple[object, ...] = page.allowed or (
            (True, False) if page.type == "true or false" else (0, 1, 3, 1000)
        )
        declared.append(Fact(key=key.replace("[]", ".0"), value=dice.choice(values)))
    return facts_by_key(declared)


def judged(facts: Mapping[str, Fact], seen: Mapping[str, Seen]) -> tuple[int, int]:
    """Tailor and judge one service; gives how many controls and threats apply."""
    rows = catalogue()
    tailoring = Tailoring(facts, rows)
    decisions = tailoring.controls()
    judgement = judge(decisions, tailoring.threats(), rows.controls, seen, NOW)
    return sum(d.applies for d in decisions), len(judgement.threats)


def main() -> None:
    """Print the table."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rows = catalogue()
    missing = {
        name: Seen([Standing(check=c, subject="service", state="missing") for c in row.checks], (), None, ())
        for name, row in rows.controls.items()
    }
    services = [service(seed) for seed in range(many)]
    counted = [judged(facts, missing) for facts in services]
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for facts in services:
            judged(facts, missing)
        taken.append(time.process_time() - started)
    controls, threats = (statistics.median(kind) for kind in zip(*counted, strict=True))
    print(
        f"{many} services, {len(rows.controls)} controls, {len(rows.threats)} threats, {len(rows.facts)} derived facts"
    )
    print(f"{'apply, or might, in the median':<44} {controls:>6.0f} controls, {threats:.0f} threats")
    print(f"{'tailored and judged, least of ' + str(ROUNDS):<44} {min(taken):>6.2f} s CPU")
    print(f"{'                     median':<44} {statistics.median(taken):>6.2f} s CPU")
    started = time.process_time()
    compile_(shipped_folder())
    print(f"{'catalogue read from YAML':<44} {1000 * (time.process_time() - started):>6.1f} ms CPU")
    catalogue.cache_clear()
    started = time.process_time()
    catalogue()
    print(f"{'catalogue read from ' + COMPILED:<44} {1000 * (time.process_time() - started):>6.1f} ms CPU")


if __name__ == "__main__":
    main()
