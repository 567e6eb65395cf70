"""JSON bodies of strangers: read once, in one way only, within bounds.

What two readers could read differently is refused: duplicate keys, bytes that are no UTF-8, numbers that are none.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

import msgspec

from safecase.gateway.refusals import Refused

MOST_DIGITS: Final = 400


def read_body(content: bytes, depth: int) -> dict[str, Any]:
    """Read a request's body; raises `Refused` where it is no JSON object, or is nested deeper than `depth`."""
    if content.startswith(b"\xef\xbb\xbf"):
        raise Refused("unreadable", "the body begins with a byte order mark; JSON has none")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as why:
        raise Refused("unreadable", f"the body is no UTF-8 at byte {why.start}") from why
    _hold_depth(content, depth)
    try:
        value = _DECODER.decode(text)
    except (json.JSONDecodeError, RecursionError) as why:
        told = f"at byte {why.pos}" if isinstance(why, json.JSONDecodeError) else "nested too deeply"
        raise Refused("unreadable", f"the body is no JSON: {told}") from why
    except ValueError as why:  # a number with thousands of digits
        raise Refused("unreadable", "a number in the body has too many digits") from why
    if not isinstance(value, dict):
        raise Refused("unreadable", "the body is no JSON object")
    return value


def _hold_depth(content: bytes, depth: int) -> None:
    # Counting braces is wrong only within texts, and then too strict by no more than what the text opens: such a body
    # is walked exactly.
    if content.count(b"{") + content.count(b"[") <= depth:
        return
    deep = inside = 0
    skip = False
    quoted = False
    for sign in content:
        if quoted:
            if skip:
                skip = False
            elif sign == 0x5C:
                skip = True
            elif sign == 0x22:
                quoted = False
        elif sign == 0x22:
            quoted = True
        elif sign in b"{[":
            inside += 1
            deep = max(deep, inside)
        elif sign in b"}]":
            inside -= 1
    if deep > depth:
        raise Refused("unreadable", f"the body is nested {deep} deep; {depth} is the most")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Refused("unreadable", f"a key stands twice in one object: {twice[:60]!r}", param=twice[:60])
    return found


def _no_constant(name: str) -> NoReturn:
    raise Refused("unreadable", f"{name} is no number in JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Refused("unreadable", "a number in the body is too large")
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_float)


def written(value: Any) -> bytes:  # as JSON has it
    """Write a body anew. Lone surrogates, which JSON can spell and UTF-8 cannot, stay spelt."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, msgspec.EncodeError, ValueError):
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
