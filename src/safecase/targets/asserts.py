"""Whether an answer holds what a row of a business test set wants."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from safecase.readers.suites import Assert

REGEX_SECONDS = 5.0
MOST_SEARCHED = 20_000
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:[,' ]\d{3})+|\d+)(?:\.\d+)?")
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\]")
_NOTHING = object()


class Search(NamedTuple):
    """A pattern, and the text in which it is looked for."""

    pattern: str
    text: str


def searches(asserts: Sequence[Assert], text: str) -> list[Search]:
    """Give the searches that the asserts of an answer need."""
    return [Search(str(one.value), text[:MOST_SEARCHED]) for one in asserts if one.kind in ("regex", "not_regex")]


def matched(wanted: Sequence[Search], *, seconds: float = REGEX_SECONDS) -> dict[Search, bool | None]:
    """Search in a process of its own: a pattern can take forever, and nothing in this process could stop it.

    None stands for what was not answered in time.
    """
    unique = list(dict.fromkeys(wanted))
    if not unique:
        return {}
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCHER],
            input=msgspec.json.encode(unique),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        said = ran.stdout
    except subprocess.TimeoutExpired as why:
        said = why.stdout or b""
    answers = [line == b"1" for line in said.split()]
    return {search: answers[i] if i < len(answers) else None for i, search in enumerate(unique)}


_SEARCHER = """
import json, re, sys
for pattern, text in json.load(sys.stdin.buffer):
    print(int(re.search(pattern, text) is not None), flush=True)
"""


def failed(asserts: Sequence[Assert], text: str, found: dict[Search, bool | None]) -> list[str]:
    """Say which asserts an answer does not hold."""
    return [f"{one.kind} {one.value}" for one in asserts if not _holds(one, text, found)]


def _holds(one: Assert, text: str, found: dict[Search, bool | None]) -> bool:
    value = str(one.value)
    match one.kind:
        case "equals":
            return text.strip() == value.strip()
        case "contains":
            return value in text
        case "icontains":
            return value.casefold() in text.casefold()
        case "not_contains":
            return value.casefold() not in text.casefold()
        case "regex":
            return found.get(Search(value, text[:MOST_SEARCHED])) is True
        case "not_regex":
            return found.get(Search(value, text[:MOST_SEARCHED])) is False
        case "number":
            return any(abs(number - float(one.value)) <= one.tolerance + 1e-9 for number in _numbers(text))
        case "json_path":
            at = _at(value, text)
            return at is not _NOTHING and (one.equals is None or at == one.equals)


def _numbers(text: str) -> list[float]:
    return [float(re.sub("[,' ]", "", number)) for number in _NUMBER.findall(text[:MOST_SEARCHED])]


def _at(path: str, text: str) -> Any:  # what JSON can hold, or _NOTHING
    bare = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        value: Any = msgspec.json.decode(bare)
    except (msgspec.DecodeError, RecursionError):
        return _NOTHING
    for name, index, quoted in _STEP.findall(path):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif not index and isinstance(value, dict) and (name or quoted) in value:
            value = value[name or quoted]
        else:
            return _NOTHING
    return value
