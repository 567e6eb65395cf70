"""What the detector sees of a text: which short runs of letters, words, and rows of words stand in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

SHORTEST, LONGEST = 3, 5
"""Letters of a run; it stays within one word and the spaces around it."""
MOST_ROW: Final = 3
"""Words of a row."""
MOST_WORD: Final = 200
_DENSE: Final = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts in which two letters say what four do in others, most of them without spaces."""
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_SPACE: Final = re.compile(r"\s+")
_DIGIT: Final = re.compile(r"\d")


def plain(text: str) -> str:
    """Take away what does not change how a text reads: width, case, which digits, how much white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _DIGIT.sub("0", _SPACE.sub(" ", text.casefold())).strip()


def runs(word: str) -> Iterator[str]:
    """Give the runs of letters of one word between spaces."""
    padded = f" {word[:MOST_WORD]} "
    dense = not word.isascii() and _DENSE.search(word)
    for length in range(SHORTEST - 1, LONGEST) if dense else range(SHORTEST, LONGEST + 1):
        if length >= len(padded):
            yield padded
            return
        for at in range(len(padded) - length + 1):
            yield padded[at : at + length]


def rows(words: Sequence[str]) -> Iterator[str]:
    """Give words and rows of words; a sign tells them from runs of letters."""
    for word in words:
        yield "\t" + word
    for at in range(len(words) - 1):
        yield f"\t{words[at]} {words[at + 1]}"
    for at in range(len(words) - 2):
        yield f"\t{words[at]} {words[at + 1]} {words[at + 2]}"


def words_of(text: str) -> list[str]:
    """Give the words of a plain text."""
    return _WORD.findall(text)


def features(text: str) -> set[str]:
    """Give everything that stands in a plain text, each once."""
    found: set[str] = set()
    for part in set(text.split(" ")):
        found.update(runs(part))
    found.update(rows(words_of(text)))
    return found


def windows(text: str, width: int, step: int) -> Iterable[str]:
    """Give overlapping parts of a long text, cut at spaces."""
    at = 0
    while at < len(text):
        end = min(len(text), at + width)
        if end < len(text) and (space := text.rfind(" ", at + step, end)) > 0:
            end = space
        yield text[at:end]
        if end == len(text):
            return
        start = text.find(" ", at + step)
        at = start + 1 if 0 < start < end else end
