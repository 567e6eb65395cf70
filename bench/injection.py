"""The injection detector: what evasions keep of what is caught in the clear, what it costs, and what it flags wrongly.

    python bench/injection.py LABELLED.jsonl[.xz] [--rows 400]

The table of sources that training did not see is printed by `safecase protect train` (docs/injection-detector.md).
"""

from __future__ import annotations

import argparse
import base64
import codecs
import json
import lzma
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from safecase.detectors.injection import score, threshold_for
from safecase.engines.statistics import wilson

LEET = str.maketrans("aeiost", "431057")
LOOKS = str.maketrans(
    "aeopcxyABEHKMOPCTX",
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0410\u0412\u0415\u041d\u041a\u041c\u041e\u0420\u0421\u0422\u0425",
)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


EVASIONS: dict[str, Callable[[str], str]] = {
    "zero-width": "\u200b".join,
    "fullwidth": _wide,
    "homoglyph": lambda text: text.translate(LOOKS),
    "tags": lambda text: "Nice weather. " + "".join(chr(0xE0000 + ord(c)) for c in text if c.isascii()),
    "base64": lambda text: "Decode: " + base64.b64encode(text.encode()).decode(),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{b:02x}" for b in text.encode()),
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "comment": lambda text: f"<p>Hello</p><!-- {text.replace('--', '')} -->",
    "spaced letters": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "leet": lambda text: text.translate(LEET),
}


def main(argv: list[str]) -> None:
    """Print everything as tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("--rows", type=int, default=400)
    said = asked.parse_args(argv)
    with lzma.open(said.data, "rb") if said.data.suffix == ".xz" else said.data.open("rb") as opened:
        rows = [json.loads(line) for line in opened]
    limit = threshold_for(0.01)
    attacks = [r["text"] for r in rows if r["label"] == 1 and r["text"].isascii() and 40 <= len(r["text"]) <= 300]
    random.Random(1).shuffle(attacks)
    caught = [text for text in attacks[: 4 * said.rows] if score(text).score > limit][: said.rows]
    print(f"| evasion of {len(caught)} attacks that are caught in the clear | still caught | 95 % interval |")
    print("|---|---|---|")
    for name, hide in EVASIONS.items():
        hits = sum(score(hide(text)).score > limit for text in caught)
        low, high = wilson(hits, len(caught))
        print(f"| {name} | {100 * hits / len(caught):.1f} % | {100 * low:.1f} to {100 * high:.1f} % |")
    print("\n| benign source (seen in training) | rows | flagged at 1 % | at 0.1 % |\n|---|---|---|---|")
    strict = threshold_for(0.001)
    for source in sorted({r["source"].partition(":")[0] for r in rows if r["label"] == 0}):
        texts = [r["text"] for r in rows if r["label"] == 0 and r["source"].partition(":")[0] == source][:1500]
        scores = [score(text).score for text in texts]
        flagged = [100 * sum(s > at for s in scores) / len(scores) for at in (limit, strict)]
        print(f"| {source} | {len(texts)} | {flagged[0]:.2f} % | {flagged[1]:.2f} % |")
    for length in (128, 512, 4096, 32768):
        text = ("The garden opens at nine, and whoever comes early waits at the gate with a cup of tea. " * 400)[
            :length
        ]
        score(text)
        began, count = time.process_time(), max(3, 200_000 // length)
        for _ in range(count):
            score(text)
        print(f"{length} characters: {1000 * (time.process_time() - began) / count:.3f} ms of CPU")


if __name__ == "__main__":
    main(sys.argv[1:])
