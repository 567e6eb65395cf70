"""Replies with what was asked, one JSON object a line: `{"request": …, "reply": …, "label": true}`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

MOST_LINES: Final = 20_000
MOST_LINE: Final = 1_000_000
_MEND: Final = '{"request": "…", "reply": "…", "label": true}, one a line'


class Example(Noun, frozen=True):
    """A reply to be judged, and what a person says of it."""

    request: str
    reply: str
    label: bool | None = None
    """Whether the criterion holds; None where nobody said."""


def read_examples(path: Path, *, labelled: bool) -> tuple[Example, ...]:
    """Read a file of examples; raises `UsageError` with the first line that is none."""
    found: list[Example] = []
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_LINE):
                number += 1
                if line.strip():
                    found.append(_example(line, Place(file=str(path), line=number), labelled=labelled))
                if len(found) > MOST_LINES:
                    raise UsageError(f"{shown(str(path))} holds more than {MOST_LINES:,} examples", mend="split it")
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    if not found:
        raise UsageError(f"{shown(str(path))} holds no example", mend=_MEND)
    return tuple(found)


def _example(line: bytes, place: Place, *, labelled: bool) -> Example:
    try:
        one = msgspec.json.decode(line, type=Example)
    except (msgspec.DecodeError, RecursionError) as why:
        raise UsageError(f"no example: {shown(str(why), 120)}", mend=_MEND, place=place) from why
    if labelled and one.label is None:
        raise UsageError("an example without a label", mend=_MEND, place=place)
    return one
