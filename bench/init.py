"""Time `safecase init` on a made repository of 1,000 files: python bench/init.py [--files N] [--runs N]

One file in ten uses AI, the others are ordinary code, settings and pages; the median of whole processes is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ORDINARY = '''
import json
import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass
class Row{n}:
    """One row of report {n}: a model of the customer's order, not of a language."""

    name: str
    amount: int = {n}

    def total(self, rate: float) -> float:
        # openness of the books: every rate is checked
        if rate < 0:
            raise ValueError("rate")
        return self.amount * rate

    def told(self) -> str:
        return json.dumps({{"name": self.name, "amount": self.amount}})
'''
ASKING = """
import os

from openai import OpenAI

client = OpenAI(api_key=os.environ["OPENAI_API_KEY"])


def answer{n}(question: str) -> str:
    made = client.chat.completions.create(model="gpt-4o", messages=[{{"role": "user", "content": question}}])
    return made.choices[0].message.content
"""
PAGE = 'import React from "react";\nimport {{ thing{n} }} from "./thing";\nexport const Page{n} = () => <p>Page</p>;\n'
SETTING = "name: part-{n}\nvalues:\n  - a\n  - b\nreplicas: {n}\n"


def make(root: Path, files: int) -> None:
    """Write the repository."""
    (root / "pyproject.toml").write_text('[project]\nname = "made"\ndependencies = ["openai"]\n')
    for n in range(files - 1):
        folder = root / f"part{n % 25}"
        folder.mkdir(exist_ok=True)
        if n % 10 == 0:
            (folder / f"asks{n}.py").write_text(ASKING.format(n=n) + ORDINARY.format(n=n) * 6)
        elif n % 10 < 7:
            (folder / f"rows{n}.py").write_text(ORDINARY.format(n=n) * 12)
        elif n % 10 < 9:
            (folder / f"page{n}.tsx").write_text(PAGE.format(n=n) * 20)
        else:
            (folder / f"values{n}.yaml").write_text(SETTING.format(n=n))


def main() -> None:
    """Print the median."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    # The verb as a process of its own, whether or not it stands in the table of verbs already.
    code = "from safecase.cli.init import init; init(['--yes', '-o', '-', '.'])"
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), options.files)
        size = sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())
        wall, cpu = [], []
        for _ in range(options.runs + 1):
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            assert status == 0
            wall.append(time.perf_counter() - started)
            cpu.append(usage.ru_utime + usage.ru_stime)
        print(f"{options.files} files, {size / 1e6:.1f} MB: wall {statistics.median(wall[1:]):.2f} s, ", end="")
        print(f"CPU {statistics.median(cpu[1:]):.2f} s (median of {options.runs}, the first left out)")


if __name__ == "__main__":
    main()
