"""Does a text read more like English once it is turned? Told by how often pairs of letters follow each other."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = (
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de "
    "hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr "
    "ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na "
)
_COMMON: Final = frozenset(_PAIRS.split())
SAMPLE: Final = 600
BETTER: Final = 0.05
LIKE_ENGLISH: Final = 0.54
SURELY_ENGLISH: Final = 0.68
"""What reads so needs no turning."""
LIKE_WORDS: Final = 0.4
"""So much of a few words is common, where chance gives a sixth."""
LEAST_PAIRS: Final = 12


def share(text: str) -> float:
    """Give the share of letter pairs that are common in English; 0 where there are too few to tell."""
    return pairs(text, LEAST_PAIRS)


def pairs(text: str, least: int = 1) -> float:
    """Give that share of a text with so many pairs at least."""
    low = text[:SAMPLE].lower()
    every = [low[at : at + 2] for at in range(len(low) - 1)]
    letters = [pair for pair in every if pair.isalpha() and pair.isascii()]
    return sum(pair in _COMMON for pair in letters) / len(letters) if len(letters) >= least else 0.0


def reads_better(turned: str, before: float) -> bool:
    """Say whether a turned text reads clearly better than one with that share."""
    return share(turned) > max(before + BETTER, LIKE_ENGLISH)
