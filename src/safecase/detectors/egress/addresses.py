"""Finding addresses in a text however they are spelt: with entities, percent signs, invisible signs, other widths."""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});?")
_APPS: Final = (
    "javascript|vbscript|livescript|data|file|blob|filesystem|mailto|tel|sms|callto|facetime|skype|slack|msteams|zoommtg"
    "|vscode(?:-insiders)?|cursor|jetbrains|ms-[a-z]+|intent|market|itms-?[a-z]*|whatsapp|tg|discord|steam|magnet|irc"
    "|ldap|gopher|smb|ssh|telnet|about|view-source|x-[a-z-]+|obsidian|notion|shortcuts|web\\+[a-z]+"
)
ADDRESS: Final = re.compile(
    r"(?:"
    r"(?<![A-Za-z0-9+.\-])(?:[A-Za-z][A-Za-z0-9+.\-]{1,20}):[/\\]{2,}"  # any scheme with slashes
    rf"|(?<![A-Za-z0-9+.\-])(?:{_APPS}|https?|ftp|wss?):(?=\S)"  # schemes that need none
    r"|(?<![:A-Za-z0-9])[/\\]{2,}(?=[A-Za-z0-9\[%])"  # the scheme of the page
    r"|(?<![A-Za-z0-9.@-])www\.(?=\S)"
    r")[^\s<>\"'`|^{}]*",
    re.IGNORECASE,
)
BARE: Final = re.compile(
    r"(?<![\w@./\\:-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?[/?#][^\s<>\"'`|^{}]{0,2000}"
)
"""A host without a scheme and what follows it: some clients make links of such."""
_TRAILING: Final = ".,;:!?)]}*_~"


class Address(NamedTuple):
    """One address, and where it stands in the original text."""

    text: str
    start: int
    end: int
    bare: bool


class Plain(NamedTuple):
    """A text as a browser reads it, with the place of each character in the original."""

    text: str
    offsets: array[int] | None
    length: int


def plain(text: str) -> Plain:
    """Undo what browsers undo, and what eyes do not see."""
    if text.isascii() and "&" not in text:
        return Plain(text, None, len(text))
    out: list[str] = []
    offsets = array("I")
    at = 0
    while at < len(text):
        entity = _ENTITY.match(text, at) if text[at] == "&" else None
        said = html.unescape(entity[0]) if entity else text[at]
        end = entity.end() if entity and said != entity[0] else at + 1
        said = said if end > at + 1 or not entity else text[at]
        for sign in said:
            if unicodedata.category(sign) in ("Cf", "Mn") or sign in "\u115f\u1160\u3164\uffa0\x00":
                continue
            for part in unicodedata.normalize("NFKC", sign).replace("\u3002", ".").replace("\uff61", "."):
                out.append(part)
                offsets.append(at)
        at = end
    return Plain("".join(out), offsets, len(text))


def addresses(text: str) -> Iterator[Address]:
    """Give every address of a text, in order, none within another."""
    if not _MAY.search(text) and text.isascii():
        return
    read = plain(text)
    last = -1
    found = [(m.start(), m.end(), False) for m in ADDRESS.finditer(read.text)]
    found += [(m.start(), m.end(), True) for m in BARE.finditer(read.text)]
    for start, end, bare in sorted(found):
        if start < last:
            continue
        while end > start and read.text[end - 1] in _TRAILING and not _balances(read.text, start, end):
            end -= 1
        last = end
        yield Address(read.text[start:end], _place(read, start), _place(read, end), bare)


_MAY: Final = re.compile(r"[:/\\]|www|&", re.IGNORECASE)


def _balances(text: str, start: int, end: int) -> bool:
    """Say whether a closing bracket at the end belongs to the address: then one opens in it."""
    closing = text[end - 1]
    opening = {")": "(", "]": "["}.get(closing)
    return opening is not None and text.count(opening, start, end) >= text.count(closing, start, end)


def _place(read: Plain, at: int) -> int:
    if read.offsets is None:
        return at
    return read.offsets[at] if at < len(read.offsets) else read.length
