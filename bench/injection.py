"""The injection detector: how it judges sources that it never saw, what evasions keep, and what it costs.

    python bench/injection.py [--held-out scores.jsonl] [--data LABELLED.jsonl.xz] [--stage first]

`tools/train_detector.py` writes the scores of held-out texts; intervals are of 1,000 bootstrap samples, or Wilson's.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import json
import lzma
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from safecase.detectors.injection import Stages, stages
from safecase.engines.statistics import wilson

WRITTEN_BY_US = Path(__file__).parents[1] / "tests/detectors/injection_written_by_us.yaml"
ATTACKS = ("direct", "indirect")
SAMPLES = 1000
MADE_UP = "generated"
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


def held_out(rows: Sequence[dict[str, Any]]) -> None:
    """Print how both stages judge what they never saw: each group by its own benign texts, then all by all."""
    import numpy as np

    print("| left out | attacks | benign | stages | AUC | recall at 1 % | at 0.1 % |\n|---|---|---|---|---|---|---|")
    groups = sorted({row["group"] for row in rows})
    for name in (*groups, "all but generated"):
        part = [row for row in rows if row["group"] == name or (name not in groups and row["group"] != MADE_UP)]
        labels = np.array([row["label"] for row in part])
        first = np.array([row["first"] for row in part])
        both = first + np.array([row["second"] for row in part])
        for stage, scores in (("first", first), ("both", both)):
            told = " | ".join(_told(scores[labels == 1], scores[labels == 0]))
            print(f"| {name} | {(labels == 1).sum()} | {(labels == 0).sum()} | {stage} | {told} |")


def _told(attacks: Any, benign: Any) -> list[str]:
    import numpy as np

    chance = np.random.default_rng(1)
    drawn = [(attacks, benign)] + [
        (chance.choice(attacks, len(attacks)), chance.choice(benign, len(benign))) for _ in range(SAMPLES)
    ]
    found = np.array([_measured(np.sort(some), np.sort(others)) for some, others in drawn])
    low, high = np.quantile(found[1:], (0.025, 0.975), axis=0)
    return [f"{found[0, at]:.3f} ({low[at]:.2f} to {high[at]:.2f})" for at in range(3)]


def _measured(attacks: Any, benign: Any) -> tuple[float, float, float]:
    import numpy as np

    below, up_to = (np.searchsorted(benign, attacks, side=side).sum() for side in ("left", "right"))
    auc = (below + up_to) / 2 / len(attacks) / len(benign)
    ranks = [int(np.ceil((len(benign) + 1) * (1 - rate))) for rate in (0.01, 0.001)]
    limits = [benign[rank - 1] if rank <= len(benign) else np.inf for rank in ranks]
    return float(auc), float((attacks > limits[0]).mean()), float((attacks > limits[1]).mean())


def written_by_us(using: Stages) -> None:
    """Print how texts are judged that were written before any result, by kind and by language."""
    texts = yaml.safe_load(WRITTEN_BY_US.read_bytes())
    scores = {
        (language, kind): [using.score(text).score for text in some]
        for language, kinds in texts.items()
        for kind, some in kinds.items()
    }
    for name, at in (("kind", 1), ("language", 0)):
        print(f"\n| written by us: {name} | attack | texts | flagged at 1 % | at 5 % |\n|---|---|---|---|---|")
        for one in dict.fromkeys((key[at], key[1] in ATTACKS) for key in scores):
            found = [s for key, some in scores.items() if (key[at], key[1] in ATTACKS) == one for s in some]
            rates = " | ".join(_rate(s > using.threshold(rate) for s in found) for rate in (0.01, 0.05))
            print(f"| {one[0]} | {'yes' if one[1] else 'no'} | {len(found)} | {rates} |")


def _rate(flags: Iterable[bool]) -> str:
    found = list(flags)
    interval = wilson(sum(found), len(found))
    return f"{100 * sum(found) / len(found):.1f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def labelled(using: Stages, rows: Sequence[dict[str, Any]], most: int) -> None:
    """Print what evasions keep of attacks that are caught in the clear, and what is flagged of benign texts."""
    limit, strict = using.threshold(0.01), using.threshold(0.001)
    attacks = [r["text"] for r in rows if r["label"] == 1 and r["text"].isascii() and 40 <= len(r["text"]) <= 300]
    random.Random(1).shuffle(attacks)
    caught = [text for text in attacks[: 4 * most] if using.score(text).score > limit][:most]
    print(f"\n| evasion of {len(caught)} attacks that are caught in the clear | still caught |\n|---|---|")
    for name, hide in EVASIONS.items():
        print(f"| {name} | {_rate(using.score(hide(text)).score > limit for text in caught)} |")
    print("\n| benign source (seen in training) | texts | flagged at 1 % | at 0.1 % |\n|---|---|---|---|")
    for source in sorted({r["source"].partition(":")[0] for r in rows if r["label"] == 0}):
        texts = [r["text"] for r in rows if r["label"] == 0 and r["source"].partition(":")[0] == source][: 3 * most]
        scores = [using.score(text).score for text in texts]
        rates = " | ".join(_rate(s > at for s in scores) for at in (limit, strict))
        print(f"| {source} | {len(texts)} | {rates} |")


def costs(using: Stages) -> None:
    """Print CPU time by length."""
    for length in (128, 512, 4096, 32768):
        text = ("The garden opens at nine, and whoever comes early waits at the gate with a cup of tea. " * 400)[
            :length
        ]
        using.score(text)
        began, count = time.process_time(), max(3, (200_000 if using.name == "first" else 5000) // length)
        for _ in range(count):
            using.score(text)
        print(f"{length} characters: {1000 * (time.process_time() - began) / count:.3f} ms of CPU")


def main() -> None:
    """Print everything as tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--held-out", type=Path)
    asked.add_argument("--data", type=Path)
    asked.add_argument("--stage", choices=("auto", "first", "both"), default="auto")
    asked.add_argument("--rows", type=int, default=400)
    said = asked.parse_args()
    using = stages(said.stage)
    if said.held_out:
        held_out([json.loads(line) for line in said.held_out.read_text().splitlines()])
    written_by_us(using)
    if said.data:
        with lzma.open(said.data, "rb") if said.data.suffix == ".xz" else said.data.open("rb") as opened:
            labelled(using, [json.loads(line) for line in opened], said.rows)
    costs(using)


if __name__ == "__main__":
    main()
