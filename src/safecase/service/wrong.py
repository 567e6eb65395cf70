"""What is wrong with a manifest by its schema: every fault at once, each with its place and the nearest valid word.

The first reading is msgspec's, which stops at the first fault; this walk is taken only where that one failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from safecase.engines.nearest import nearest
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Fault
from safecase.service.keys import nearest as nearest_key
from safecase.service.schema import Manifest
from safecase.service.shapes import Key, Shape, keys_of

Steps: TypeAlias = tuple[str | int, ...]

TOP = Shape(kind="block", block=Manifest)


def as_meant(value: Any, shape: Shape = TOP) -> Any:  # values of YAML, before they are known to fit
    """Take a scalar for a list of one, and an empty key for one that is not said; gives a value of its own."""
    if shape.kind == "list":
        assert shape.item is not None
        if isinstance(value, list):
            return [as_meant(one, shape.item) for one in value]
        scalar = not isinstance(value, dict) and value is not None and not shape.item.keys
        return [value] if scalar else value
    if not isinstance(value, dict) or not shape.keys:
        return value
    meant = {}
    for name, inner in value.items():
        key = shape.keys.get(name)
        if key is None:
            meant[name] = inner
        elif inner is not None or key.required or key.shape.nullable:
            meant[name] = as_meant(inner, key.shape)
    return meant


def faults(value: Any, document: Document) -> Iterator[tuple[Steps, Fault]]:
    """Tell every fault of a manifest (as it is meant) by the schema, with the way to the value that has it."""
    yield from _Walk(document).value(value, TOP, ())


def explained(steps: Steps) -> str:
    """Name the page of a key as a mend."""
    dotted = ".".join(step for step in steps if isinstance(step, str))
    return f"see `safecase explain {shown(dotted)}`" if dotted else "see `safecase schema --example`"


def told(value: object) -> str:
    """Say a value in a message: texts in quotes, the others as they are written."""
    if isinstance(value, str):
        return f'"{shown(value, 60)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a block of keys" if isinstance(value, dict) else "a list"
    return "empty" if value is None else shown(str(value), 40)


class _Walk:
    def __init__(self, document: Document) -> None:
        self.document = document

    def value(self, value: Any, shape: Shape, steps: Steps) -> Iterator[tuple[Steps, Fault]]:
        if value is None and shape.nullable:
            return
        if shape.kind == "block" and not (shape.or_text and isinstance(value, str)):
            yield from self._block(value, shape, steps)
        elif shape.kind == "map":
            yield from self._map(value, shape, steps)
        elif shape.kind == "list":
            yield from self._list(value, shape, steps)
        elif shape.kind != "any" and not _fits(value, shape):
            yield self._fault(steps, f"{_named(steps)} is {told(value)}; {shape} is wanted", hint=_hint(value, shape))

    def _block(self, value: Any, shape: Shape, steps: Steps) -> Iterator[tuple[Steps, Fault]]:
        assert shape.block is not None
        if not isinstance(value, dict):
            entry = "an entry of " if steps and isinstance(steps[-1], int) else ""
            yield self._fault(steps, f"{entry}{_named(steps)} is {told(value)}; {shape} is wanted")
            return
        keys = keys_of(shape.block)
        for name, inner in value.items():
            if name not in keys:
                yield self._unknown(name, keys, steps)
            else:
                yield from self.value(inner, keys[name].shape, (*steps, name))
        for name, key in keys.items():
            if key.required and name not in value:
                yield self._missing(name, key, steps)

    def _map(self, value: Any, shape: Shape, steps: Steps) -> Iterator[tuple[Steps, Fault]]:
        assert shape.item is not None
        if not isinstance(value, dict):
            yield self._fault(steps, f"{_named(steps)} is {told(value)}; {shape} is wanted")
            return
        for name, inner in value.items():
            if shape.words and name not in shape.words:
                yield self._unknown(name, shape.keys, steps)
            else:
                yield from self.value(inner, shape.item, (*steps, name))

    def _list(self, value: Any, shape: Shape, steps: Steps) -> Iterator[tuple[Steps, Fault]]:
        assert shape.item is not None
        if not isinstance(value, list):
            hint = "begin each block with `- `" if isinstance(value, dict) else ""
            yield self._fault(steps, f"{_named(steps)} is {told(value)}; {shape} is wanted", hint=hint)
            return
        for index, inner in enumerate(value):
            yield from self.value(inner, shape.item, (*steps, index))

    def _unknown(self, name: str, keys: Mapping[str, Key], steps: Steps) -> tuple[Steps, Fault]:
        hint = _meant(name, keys)
        where = f"in {_named(steps)}" if steps else "at the top"
        at = (*steps, name)
        message = f"no key `{shown(name, 60)}` {where}"
        if not hint:
            message += f"; there are {', '.join(keys)}"
        return steps, self.document.fault(message, at, key=True, hint=hint, mend=explained(steps))

    def _missing(self, name: str, key: Key, steps: Steps) -> tuple[Steps, Fault]:
        at = (*steps, name)
        dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)[1:]
        mend = "begin the file with `safecase: 1`" if at == ("safecase",) else explained(at)
        item = bool(steps) and isinstance(steps[-1], int)
        message = f"`{shown(dotted)}` is missing; {key.shape} is wanted"
        return at, self.document.fault(message, steps, key=not item, mend=mend)

    def _fault(self, steps: Steps, message: str, hint: str = "") -> tuple[Steps, Fault]:
        return steps, self.document.fault(message, steps, hint=hint, mend=explained(steps))


def _meant(name: str, keys: Mapping[str, Key]) -> str:
    """Say which key is meant: one that stands elsewhere (the indentation is off), or one that is spelt like it."""
    elsewhere = nearest_key(name)
    if elsewhere and elsewhere.rpartition(".")[2] == name:
        return f"`{elsewhere}` is a key; look at the indentation" if "." in elsewhere else f"`{name}` stands at the top"
    near = nearest(name, keys)
    return f'did you mean "{near}"?' if near else ""


def _named(steps: Steps) -> str:
    name = next((step for step in reversed(steps) if isinstance(step, str)), None)
    return "the file" if name is None else f"`{shown(str(name), 60)}`"


def _fits(value: Any, shape: Shape) -> bool:
    match shape.kind:
        case "word":
            return any(type(value) is type(word) and value == word for word in shape.words)
        case "boolean":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str) and _text_fits(value, shape)
        case "block":
            return isinstance(value, str)
        case "integer":
            whole = type(value) is int or (isinstance(value, float) and value.is_integer())
            return whole and _within(value, shape)
        case _:
            return type(value) in (int, float) and _within(value, shape)


def _text_fits(value: str, shape: Shape) -> bool:
    pattern, least, most = shape.bound("pattern"), shape.bound("min_length"), shape.bound("max_length")
    return (
        (pattern is None or re.search(pattern, value) is not None)
        and (least is None or len(value) >= least)
        and (most is None or len(value) <= most)
    )


def _within(value: float, shape: Shape) -> bool:
    low, above, high = shape.bound("ge"), shape.bound("gt"), shape.bound("le")
    return (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high)


def _hint(value: Any, shape: Shape) -> str:
    if isinstance(value, str):
        if shape.kind == "boolean":
            near = nearest(value, ("true", "false"))
        elif shape.kind in ("integer", "number") and re.fullmatch(r"-?\d+(\.\d+)?", value):
            return "write it without quotes"
        else:
            near = nearest(value, map(str, shape.words))
        return f'did you mean "{near}"?' if near and shape.kind == "word" else f"did you mean {near}?" if near else ""
    if shape.kind == "text" and type(value) in (int, float, bool):
        return "put it in quotes, so that it is a text"
    return ""
