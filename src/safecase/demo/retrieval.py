"""The demo bot's knowledge: its documents in sections, and which of them a question is about (BM25, a page of it)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from safecase.errors import CollectError

MOST_DOCUMENTS = 200
MOST_CHARACTERS = 100_000
SATURATION, LENGTH = 1.5, 0.75
"""The usual k1 and b of BM25."""

_WORD = re.compile(r"[^\W_]+(?:[.,:-][^\W_]+)*", re.UNICODE)
_COMMON_WORDS = """
    a about after all also am an and any are as at be because been before but by can could did do does done down each
    for from get give had has have he her here him his how i if in into is it its just let many may me more most much
    must my no not now of off on one only or other our out over own please same shall she should so some such than that
    the their them then there these they thing this those to too under until up us very want was we were what when
    where which while who why will with would yes you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class Section(NamedTuple):
    """A part of a document under one heading."""

    source: str
    title: str
    text: str
    words: tuple[str, ...]


class Hit(NamedTuple):
    """A section and how well it fits a question."""

    section: Section
    score: float
    covered: float
    """The share of what the question is about that the section speaks of, 0 to 1."""


def words(text: str) -> list[str]:
    """Give the words of a text that carry meaning, without their endings."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


class Library:
    """All sections of a folder's documents."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.sections = tuple(sections)
        self._counts = [Counter(section.words) for section in sections]
        self._mean = sum(len(s.words) for s in sections) / max(1, len(sections))
        self._holding = Counter(word for counts in self._counts for word in counts)

    def find(self, question: str, most: int) -> list[Hit]:
        """Give the sections that fit best, best first; none where no word fits."""
        asked = set(words(question))
        all_weight = sum(map(self._weight, asked))
        hits = []
        for section, counts in zip(self.sections, self._counts, strict=True):
            score = sum(self._weight(word) * self._fill(counts[word], len(section.words)) for word in asked)
            covered = sum(self._weight(word) for word in asked if counts[word]) / all_weight if asked else 0.0
            if score > 0:
                hits.append(Hit(section, score, covered))
        hits.sort(key=lambda hit: (-hit.score, hit.section.source, hit.section.title))
        return hits[:most]

    def _weight(self, word: str) -> float:
        holding = self._holding[word]
        return math.log(1 + (len(self.sections) - holding + 0.5) / (holding + 0.5))

    def _fill(self, count: int, length: int) -> float:
        return count * (SATURATION + 1) / (count + SATURATION * (1 - LENGTH + LENGTH * length / self._mean))


def read_library(folder: Path) -> Library:
    """Read `*.md` of a folder, a section for each heading."""
    paths = sorted(folder.glob("*.md"))[:MOST_DOCUMENTS]
    return Library([section for path in paths for section in _sections(path)])


def _sections(path: Path) -> list[Section]:
    try:
        text = path.read_text("utf-8")[:MOST_CHARACTERS]
    except (OSError, UnicodeDecodeError) as why:
        raise CollectError(f"{path.name} cannot be read: {why}") from why
    found = []
    heading = path.stem
    for part in re.split(r"^#+ +", text, flags=re.MULTILINE):
        title, _, body = part.partition("\n")
        body = " ".join(body.split())
        if body:
            said = words(f"{heading} {title} {title} {body}")
            found.append(Section(source=path.name, title=title.strip(), text=body, words=tuple(said)))
    return found
