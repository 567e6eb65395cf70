"""Noise as people make it when they type: slips of the finger, no capitals, no signs. What is asked stays the same."""

from __future__ import annotations

import random
import re
from typing import Final

SLIPS: Final = 6
"""One slip in so many words, and one at least."""
SHORTEST: Final = 4
"""Letters of a word in which somebody slips: a slip in a shorter one may make another word of it."""
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE: Final = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _KEYS for at, key in enumerate(row)}
_EXACT: Final = re.compile(r"\S*\d\S*|https?://\S+|\S+@\S+|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|[A-Z]{2,}\S*")
"""Numbers, addresses, code, quotations and abbreviations: who writes them looks at them."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_SIGNS: Final = re.compile(r"[.,;:!?]+(?=\s|$)")


def disturbed(text: str, rng: random.Random) -> str:
    """Give a text as somebody in a hurry types it; the same generator gives the same."""
    parts, end = [], 0
    for found in _EXACT.finditer(text):
        parts += [_typed(text[end : found.start()]), found[0]]
        end = found.end()
    parts.append(_typed(text[end:]))
    words = [
        (number, found.span())
        for number in range(0, len(parts), 2)
        for found in _WORD.finditer(parts[number])
        if len(found[0]) >= SHORTEST and found[0].upper() != found[0]  # a script with letters, and no signs for words
    ]
    chosen = rng.sample(words, min(len(words), max(1, len(words) // SLIPS)))
    for number, (start, stop) in sorted(chosen, reverse=True):  # from behind: what stands before keeps its place
        part = parts[number]
        parts[number] = part[:start] + _slipped(part[start:stop], rng) + part[stop:]
    return "".join(parts)


def _typed(text: str) -> str:
    return _SIGNS.sub("", text).lower()


def _slipped(word: str, rng: random.Random) -> str:
    """Swap two letters, leave one out, double one, or hit the key beside it; the first letter is right."""
    at = rng.randrange(1, len(word) - 1)
    beside = _BESIDE.get(word[at], "")
    ways = [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    ]
    if beside:
        ways.append(word[:at] + rng.choice(beside) + word[at + 1 :])
    return rng.choice([way for way in ways if way != word])
