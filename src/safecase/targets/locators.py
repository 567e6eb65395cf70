"""Where something stands in an answer: a path into JSON, a header, or a regular expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from safecase.errors import UsageError
from safecase.readers.text import shown

_STEP: Final = re.compile(r"\.?([^.\[\]'\"]+)|\[(-?\d{1,6})\]|(\[\*\])|\[(?:'([^']*)'|\"([^\"]*)\")\]")
_MOST_SEARCHED: Final = 100_000
"""Characters: an expression of a user meets texts of a stranger."""
_MOST_FOUND: Final = 10_000
_MEND: Final = "write `answer.text`, `$.choices[0].message.content`, `items[*].text`, `header:NAME` or `regex:…(…)`"


class Locator(NamedTuple):
    """One place."""

    written: str
    kind: Literal["path", "header", "regex"]
    steps: tuple[str | int | None, ...] = ()
    """None is every one."""
    expression: re.Pattern[str] | None = None

    def find(self, text: str, told: Any, headers: Mapping[str, str]) -> list[Any]:  # what JSON can hold
        """Give what stands there in an answer: its text, the JSON that it is, its headers; nothing where nothing is."""
        if self.expression is not None:
            met = self.expression.search(text[:_MOST_SEARCHED])
            return [] if met is None else [met[1] if self.expression.groups else met[0]]
        if self.kind == "header":
            value = headers.get(self.written.removeprefix("header:").lower())
            return [] if value is None else [value.partition(";")[0]]
        values = [told]
        for step in self.steps:
            values = [found for value in values for found in _step(value, step)][:_MOST_FOUND]
        return values


def locator(written: str) -> Locator:
    """Read where something stands; raises `UsageError` where that cannot be read."""
    if written.startswith("header:"):
        return Locator(written, "header")
    if written.startswith("regex:"):
        try:
            return Locator(written, "regex", expression=re.compile(written.removeprefix("regex:"), re.DOTALL))
        except (re.error, RecursionError, OverflowError) as why:
            raise UsageError(f"{shown(written)} is no regular expression: {why}", mend=_MEND) from why
    rest, at = written.removeprefix("$"), 0
    steps: list[str | int | None] = []
    while at < len(rest):
        met = _STEP.match(rest, at)
        if met is None:
            raise UsageError(f"{shown(written)} is no path into JSON", mend=_MEND)
        name, number, every, single, double = met.groups()
        if every:
            steps.append(None)
        elif number:
            steps.append(int(number))
        else:
            steps.append(next(one for one in (name, single, double) if one is not None))
        at = met.end()
    return Locator(written, "path", tuple(steps))


def _step(value: Any, step: str | int | None) -> list[Any]:  # what JSON can hold
    if step is None:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    return [value[step]] if isinstance(value, list) and -len(value) <= step < len(value) else []


def as_text(value: object) -> str | None:
    """Give a text that stands there, or a number as one; None for what is neither."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, int | float) else None
