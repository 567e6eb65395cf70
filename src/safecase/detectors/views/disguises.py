"""Disguises that leave a text readable for a model: other widths, invisible signs, letters of other scripts.

Sources: Unicode 16 (UTS #39 for confusables, UTS #51 for emoji sequences).
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

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
_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_MIXED: Final = re.compile(r"[^\W\d_]*(?:[A-Za-z][^\W\d_A-Za-z]|[^\W\d_A-Za-z][A-Za-z])[^\W\d_]*")
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
    flags = {at for flag in _FLAG.finditer(text) for at in range(flag.start() + 1, flag.end())}
    out: list[str] = []
    offsets = array("I")
    tags, bytes_, marks = [], bytearray(), 0
    tags_at, bytes_at = [len(text), 0], [len(text), 0]
    for at, sign in enumerate(text):
        code = ord(sign)
        if code < 0x80:
            marks = 0
            out.append(sign)
            offsets.append(at)
            continue
        if code in _TAGS:
            if at not in flags:
                tags.append(chr(code - 0xE0000) if 0x20 <= code - 0xE0000 < 0x7F else "")
                tags_at = [min(tags_at[0], at), at + 1]
            continue
        if 0xFE00 <= code < 0xFE10 or code in _SELECTORS:
            bytes_.append(code - 0xFE00 if code < 0xFE10 else code - 0xE0100 + 16)
            bytes_at = [min(bytes_at[0], at), at + 1]
            continue
        if code in _INVISIBLE and not (code in _JOINERS and _shapes(text, at)):
            continue
        if unicodedata.combining(sign):
            marks += 1
            if marks > 2:
                continue  # more marks than any language stacks
        else:
            marks = 0
        for part in unicodedata.normalize("NFKC", sign):
            out.append(part)
            offsets.append(at)
    plain = "".join(out)
    plain = _MIXED.sub(lambda word: word[0].translate(_LOOKS), plain)
    smuggled = bytes_.decode("utf-8", "replace") if len(bytes_) >= 4 else ""
    return Plain(plain, offsets, "".join(tags), _pair(tags_at), smuggled, _pair(bytes_at))


def _pair(ends: list[int]) -> tuple[int, int]:
    return ends[0], max(ends)


def _shapes(text: str, at: int) -> bool:
    """Say whether a joiner stands where a script or an emoji needs it."""
    around = text[max(0, at - 2) : at] + text[at + 1 : at + 3]
    return bool(_JOINED.search(around))


def unspaced(text: str) -> Iterator[tuple[str, int, int]]:
    """Give words whose letters stand one by one, joined, and where they stand."""
    for run in _SPACED.finditer(text):
        words = re.split(r"\s{2,}|[^\S\n]*\n\s*|\s*[/|]\s*", run[0])
        yield " ".join(re.sub(r"[\W_]", "", word) for word in words), run.start(), run.end()


_SPACED: Final = re.compile(r"(?<![^\W_])[^\W_](?:[ \t.\-_*/|,]{1,3}[^\W_]){5,400}(?![^\W_])")
_LEET: Final = str.maketrans("013457@$!|8", "oieastasilb")
_LEET_WORD: Final = re.compile(
    r"(?<![\w@$!|])(?=[a-zA-Z013457@$!|8]*[a-zA-Z])(?:[a-zA-Z]*[013457@$!|8]){2}[a-zA-Z013457@$!|8]*"
)
_LEET_ANY: Final = re.compile(r"(?<![\w@$!|])(?=[a-zA-Z013457@$!|8]{0,40}[a-zA-Z])[a-zA-Z013457@$!|8]{2,60}")


def unleeted(text: str) -> str:
    """Put letters for the digits and signs that stand for them, once a word has two of them or more."""
    if not _LEET_WORD.search(text):
        return text
    return _LEET_ANY.sub(lambda word: word[0].translate(_LEET), text)
