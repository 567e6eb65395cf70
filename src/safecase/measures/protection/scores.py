"""What an answer gives away of a model beyond the answer: probabilities, distributions, inner values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

DECIMALS: Final = 3
_NEAR: Final = 1e-6
"""0.12 as a 32-bit number is printed as 0.11999999731779099, and tells no more."""
_INNER: Final = re.compile(r"logit|embedding|hidden|activation|attention", re.IGNORECASE)
_SCORE: Final = re.compile(r"prob|score|confid|softmax|likelihood", re.IGNORECASE)
MOST_VALUES: Final = 10_000


def log_probabilities(choice: Mapping[str, Any]) -> int:
    """Count the tokens of a completion whose log-probability is given out."""
    told = choice.get("logprobs")
    if not isinstance(told, dict):
        return 0
    rows = next((told[name] for name in ("content", "token_logprobs", "tokens") if told.get(name)), ())
    return len(rows) if isinstance(rows, list) else 0


def fine_outputs(outputs: Any) -> Iterator[tuple[str, str]]:
    """Say which outputs of an inference (Open Inference Protocol) tell more than a result: name and what."""
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        name, values = str(output.get("name", "")), list(_numbers(output.get("data")))
        if not values or not str(output.get("datatype", "")).startswith(("FP", "BF")):
            continue
        if _INNER.search(name):
            yield name, "inner values of the model"
            continue
        shares = _SCORE.search(name) is not None and all(0 <= value <= 1 for value in values)
        if shares and any(abs(value - round(value, DECIMALS)) > _NEAR for value in values):
            yield name, f"scores with more than {DECIMALS} decimals"
        if len(values) >= 3 and all(0 <= value <= 1 for value in values) and abs(sum(values) - 1) < 0.02:
            yield name, f"the whole distribution over {len(values)} classes"


def _numbers(data: Any) -> Iterator[float]:
    waiting: list[Any] = [data]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one[:MOST_VALUES]
        elif isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one):
            yield float(one)


def inputs_of(metadata: Mapping[str, Any], step: int) -> list[dict[str, Any]] | None:
    """Make inputs by the metadata of a model, nearly the same for each `step`; None where that cannot be done."""
    made = []
    rows = metadata.get("inputs")
    for row in rows if isinstance(rows, list) else ():
        made.append(_tensor(row, step))
    return [one for one in made if one is not None] if made and None not in made else None


def _tensor(row: Any, step: int) -> dict[str, Any] | None:
    shape = row.get("shape") if isinstance(row, dict) else None
    if not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
        return None
    sizes = [1 if n < 1 else n for n in shape]
    if math.prod(sizes) > MOST_VALUES:
        return None
    kind = str(row.get("datatype", ""))
    first, rest = _values(kind, step)
    data: Sequence[Any] = [first, *[rest] * (math.prod(sizes) - 1)]
    return {"name": row.get("name"), "shape": sizes, "datatype": kind, "data": data}


def _values(kind: str, step: int) -> tuple[Any, Any]:
    if kind.startswith(("FP", "BF")):
        return 0.5 + step / 10_000, 0.5
    if kind == "BOOL":
        return bool(step % 2), False
    return (f"row {step}", "row") if kind == "BYTES" else (step % 100, 1)
