"""The forms in which a leaked text still is a leak: spelled out, reversed, encoded, or wrapped in one another.

Whoever asks a model to hide its answer from a filter asks for one of these. Everything is bounded: in length, in
depth and in count.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

MOST_CHARACTERS = 64 * 1024
MOST_DEPTH = 2
MOST_FORMS = 200
MOST_RUNS = 64
SHORTEST_SECRET = 6
"""A shorter text turns up in ordinary words; it can not prove a leak."""

_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,4}[^\W_]){5,}(?![^\W_])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\s?[A-Za-z0-9+/_-]{8,}){0,40}={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]{10,}={0,6}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,-]{0,2}){6,}")
_BITS = re.compile(r"(?:[01]{8}[\s,-]{0,2}){6,}")
_ESCAPED = re.compile(r"\\u\{?([0-9a-fA-F]{4})\}?")


class Form(NamedTuple):
    """A text as it stands, or what it becomes when it is decoded."""

    name: str
    """How it was hidden: `plain`, `base64`, `rot13 in reversed` …"""
    text: str


def forms(text: str) -> Iterator[Form]:
    """Give the text and its decodings, plain first; each is folded in case and width and without invisible signs."""
    cut = text[:MOST_CHARACTERS]
    seen = {folded(cut)}
    yield Form("plain", folded(cut))
    layer = [Form("", cut)]
    for _ in range(MOST_DEPTH):
        inner: list[Form] = []
        for outer in layer:
            for name, decode in _DECODERS.items():
                for decoded in decode(outer.text):
                    plain = folded(decoded)
                    if plain in seen or not plain:
                        continue
                    seen.add(plain)
                    found = Form(f"{name} in {outer.name}" if outer.name else name, decoded)
                    inner.append(found)
                    yield Form(found.name, plain)
                    if len(seen) >= MOST_FORMS:
                        return
        layer = inner


def contains_secret(text: str, secret: str) -> str | None:
    """Say in which form a text holds the secret; None where it does not. Secrets that are too short never match."""
    wanted = folded(secret).strip()
    if sum(c.isalnum() for c in wanted) < SHORTEST_SECRET:
        return None
    pattern = _pattern(wanted)
    return next((form.name for form in forms(text) if pattern.search(form.text)), None)


def folded(text: str) -> str:
    """Take away what does not change how a text reads: case, width, invisible signs."""
    if text.isascii():
        return text.lower()
    compatible = unicodedata.normalize("NFKC", text)
    return "".join(c for c in compatible.casefold() if unicodedata.category(c) != "Cf")


def _pattern(secret: str) -> re.Pattern[str]:
    """Match the secret whatever stands between its parts; digits alone must stand by themselves.

    A secret with letters and digits is no ordinary text, so that anything may stand between any two signs of it. One
    of letters alone could be spelled across ordinary words: only its own gaps are free.
    """
    gap = r"[\W_]{0,3}"
    mixed = any(c.isdigit() for c in secret) and any(c.isalpha() for c in secret)
    parts = list(re.sub(r"[\W_]", "", secret)) if mixed else [p for p in re.split(r"[\W_]+", secret) if p]
    body = gap.join(re.escape(part) for part in parts)
    if not mixed:
        body = rf"(?<!\d){body}(?!\d)" if body[:1].isdigit() else body
    return re.compile(body)


def _spelled(text: str) -> Iterator[str]:
    """Join letters that stand one by one: `K R A`, `k-r-a`, one a line."""
    yield _SPELLED.sub(lambda run: re.sub(r"[\W_]", "", run[0]), folded(text))


def _reversed(text: str) -> Iterator[str]:
    yield text[::-1]


def _rot13(text: str) -> Iterator[str]:
    yield codecs.encode(text, "rot13")


def _percent(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text, errors="replace")


def _entities(text: str) -> Iterator[str]:
    if "&" in text:
        yield html.unescape(text)


def _escapes(text: str) -> Iterator[str]:
    if "\\u" in text:
        yield _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)


def _runs(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for index, run in enumerate(pattern.finditer(text)):
        if index >= MOST_RUNS:
            return
        yield run[0]


def _base64(text: str) -> Iterator[str]:
    for run in _runs(_BASE64, text):
        packed = re.sub(r"[\s=]", "", run).replace("-", "+").replace("_", "/")
        for start in range(4):  # letters in front of it may belong to something else
            part = packed[start:]
            part = part[: len(part) - 1] if len(part) % 4 == 1 else part
            yield from _readable(base64.b64decode, part + "=" * (-len(part) % 4))


def _base32(text: str) -> Iterator[str]:
    for run in _runs(_BASE32, text):
        part = run.rstrip("=")
        part = part[: len(part) - {1: 1, 3: 1, 6: 1}.get(len(part) % 8, 0)]
        yield from _readable(base64.b32decode, part + "=" * (-len(part) % 8))


def _hex(text: str) -> Iterator[str]:
    for run in _runs(_HEX, text):
        digits = re.sub(r"0x|\\x|[^0-9a-fA-F]", "", run)
        for start in (0, 1):
            even = digits[start : start + (len(digits) - start) // 2 * 2]
            yield from _readable(bytes.fromhex, even)


def _bits(text: str) -> Iterator[str]:
    for run in _runs(_BITS, text):
        digits = re.sub(r"[^01]", "", run)
        yield bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits) - 7, 8)).decode("utf-8", "replace")


def _readable(decode: Callable[[str], bytes], run: str) -> Iterator[str]:
    """Give what was decoded where it is text: random bytes are none."""
    try:
        text = decode(run).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return
    if (text.isascii() and text.isprintable() and text) or sum(
        c.isprintable() and c != "\ufffd" for c in text
    ) >= 0.8 * len(text) > 0:
        yield text


_DECODERS: dict[str, Callable[[str], Iterator[str]]] = {
    "spelled out": _spelled,
    "reversed": _reversed,
    "rot13": _rot13,
    "percent": _percent,
    "html": _entities,
    "unicode escapes": _escapes,
    "base64": _base64,
    "base32": _base32,
    "hex": _hex,
    "binary": _bits,
}
