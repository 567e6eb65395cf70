"""The arguments of a call as values with their names; whatever two readers could read differently is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

MOST_BYTES: Final = 256 * 1024
MOST_DEPTH: Final = 50
_JSON_STARTS: Final = ("{", "[", '"')


class Refused(Exception):  # noqa: N818  an answer of this reader, not a crash
    """The arguments cannot be judged; it says why."""


class Leaf(NamedTuple):
    """One value, and the way to it."""

    key: str
    """The nearest name."""
    way: str
    value: str | int | float


def arguments_of(text: str) -> dict[str, Any]:
    """Read the arguments of a call; raises Refused."""
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Refused(f"the arguments are larger than {MOST_BYTES // 1024} KiB")
    read = _read(text)
    if not isinstance(read, dict):
        raise Refused("the arguments are no JSON object")
    return read


def leaves(value: Any, key: str = "", way: str = "", depth: int = 0) -> Iterator[Leaf]:
    """Give every value, those in lists, objects and JSON within strings, too; raises Refused where they go too deep."""
    waiting: list[tuple[Any, str, str, int]] = [(value, key, way, depth)]
    while waiting:
        part, key, way, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise Refused(f"the arguments are nested deeper than {MOST_DEPTH}")
        if isinstance(part, dict):
            for name, inner in reversed(part.items()):
                if not name.isidentifier():
                    yield Leaf("", f"{way}.{name}"[:200].lstrip("."), name)
                waiting.append((inner, name, f"{way}.{name}"[:200].lstrip("."), depth + 1))
        elif isinstance(part, list):
            waiting.extend((inner, key, way, depth + 1) for inner in reversed(part))
        elif isinstance(part, str):
            packed = _packed(part)
            if packed is None:
                yield Leaf(key, way, part)
            else:
                waiting.append((packed, key, way, depth + 1))
        elif isinstance(part, (int, float)) and not isinstance(part, bool):
            yield Leaf(key, way, part)


def _packed(text: str) -> Any:
    """Give what a string that is JSON itself holds; None where it is no JSON."""
    if not text.lstrip()[:1].startswith(_JSON_STARTS):
        return None
    try:
        return _read(text)
    except _NotJson:
        return None


class _NotJson(Refused):
    pass


def _read(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(f"the arguments are nested deeper than {MOST_DEPTH}") from None
    except ValueError:
        raise _NotJson("the arguments are no JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("the arguments have a key twice: two readers would take different values")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(name)
