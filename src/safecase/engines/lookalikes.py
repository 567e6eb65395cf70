"""Names that are taken for another one: by a slip of the finger, or by letters that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 100
SHORTEST: Final = 5
_ALIKE: Final = str.maketrans(
    {
        "0": "o", "1": "l", "3": "e", "5": "s", "8": "b", "i": "l", "|": "l", "а": "a", "е": "e", "о": "o", "р": "p",
        "с": "c", "у": "y", "х": "x", "ѕ": "s", "і": "l", "ј": "j", "ԁ": "d", "ӏ": "l", "α": "a", "ο": "o", "ρ": "p",
        "ν": "v", "κ": "k", "τ": "t", "ı": "l",
    }
)  # fmt: skip
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))
_SEPARATORS: Final = str.maketrans("", "", "-_. ")


def skeleton(name: str) -> str:
    """Give what a name looks like at a glance; two names of one skeleton are taken for each other."""
    text = unicodedata.normalize("NFKD", name[:LONGEST]).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_ALIKE).translate(_SEPARATORS)
    for pair, one in _PAIRS:
        text = text.replace(pair, one)
    return text


def distance(first: str, second: str, most: int = 3) -> int:
    """Count the slips between two names (Damerau-Levenshtein, restricted); `most` where there are as many or more."""
    first, second = first[:LONGEST], second[:LONGEST]
    if abs(len(first) - len(second)) >= most:
        return most
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        last, before, row = before, row, [i]
        for j, b in enumerate(second, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) >= most:
            return most
    return min(most, row[-1])


class Lookalikes:
    """Many known names, indexed: whom of them a name is likely to be taken for, without comparing it with each."""

    def __init__(self, known: Iterable[str], imitated: int) -> None:
        """Take known names, the best known first; slips are looked for among the first `imitated`."""
        names = [name.casefold() for name in known]
        self._known = frozenset(names)
        self._shapes: dict[str, str] = {}
        for name in names:
            self._shapes.setdefault(skeleton(name), name)
        self._shortened: dict[str, list[str]] = {}
        for name in names[:imitated]:
            for short in _shortened(name):
                self._shortened.setdefault(short, []).append(name)

    def of(self, name: str) -> str:
        """Give the known name that this one is one slip away from; empty where it is known itself, or like none."""
        plain = name.casefold()
        if plain in self._known:
            return ""
        if same := self._shapes.get(skeleton(name)):
            return same
        # Short names are near each other by chance.
        if not SHORTEST <= len(plain) <= LONGEST:
            return ""
        # Two names are one slip apart only if they agree after losing one letter at the most.
        near = {other for short in _shortened(plain) for other in self._shortened.get(short, ())}
        return next((o for o in sorted(near) if len(o) >= SHORTEST and distance(plain, o, 2) < 2), "")


def _shortened(name: str) -> set[str]:
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}


def mistaken_for(name: str, known: Iterable[str]) -> str:
    """Give the known name that this one is likely to be taken for; empty where it is known itself, or like none."""
    every = tuple(known)
    plain = name.casefold()
    if plain in {k.casefold() for k in every}:
        return ""
    shape = skeleton(name)
    for other in every:
        if skeleton(other) == shape:
            return other
    for other in every:
        # Short names are near each other by chance.
        allowed = 2 if min(len(other), len(plain)) >= 8 else 1 if min(len(other), len(plain)) >= 5 else 0
        if allowed and distance(plain, other.casefold(), allowed + 1) <= allowed:
            return other
    return ""
