"""What a dialect is, and how the values of a stranger's JSON are read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from safecase.engines.pictures import png
from safecase.readers.conversations import Called
from safecase.targets.target import Ask, Reply, Unanswered

Json = Mapping[str, Any]


class Dialect(NamedTuple):
    """One API."""

    name: str
    path: str
    """Behind the base URL."""
    body: Callable[[Ask], dict[str, Any]]
    reply: Callable[[Json], Reply]
    """Reads a whole answer; raises `Unanswered` where it is none."""
    joined: Callable[[Sequence[Json]], Json]
    """Makes the whole answer of a stream's events."""
    piece: Callable[[Json], str]
    """Gives the text that one event of a stream adds."""
    tokens: str
    """What it calls the most tokens of an answer."""


def nothing(what: str) -> Unanswered:
    """Make the error for an answer that is not what was asked for."""
    return Unanswered("bad_response", f"the answer is no {what}")


def text_of(value: object) -> str:
    """Give a text; anything else is none."""
    return value if isinstance(value, str) else ""


def count_of(value: object) -> int:
    """Give a count; anything else is 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def dict_of(value: object) -> dict[str, Any]:
    """Give an object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: object) -> list[dict[str, Any]]:
    """Give the objects of a list; anything else has none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def parts_of(content: object, *kinds: str) -> str:
    """Give a text that is one, or that stands in parts of some kinds."""
    if isinstance(content, str):
        return content
    return "".join(text_of(part.get("text")) for part in dicts_of(content) if part.get("type") in kinds)


def called(name: object, arguments: object) -> Called:
    """Read a call of a tool; arguments that came as an object are written as JSON."""
    written = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode("utf-8", "replace")
    return Called(tool=text_of(name), arguments=written)


def picture_of(text: str) -> str:
    """Draw a text, and give the picture as base64 of a PNG."""
    return base64.b64encode(png(text)).decode()


def schema_of(parameters: str) -> Any:  # what JSON can hold
    """Give a tool's JSON Schema as an object."""
    return msgspec.json.decode(parameters)
