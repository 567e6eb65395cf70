"""Fine-tune the encoder on labelled texts, and write it as eight-bit weights: the same texts and seed, the same recipe.

Needs torch, onnx and onnxruntime (`pip install 'safecase[train-neural]'`) and the folder of all-MiniLM-L6-v2 with
`model.safetensors` and `vocab.txt` (Apache-2.0, sentence-transformers). 900 steps take some 20 minutes of two cores.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from safecase.detectors.injection.neural.network import LENGTH
from safecase.detectors.injection.neural.wordpiece import WordPieces
from safecase.detectors.injection.training import Row

BATCH: Final = 32
RATE: Final = 6e-5
WARMING: Final = 40
SMOOTH: Final = 0.02
"""Labels are 0.02 and 0.98: odds stay small enough to be added to those of the first stage."""
MOST_OF_A_SOURCE: Final = 2500
"""Texts of one source and label: none rules the others."""
MOST_PARTS: Final = 2
"""Of a long text so many parts are read, spread over it, and the highest of them is held to its label: nobody said
where in it the attack stands."""
_WIDTH, _HEADS, _LAYERS = 384, 12, 6


def network(base: Path) -> Any:
    """Build the encoder with one output, with the weights of `base`."""
    import torch
    from safetensors.torch import load_file

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value = (torch.nn.Linear(_WIDTH, _WIDTH) for _ in range(3))
            self.joined = torch.nn.Linear(_WIDTH, _WIDTH)
            self.wide, self.narrow = torch.nn.Linear(_WIDTH, 4 * _WIDTH), torch.nn.Linear(4 * _WIDTH, _WIDTH)
            self.after, self.last = (torch.nn.LayerNorm(_WIDTH, eps=1e-12) for _ in range(2))
            self.drop = torch.nn.Dropout(0.1)

        def forward(self, x: Any, mask: Any) -> Any:
            n, length, _ = x.shape
            heads = (
                one(x).view(n, length, _HEADS, _WIDTH // _HEADS).transpose(1, 2)
                for one in (self.query, self.key, self.value)
            )
            query, key, value = heads
            odds = query @ key.transpose(2, 3) / (_WIDTH // _HEADS) ** 0.5 + mask
            seen = (self.drop(odds.softmax(-1)) @ value).transpose(1, 2).reshape(n, length, _WIDTH)
            x = self.after(x + self.drop(self.joined(seen)))
            return self.last(x + self.drop(self.narrow(torch.nn.functional.gelu(self.wide(x)))))

    class Encoder(torch.nn.Module):
        def __init__(self, words: int) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(words, _WIDTH, padding_idx=0)
            self.places = torch.nn.Embedding(512, _WIDTH)
            self.first = torch.nn.LayerNorm(_WIDTH, eps=1e-12)
            self.drop = torch.nn.Dropout(0.1)
            self.layers = torch.nn.ModuleList(Layer() for _ in range(_LAYERS))
            self.odds = torch.nn.Linear(_WIDTH, 1)

        def forward(self, pieces: Any) -> Any:
            there = (pieces != 0).to(self.odds.weight.dtype)
            mask = (1 - there)[:, None, None, :] * -1e4
            places = torch.arange(pieces.shape[1], device=pieces.device)
            x = self.drop(self.first(self.words(pieces) + self.places(places)))
            for layer in self.layers:
                x = layer(x, mask)
            weights = there.unsqueeze(-1)
            return self.odds((x * weights).sum(1) / weights.sum(1)).squeeze(-1)

    stored = {name.removeprefix("bert."): value for name, value in load_file(base / "model.safetensors").items()}
    made = Encoder(stored["embeddings.word_embeddings.weight"].shape[0])
    missing, unknown = made.load_state_dict(_renamed(stored), strict=False)
    assert set(missing) == {"odds.weight", "odds.bias"}, missing
    assert not unknown, unknown
    return made


def _renamed(stored: dict[str, Any]) -> dict[str, Any]:
    names = {
        "attention.self.query": "query",
        "attention.self.key": "key",
        "attention.self.value": "value",
        "attention.output.dense": "joined",
        "attention.output.LayerNorm": "after",
        "intermediate.dense": "wide",
        "output.dense": "narrow",
        "output.LayerNorm": "last",
    }
    # Every text is one segment: its embedding is part of every piece's.
    found = {
        "words.weight": stored["embeddings.word_embeddings.weight"]
        + stored["embeddings.token_type_embeddings.weight"][0],
        "places.weight": stored["embeddings.position_embeddings.weight"],
        "first.weight": stored["embeddings.LayerNorm.weight"],
        "first.bias": stored["embeddings.LayerNorm.bias"],
    }
    for number in range(_LAYERS):
        for theirs, ours in names.items():
            for part in ("weight", "bias"):
                found[f"layers.{number}.{ours}.{part}"] = stored[f"encoder.layer.{number}.{theirs}.{part}"]
    return found


def fit(
    rows: Sequence[Row],
    base: Path,
    *,
    steps: int,
    seed: int = 1,
    step: Callable[[str], None] = lambda _: None,
) -> Any:
    """Fine-tune; gives the torch module."""
    import torch

    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311  no secret
    pieces = WordPieces((base / "vocab.txt").read_text("utf-8").split("\n"))
    chosen = _chosen(rows, rng)
    read = [parts(pieces, row.text) for row in chosen]
    made = network(base).train()
    optimiser = torch.optim.AdamW(made.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min(1.0, (at + 1) / WARMING) * max(0.02, 1 - at / steps)
    )
    for number, batch in enumerate(_batches(read, steps, rng), start=1):
        wanted = torch.tensor([chosen[at].label * (1 - 2 * SMOOTH) + SMOOTH for at in batch])
        with torch.autocast("cpu", torch.bfloat16):  # half the time on processors that know it
            odds = highest(made, [read[at] for at in batch])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds.float(), wanted)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if number % 10 == 0:
            step(f"step {number} of {steps}, loss {loss.item():.3f}")
    return made.eval()


def _chosen(rows: Sequence[Row], rng: random.Random) -> list[Row]:
    by: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        by.setdefault((row.source.partition(":")[0], row.label), []).append(row)
    found: list[Row] = []
    for of_one in by.values():
        found += rng.sample(of_one, min(len(of_one), MOST_OF_A_SOURCE))
    return found


def parts(pieces: WordPieces, text: str) -> list[list[int]]:
    """Give a text as the encoder reads it: whole, or some parts of a long one."""
    numbers = pieces.numbers(text[:4000])
    inside = LENGTH - 2
    over = max(0, len(numbers) - inside)
    count = min(MOST_PARTS, 1 + -(-over // inside))
    starts = {over * at // max(1, count - 1) for at in range(count)}
    return [[pieces.begin, *numbers[at : at + inside], pieces.end] for at in sorted(starts)]


def highest(made: Any, texts: Sequence[Sequence[Sequence[int]]]) -> Any:
    """Give the log odds of texts: of each the highest of its parts."""
    import torch

    odds = made(_padded([part for text in texts for part in text]))
    return torch.stack([one.max() for one in odds.split([len(text) for text in texts])])


def _batches(read: Sequence[Sequence[Sequence[int]]], steps: int, rng: random.Random) -> Iterator[list[int]]:
    """Give batches of texts of like length, so that little of a batch is padding."""
    done = 0
    while True:
        order = rng.sample(range(len(read)), len(read))
        for at in range(0, len(order), BATCH * 16):
            alike = sorted(order[at : at + BATCH * 16], key=lambda one: sum(map(len, read[one])))
            batches = [alike[start : start + BATCH] for start in range(0, len(alike), BATCH)]
            for batch in rng.sample(batches, len(batches)):
                yield batch
                done += 1
                if done == steps:
                    return


def _padded(read: Sequence[Sequence[int]]) -> Any:
    import torch

    longest = max(map(len, read))
    return torch.tensor([[*one, *[0] * (longest - len(one))] for one in read])


def written(made: Any) -> bytes:
    """Give the ONNX file: eight-bit weights, activations measured at run time."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder, "whole.onnx"), Path(folder, "small.onnx")
        torch.onnx.export(
            made.eval(),
            (torch.ones((1, 16), dtype=torch.long),),
            str(whole),
            input_names=["pieces"],
            output_names=["odds"],
            dynamic_axes={"pieces": {0: "texts", 1: "length"}, "odds": {0: "texts"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(whole, small, per_channel=True, weight_type=QuantType.QInt8)
        return small.read_bytes()
