"""Words into the pieces that the encoder knows: BERT's lower-case rules (Devlin et al. 2019), for its vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

MOST_WORD: Final = 100
"""Characters; a longer word is unknown, as it was when the encoder learned."""
MOST_CACHED: Final = 50_000
_IDEOGRAPHS: Final = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class WordPieces:
    """A vocabulary, and the numbers of a text's pieces in it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._of = {piece: number for number, piece in enumerate(vocabulary)}
        self.begin, self.end = self._of["[CLS]"], self._of["[SEP]"]
        self._unknown = self._of["[UNK]"]
        self._known: dict[str, tuple[int, ...]] = {}

    def numbers(self, text: str) -> list[int]:
        """Give the numbers of all pieces of a text, without those of its begin and end."""
        found: list[int] = []
        for word in _words(text):
            found += self._pieces(word)
        return found

    def _pieces(self, word: str) -> tuple[int, ...]:
        known = self._known.get(word)
        if known is None:
            known = self._cut(word)
            if len(self._known) < MOST_CACHED:
                self._known[word] = known
        return known

    def _cut(self, word: str) -> tuple[int, ...]:
        """Take the longest piece that is known from the left, again and again."""
        if len(word) > MOST_WORD:
            return (self._unknown,)
        found: list[int] = []
        at = 0
        while at < len(word):
            end = len(word)
            while end > at:
                number = self._of.get(word[at:end] if at == 0 else f"##{word[at:end]}")
                if number is not None:
                    found.append(number)
                    break
                end -= 1
            if end == at:
                return (self._unknown,)
            at = end
        return tuple(found)


def _words(text: str) -> list[str]:
    """Split at white space, around punctuation and around ideographs; without case and accents."""
    out: list[str] = []
    for sign in unicodedata.normalize("NFD", _spaced(text).lower()):
        if sign.isascii():
            out.append(sign if sign.isalnum() or sign == " " else f" {sign} ")
        elif (kind := unicodedata.category(sign)) != "Mn":
            out.append(f" {sign} " if kind.startswith("P") else sign)
    return "".join(out).split()


def _spaced(text: str) -> str:
    out: list[str] = []
    for sign in text:
        if " " <= sign <= "~":
            out.append(sign)
        elif sign in "\t\n\r" or unicodedata.category(sign) == "Zs":
            out.append(" ")
        elif sign in "\x00\ufffd" or unicodedata.category(sign) in ("Cc", "Cf", "Cn", "Co", "Cs"):
            continue
        elif any(first <= ord(sign) <= last for first, last in _IDEOGRAPHS):
            out.append(f" {sign} ")
        else:
            out.append(sign)
    return "".join(out)
