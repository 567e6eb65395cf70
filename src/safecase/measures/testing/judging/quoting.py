"""What a reply says in its own words: without quotations, and without what it reads back to us."""

from __future__ import annotations

import re
from typing import Final

from safecase.engines.decoding import folded

RUN: Final = 4
"""So many words in a row of ours are read back, not said."""
QUOTED: Final = re.compile(
    r"\"[^\"]{1,2000}\"|“[^”]{1,2000}”|«[^»]{1,2000}»|„[^“”]{1,2000}[“”]|「[^」]{1,2000}」|(?<!\w)'[^'\n]{1,2000}'(?!\w)"
)
_WORD: Final = re.compile(r"\w+")


def own_words(reply: str, asked: str) -> str:
    """Give a reply without what it quotes and without rows of four words or more that stand in what was asked."""
    plain = QUOTED.sub(lambda quoted: quoted[0] if len(_WORD.findall(quoted[0])) < RUN else " ", reply)
    ours = [folded(word) for word in _WORD.findall(asked)]
    rows = {tuple(ours[at : at + RUN]) for at in range(len(ours) - RUN + 1)}
    words = list(_WORD.finditer(plain))
    read_back: set[int] = set()
    for at in range(len(words) - RUN + 1):
        if tuple(folded(word[0]) for word in words[at : at + RUN]) in rows:
            read_back.update(range(at, at + RUN))
    for at in sorted(read_back, reverse=True):
        plain = plain[: words[at].start()] + plain[words[at].end() :]
    return plain
