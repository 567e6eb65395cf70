"""What is encoded in a text: each encoding found by its own signs, decoded where it gives text."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from safecase.detectors.views.english import SURELY_ENGLISH, reads_better, share

MOST_RUNS: Final = 512
"""Of one kind, in one text; decoys are cheap, so that it is many."""
READABLE: Final = 0.85
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_LINES: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{2,})+={0,2}")
_GROUPS: Final = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4}\s?){4,}[A-Za-z0-9+/_-]{0,3}={0,2}")
_BASE32: Final = re.compile(r"(?<![A-Z2-7a-z])[A-Z2-7]{24,}={0,6}")
_HEX: Final = re.compile(r"(?<![0-9a-fA-F])(?:(?:\\x|0x)?[0-9a-fA-F]{2}[\s:,]?){12,}")
_BITS: Final = re.compile(r"(?<![01])(?:[01]{8}[\s,]{0,2}){8,}")
_PERCENT: Final = re.compile(r"(?:[^\s%]{0,3}%[0-9a-fA-F]{2}){3,}[^\s%]{0,200}")
_ENTITIES: Final = re.compile(r"(?:&#x?[0-9a-fA-F]{1,6};?[^&\n]{0,3}){3,}")
_ESCAPES: Final = re.compile(r"(?:\\u\{?[0-9a-fA-F]{4}\}?[^\\\n]{0,3}){3,}")
_ESCAPE: Final = re.compile(r"\\u\{?([0-9a-fA-F]{4})\}?")
_COMMENT: Final = re.compile(r"<!--(?:(?!<!--).){8,4000}?-->", re.DOTALL)
_ANY: Final = re.compile(
    r"[A-Za-z0-9+/_-]{16}|(?:[A-Za-z0-9+/_-]{4}\s){4}|[A-Z2-7]{24}|[0-9a-fA-F]{2}[\s:,][0-9a-fA-F]{2}[\s:,]|\\x|0x[0-9a-fA-F]{2}"
    r"|[01]{8}|%[0-9a-fA-F]{2}|&#|\\u|<!--"
)


class Decoded(NamedTuple):
    """What came out, and where its encoding stands."""

    text: str
    how: tuple[str, ...]
    """Empty: there was more than is looked at."""
    start: int
    end: int


def decoded(text: str) -> Iterator[Decoded]:
    """Give what is encoded in a text, one layer deep."""
    if _ANY.search(text):
        for how, pattern, decode in _RUNS:
            for count, run in enumerate(pattern.finditer(text)):
                if count >= MOST_RUNS:
                    yield Decoded("", (), 0, 0)
                    break
                for found in decode(run[0]):
                    if found and found != run[0]:
                        yield Decoded(found, (how,), run.start(), run.end())
    # What reads like English already needs no turning, and what is no prose is none when it is turned.
    before = share(text) if len(text) >= 24 and _is_prose(text) else 1.0
    if before < SURELY_ENGLISH:
        turned, back = codecs.encode(text, "rot13"), text[::-1]
        for hows, read in ((("rot13",), turned), (("reversed",), back), (("reversed", "rot13"), turned[::-1])):
            if reads_better(read, before):
                yield Decoded(read, hows, 0, len(text))


def _is_prose(text: str) -> bool:
    seen = text[:600]
    return sum(sign.isalpha() or sign.isspace() for sign in seen) >= 0.78 * len(seen)


def _readable(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    seen = text if text.isascii() else [sign for sign in text if unicodedata.category(sign) not in ("Cf", "Mn")]
    good = sum((sign.isprintable() and sign != "\ufffd") or sign in "\r\n\t" for sign in seen)
    letters = sum(sign.isalpha() or sign == " " for sign in seen)
    return text if seen and good >= READABLE * len(seen) and letters >= 0.5 * len(seen) else ""


def _base64(run: str) -> Iterator[str]:
    packed = re.sub(r"[\s=]", "", run).replace("-", "+").replace("_", "/")
    if packed.isalpha() and (packed.islower() or packed.isupper()):
        return
    part = packed[: len(packed) - 1] if len(packed) % 4 == 1 else packed
    try:
        yield _readable(base64.b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return


def _base32(run: str) -> Iterator[str]:
    part = run.rstrip("=")
    try:
        yield _readable(base64.b32decode(part + "=" * (-len(part) % 8)))
    except (binascii.Error, ValueError):
        return


def _hex(run: str) -> Iterator[str]:
    digits = re.sub(r"0x|\\x|[^0-9a-fA-F]", "", run)
    yield _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _bits(run: str) -> Iterator[str]:
    digits = re.sub(r"[^01]", "", run)
    yield _readable(bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) - 7, 8)))


def _percent(run: str) -> Iterator[str]:
    yield _readable(unquote_to_bytes(run.encode("utf-8", "replace")))


def _entities(run: str) -> Iterator[str]:
    yield html.unescape(run)


def _escapes(run: str) -> Iterator[str]:
    yield _ESCAPE.sub(lambda code: chr(int(code[1], 16)), run)


def _comment(run: str) -> Iterator[str]:
    yield run[4:-3].strip()


_RUNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], Iterator[str]]], ...]] = (
    ("base64", _BASE64, _base64),
    ("base64", _LINES, _base64),
    ("base64", _GROUPS, _base64),
    ("base32", _BASE32, _base32),
    ("hex", _HEX, _hex),
    ("binary", _BITS, _bits),
    ("percent", _PERCENT, _percent),
    ("entities", _ENTITIES, _entities),
    ("escapes", _ESCAPES, _escapes),
    ("comment", _COMMENT, _comment),
)
