"""CPU and wall time of whole `safecase` processes, with any peers given: python bench/startup.py [--runs N] [PEER ...]

Each PEER is a command in quotes ("pip-audit --help"). Runs are taken in turn, so that a machine whose speed drifts
treats all alike; medians are printed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

SAFECASE = str(Path(sysconfig.get_path("scripts")) / "safecase")
OURS = [
    [sys.executable, "-c", "pass"],
    [SAFECASE, "--version"],
    [SAFECASE, "--help"],
    [SAFECASE, "explain", "SC-04"],
    [SAFECASE, "explain", "deployment.hosting"],
]


def once(command: list[str]) -> tuple[float, float, float]:
    """Give user+system seconds, wall seconds and peak MiB of one run."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("peers", nargs="*")
    options = parser.parse_args()
    commands = OURS + [shlex.split(peer) for peer in options.peers]
    taken: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(options.runs + 1):
        for command in commands:
            taken.setdefault(" ".join(Path(part).name for part in command), []).append(once(command))
    print(f"{'command':<36} {'CPU ms':>8} {'wall ms':>8} {'MiB':>6}   (median of {options.runs}, first run left out)")
    for name, runs in taken.items():
        cpu, wall, memory = (statistics.median(values) for values in zip(*runs[1:], strict=True))
        print(f"{name:<36} {cpu * 1000:>8.0f} {wall * 1000:>8.0f} {memory:>6.0f}")


if __name__ == "__main__":
    main()
