"""The calendar of retired models: what a provider said of a model's end, on which day, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib import resources
from typing import Any, Literal

from safecase.errors import CollectError, ManifestError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.vocabulary import Noun

SHIPPED = "model_calendar.yaml"
MOST_ROWS = 20_000
RESOLD = ("azure", "bedrock", "vertex", "vertex_ai", "sagemaker")
"""Who sells models of others and keeps a calendar of its own."""


class Row(Noun, frozen=True):
    """What was said of some models."""

    names: tuple[str, ...]
    retires: date | None
    """None where no day was announced when it was read."""
    read: date
    provider: str = ""
    effect: Literal["removed", "rerouted"] = "removed"
    successor: str = ""
    source: str = ""
    confidence: str = ""


def shipped() -> tuple[Row, ...]:
    """Give the calendar that comes with Safecase."""
    content = (resources.files("safecase.measures.maintenance") / SHIPPED).read_bytes()
    return read(content, SHIPPED)


def read(content: bytes, file: str) -> tuple[Row, ...]:
    """Read a calendar (YAML or JSON: `models:` with names, retires, read …); raises CollectError where it is none."""
    try:
        document = yaml_places.read(content, file)
    except ManifestError as why:
        raise _unreadable(file, f"line {why.place.line if why.place else 0}: {why.message}") from why
    rows = document.value.get("models") if isinstance(document.value, dict) else None
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise _unreadable(file, "a list is wanted under `models:`")
    return tuple(_row(row, f"{file}:{document.place(('models', n)).line}") for n, row in enumerate(rows))


def find(rows: Sequence[Row], model: str) -> Row | None:
    """Give what is said of a model: the exact name before the longest beginning, the newest reading of those."""
    bare = model_name(model)
    found = [(rank, row.read, n) for n, row in enumerate(rows) for rank in _ranks(row, bare)]
    return rows[max(found)[2]] if found else None


def model_name(model: str) -> str:
    """Give a model's own name: `openai/gpt-4o`, `models/gemini-2.5-pro` and `GPT-4o` are named without the rest."""
    return model.strip().lower().rpartition("/")[2].rpartition(":")[2]


def reseller_of(model: str) -> str:
    """Say who resells a model (`azure/gpt-4o`); empty where nobody does."""
    head = model.strip().lower().replace(":", "/").partition("/")[0]
    return head if head in RESOLD else ""


def _ranks(row: Row, name: str) -> Iterator[int]:
    for pattern in row.names:
        if pattern == name:
            yield 1_000
        elif pattern.endswith("*") and name.startswith(pattern[:-1]):
            yield min(len(pattern), 999)


def _row(row: Any, where: str) -> Row:  # what YAML can hold
    if not isinstance(row, Mapping):
        raise _unreadable(where, "a row is no mapping")
    names = row.get("names", row.get("name"))
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n.strip("* ") for n in names):
        raise _unreadable(where, "`names` is no list of names")
    effect = row.get("effect", "removed")
    if effect not in ("removed", "rerouted"):
        raise _unreadable(where, "`effect` is neither removed nor rerouted")
    texts = {key: row.get(key) or "" for key in ("provider", "successor", "source", "confidence")}
    return Row(
        names=tuple(name.strip().lower() for name in names),
        retires=_day(row.get("retires"), where) if row.get("retires") is not None else None,
        read=_day(row.get("read"), where),
        effect=effect,
        **{key: str(value)[:200] for key, value in texts.items()},
    )


def _day(value: object, where: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as why:
        raise _unreadable(where, f"`{shown(str(value), 40)}` is no day") from why


def _unreadable(where: str, why: str) -> CollectError:
    return CollectError(
        f"{shown(where, 200)} is no calendar: {why}",
        mend="write `models:` with `- {names: [gpt-x], retires: 2027-01-31, successor: gpt-y, read: 2026-11-23}`",
    )
