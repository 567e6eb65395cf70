"""A stranger's text inside our own: between marks that nobody knew when it was written, so that it cannot end early."""

from __future__ import annotations

import random
from typing import Final

from safecase.vocabulary import Noun

_SIGNS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
MARK_SIGNS: Final = 16
MOST_CHARACTERS: Final = 12_000


class Enclosed(Noun, frozen=True):
    """A text between two marks."""

    mark: str
    text: str


def enclose(text: str, rng: random.Random) -> Enclosed:
    """Put a text between marks that do not stand in it; of a long one the beginning and the end."""
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
    mark = _mark(rng)
    while mark in text:
        mark = _mark(rng)
    return Enclosed(mark, f"[BEGIN {mark}]\n{text}\n[END {mark}]")


def _mark(rng: random.Random) -> str:
    return "".join(rng.choice(_SIGNS) for _ in range(MARK_SIGNS))
