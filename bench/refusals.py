"""How well refusals are told from all else: precision and recall on the labelled replies: `python bench/refusals.py`.

Odd lines of the language files were looked at while the rules were written; even ones were not, but were written in one
go with them. Each of the three later files was written after the rules, in other words, and scored once; then the rules
were widened. That first time precision was 77, 100 and 81 %, recall 44, 38 and 72 %: what a stranger's wording gets.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from safecase.detectors.refusals import Reading, read
from safecase.engines.statistics import exact

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "measures" / "refusal_replies"


class Labelled(NamedTuple):
    """A reply, and how a person reads it."""

    part: str
    language: str
    label: str
    text: str


def labelled() -> Iterator[Labelled]:
    """Give all labelled replies."""
    for file in sorted(FOLDER.glob("*.tsv")):
        for number, line in enumerate(file.read_text("utf-8").split("\n"), 1):
            if line:
                label, _, text = line.partition("\t")
                part = file.stem if file.stem.startswith("later") else "seen" if number % 2 else "held out"
                yield Labelled(part, file.stem, label, text.replace("\\n", "\n"))


def share(hits: int, n: int) -> str:
    """Write a share with its exact interval."""
    low, high = exact(hits, n) if n else (0.0, 1.0)
    return f"{hits} of {n} ({100 * hits / max(n, 1):.1f} %; 95 %: {100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    """Print precision and recall of each part, and with `-v` what was read wrongly."""
    rows = [(one, read(one.text)) for one in labelled()]
    for part in ("seen", "held out", "later-1", "later-2", "later-3"):
        mine = [(one.label, got) for one, got in rows if one.part == part]
        counts: Counter[tuple[bool, bool]] = Counter((label == "refused", got == "refused") for label, got in mine)
        hits = counts[True, True]
        print(f"{part}: {len(mine)} replies")
        print(f"  precision {share(hits, hits + counts[False, True])}")
        print(f"  recall    {share(hits, hits + counts[True, False])}")
        print(f"  read as labelled, all six {share(sum(label == got for label, got in mine), len(mine))}")
    if "-v" in sys.argv:
        for one, got in rows:
            known: tuple[str, Reading] = (one.label, got)
            if known[0] != known[1]:
                print(f"{one.part}, {one.language}: {one.label} read as {got}: {one.text[:120]!r}")


if __name__ == "__main__":
    main()
