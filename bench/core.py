"""Tailoring and judging in process, and a second `assess` of an unchanged service as a whole process.

usage: python bench/core.py [SERVICE]     SERVICE is a folder with a safecase.yaml (default: this repository)
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from safecase.assess.assessment import Prepared, Wishes, conclude, prepare
from safecase.assess.judge import Seen, judge
from safecase.assess.tailor import tailor
from safecase.service.read import find, read

SAFECASE = str(Path(sysconfig.get_path("scripts")) / "safecase")
ROUNDS = 200


def milliseconds(call: Callable[[], object]) -> float:
    """Give the median milliseconds of a call."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def judged(prepared: Prepared, seen: dict[str, Seen]) -> object:
    """Judge what was prepared."""
    return judge(prepared.decisions, prepared.facing, prepared.catalogue.controls, seen, prepared.known.now)


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    service = read(find(folder))
    prepared = prepare(service, Wishes())
    controls = prepared.catalogue.controls
    seen = {
        d.control: Seen([s for s in prepared.plan.standings if s.check in controls[d.control].checks], (), None, ())
        for d in prepared.decisions
    }
    print(f"{len(controls)} controls, {len(prepared.plan.standings)} pieces of evidence, {len(prepared.facts)} facts")
    print(f"{'tailor':<40} {milliseconds(lambda: tailor(prepared.facts, prepared.catalogue)):>9.3f} ms")
    print(f"{'judge':<40} {milliseconds(lambda: judged(prepared, seen)):>9.3f} ms")
    print(f"{'read safecase.yaml':<40} {milliseconds(lambda: read(service.path)):>9.3f} ms")
    started = time.perf_counter()
    conclude(prepare(service, Wishes()))
    print(f"{'prepare and conclude (warm process)':<40} {(time.perf_counter() - started) * 1000:>9.1f} ms")
    for name in ("first", "second"):
        started = time.perf_counter()
        process = subprocess.Popen([SAFECASE, "assess", str(folder), "--offline"], stdout=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
        print(f"{name + ' assess, whole process':<40} {wall * 1000:>9.0f} ms wall, {cpu * 1000:.0f} ms CPU")


if __name__ == "__main__":
    main()
