"""Disguises that leave a text readable for a model: other widths, invisible signs, letters of other scripts.

Sources: Unicode 16 (UTS #39 for confusables, UTS #51 for emoji sequences).
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from safecase.detectors.views.english import LIKE_WORDS, pairs

_RANGES: Final = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180E, 0x180E),
    (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
)  # fmt: skip
_INVISIBLE: Final = frozenset(code for first, last in _RANGES for code in range(first, last + 1))
_TAGS: Final = range(0xE0000, 0xE0080)
_SELECTORS: Final = range(0xE0100, 0xE01F0)
_JOINERS: Final = frozenset({0x200C, 0x200D})
_JOINED: Final = re.compile(
    "[\u0600-\u06ff\u0750-\u077f\u0900-\u0dff\u1000-\u109f\ufb50-\ufdff\ufe70-\ufeff\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Scripts in which joiners shape letters, and emoji that they join."""
_FLAG: Final = re.compile(
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""England, Scotland, Wales: the only ones in general use. More would be room to hide in."""
_STACKED: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3,}|(?<=[A-Za-z])[\u0334-\u0338]"
)
"""More marks than any language stacks, and letters struck through."""
_SELECTED: Final = re.compile(
    "(?:[0-9#*](?=\ufe0f\u20e3)|[\xa9\xae\u203c-\u3299\U0001f000-\U0001faff])"
    "[\ufe0e\ufe0f](?![\ufe00-\ufe0f\U000e0100-\U000e01ef])"
)
"""One selector behind a sign that may be an emoji: how to draw it. Smuggled bytes come in rows."""
MOST_SPREAD: Final = 4096
"""Beyond so many characters, a sign that stands for more than four stays as it is."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN: Final = re.compile("[A-Za-z]")
_LOOKS: Final = str.maketrans(
    "авеѕікмнорстухԁԍһјӏԛԝАВЕЅІКМНОРСТХУЈԌαβγειικνορτυχωϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "abesikmhopctyxdghjlqwABESIKMHOPCTXYJGabyeiikvoptuxwcjABEZHIKMNOPTYX",
)


class Plain(NamedTuple):
    """A text without its disguises."""

    text: str
    offsets: Sequence[int] | None
    tags: str
    """What tag characters spell, which no reader sees and every model reads."""
    tags_at: tuple[int, int]
    smuggled: str
    """What rows of variation selectors spell, a byte each."""
    smuggled_at: tuple[int, int]


def undisguised(text: str) -> Plain:
    """Take the disguises off; a text in ASCII wears none."""
    if text.isascii():
        return Plain(text, None, "", (0, 0), "", (0, 0))
    kept = _kept(text)
    stacked = bytearray(len(text))
    for run in _STACKED.finditer(text):
        stacked[run.start() : run.end()] = b"\1" * (run.end() - run.start())
    out: list[str] = []
    offsets = array("I")
    tags, bytes_, marks = [], bytearray(), 0
    tags_at, bytes_at = [len(text), 0], [len(text), 0]
    for at, sign in enumerate(text):
        code = ord(sign)
        if code < 0x80 or at in kept:
            marks = 0
            out.append(sign)
            offsets.append(at)
            continue
        if code in _TAGS:
            tags.append(chr(code - 0xE0000) if 0x20 <= code - 0xE0000 < 0x7F else "")
            tags_at = [min(tags_at[0], at), at + 1]
            continue
        if 0xFE00 <= code < 0xFE10 or code in _SELECTORS:
            bytes_.append(code - 0xFE00 if code < 0xFE10 else code - 0xE0100 + 16)
            bytes_at = [min(bytes_at[0], at), at + 1]
            continue
        if stacked[at] or (code in _INVISIBLE and not (code in _JOINERS and _shapes(text, at))):
            continue
        if unicodedata.combining(sign):
            marks += 1
            if marks > 2:
                continue  # more marks than any language stacks
        else:
            marks = 0
        _append(sign, at, out, offsets)
    plain = "".join(out)
    plain = _WORD.sub(_one_script, plain)
    smuggled = bytes_.decode("utf-8", "replace") if len(bytes_) >= 4 else ""
    return Plain(plain, offsets, "".join(tags), _pair(tags_at), smuggled, _pair(bytes_at))


def _one_script(word: re.Match[str]) -> str:
    return word[0].translate(_LOOKS) if not word[0].isascii() and _LATIN.search(word[0]) else word[0]


def _append(sign: str, at: int, out: list[str], offsets: array[int]) -> None:
    """Add what a sign stands for (NFKC), each mark composed with its letter."""
    parts = unicodedata.normalize("NFKC", sign)
    if len(parts) > 4 and len(out) > MOST_SPREAD:
        parts = sign
    for part in parts:
        if out and unicodedata.combining(part):
            joined = unicodedata.normalize("NFC", out[-1] + part)
            if len(joined) == 1:
                out[-1] = joined
                continue
        out.append(part)
        offsets.append(at)


def _kept(text: str) -> set[int]:
    """Give where tags and selectors belong to flags and emoji."""
    kept = {at for flag in _FLAG.finditer(text) for at in range(flag.start() + 1, flag.end())}
    kept.update(sign.end() - 1 for sign in _SELECTED.finditer(text))
    return kept


def _pair(ends: list[int]) -> tuple[int, int]:
    return ends[0], max(ends)


def _shapes(text: str, at: int) -> bool:
    """Say whether a joiner stands where a script or an emoji needs it."""
    around = text[max(0, at - 2) : at] + text[at + 1 : at + 3]
    return bool(_JOINED.search(around))


def unspaced(text: str) -> Iterator[tuple[str, int, int]]:
    """Give words whose letters stand one by one, joined, and where they stand."""
    for run in _SPACED.finditer(text):
        if not _LATIN.search(run[0]) and run[0].isascii():
            continue  # a row of digits
        words = re.split(r"\s{2,}|[^\S\n]*\n\s*|\s*[/|]\s*", run[0])
        yield " ".join(re.sub(r"[\W_]", "", word) for word in words), run.start(), run.end()


_SPACED: Final = re.compile(r"(?<![^\W_])[^\W_](?:[ \t.\-_*/|,]{1,3}[^\W_]){5,400}(?![^\W_])")
_LEET: Final = str.maketrans("013457@$!8", "oieastasib")
_LEET_ANY: Final = re.compile(r"(?<![\w@$!.=&?/:#%+~\\-])(?!0[xX])[a-zA-Z013457@$!8]{2,24}(?![\w@$!=&/#%+~(\\-])")
"""A word by itself: no part of an address, an identifier or an expression."""
_LEET_SIGN: Final = re.compile("[013457@$!8]")
LEAST_SIGNS: Final = 2
LEAST_LENGTH: Final = 5
"""Shorter ones are abbreviations (i18n, a11y, l10n)."""


def unleeted(text: str) -> str:
    """Put letters for the digits and signs that stand for them, once a word has two of them or more."""
    if not _LEET_SIGN.search(text):
        return text
    words = [word[0] for word in _LEET_ANY.finditer(text) if _is_leet(word[0])]
    turned = " ".join(words).translate(_LEET)
    if not words or pairs(turned) < LIKE_WORDS:
        return text
    return _LEET_ANY.sub(lambda word: word[0].translate(_LEET) if re.search("[A-Za-z]", word[0]) else word[0], text)


def _is_leet(word: str) -> bool:
    body = word.rstrip("!")
    signs = len(_LEET_SIGN.findall(body))
    return len(body) >= LEAST_LENGTH and signs >= LEAST_SIGNS and len(body) - signs >= LEAST_SIGNS
