"""One way to write a text, so that the same value is the same wherever it stands: signs, encodings, spellings."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

MOST_LAYERS: Final = 3
MOST_RUNS: Final = 200
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_DOTS: Final = str.maketrans("。｡", "..")
_ESCAPE: Final = re.compile(r"\\(?:u\{?([0-9a-fA-F]{4})\}?|x([0-9a-fA-F]{2}))")
_SPELLED: Final = re.compile(r"[\[({<] ?(?:at|dot|\.|@) ?[\])}>]|\b(?:dot|hxxp)|[\s_]@|@\s|＠", re.IGNORECASE)
_AT_SIGN: Final = re.compile(
    r"\s{0,3}[\[({<] ?(?:at|@) ?[\])}>]\s{0,3}|(?<=[\w.]) {1,3}@ {0,3}(?=[\w-]+\.)", re.IGNORECASE
)
_DOT_SIGN: Final = re.compile(r"\s{0,3}[\[({<] ?(?:dot|\.) ?[\])}>]\s{0,3}", re.IGNORECASE)
_WORDS: Final = re.compile(
    r"(?<![\w.-])([\w.+-]{1,64}) {1,3}at {1,3}([\w-]{1,63}(?: {1,3}dot {1,3}[\w-]{1,63}){1,6})(?![\w-])", re.IGNORECASE
)
_DOT_WORD: Final = re.compile(r" {1,3}dot {1,3}", re.IGNORECASE)
_HXXP: Final = re.compile(r"\bhxxp(s?)(?=:)", re.IGNORECASE)
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}+={0,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){8,}+(?![0-9A-Za-z])")


def opened(text: str) -> str:
    """Take off what changes the writing and not the value: width, unseen signs, encodings, spelled-out signs."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_DOTS)
    for _ in range(MOST_LAYERS):
        before = text
        if "&" in text:
            text = html.unescape(text)
        if "%" in text:
            text = unquote(text)
        if "\\" in text:
            text = _ESCAPE.sub(lambda code: chr(int(code[1] or code[2], 16)), text)
        if text == before:
            break
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_DOTS)
    return _unspelled(text) if _SPELLED.search(text) else text


def folded(text: str) -> str:
    """Give the text opened and without case."""
    return opened(text).casefold()


def inside(text: str) -> Iterator[str]:
    """Give what is packed in a text as base64 or hexadecimal digits, where that is text."""
    if len(text) < 12:
        return
    for pattern, unpack in ((_BASE64, _from_base64), (_HEX, bytes.fromhex)):
        for count, run in enumerate(pattern.finditer(text)):
            if count >= MOST_RUNS:
                return
            try:
                content = unpack(run[0]).decode("ascii")
            except (binascii.Error, ValueError):
                continue
            if content.isprintable():
                yield content


def _from_base64(run: str) -> bytes:
    packed = run.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(packed + "=" * (-len(packed) % 4))


def _unspelled(text: str) -> str:
    text = _DOT_SIGN.sub(".", _AT_SIGN.sub("@", text))
    text = _WORDS.sub(lambda found: f"{found[1]}@{_DOT_WORD.sub('.', found[2])}", text)
    return _HXXP.sub(r"http\1", text)
