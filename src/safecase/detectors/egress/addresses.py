"""Finding addresses in a text however they are spelt: with entities, percent signs, invisible signs, other widths."""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});?")
_HOST: Final = (
    r"(?:(?:[^\s/\\<>\"'`|^{}?#@:\[\]()]{1,64}\.)+[^\s/\\<>\"'`|^{}?#@:\[\]().]{2,24}|\d{7,12}|0x[0-9a-f]{6,10}"
    r"|\[[0-9a-f:.]+\])"
)
"""What can be a host outside of this machine and its network: a name with dots, or a number."""
ADDRESS: Final = re.compile(
    r"(?:"
    r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{1,20}:[/\\]{2,}"  # any scheme with slashes
    r"|(?<![A-Za-z0-9+.\-])(?:https?|ftp|wss?):(?=[^\s:])"  # browsers put the slashes
    r"|(?<![A-Za-z0-9+.\-])(?:javascript|vbscript|livescript|mailto|tel|sms|callto|facetime|skype|magnet|whatsapp|tg)"
    r":(?=[^\s:])"
    r"|(?<![A-Za-z0-9+.\-])data:(?=[a-z]+/|[;,])"
    r"|(?<![A-Za-z0-9+.\-])(?:file|blob|filesystem|about|view-source|ms-[a-z]+|itms-?[a-z]*|web\+[a-z]+):(?=[/\\]|https?:|[a-z-]{1,30}[:/|])"
    rf"|(?<![:A-Za-z0-9])[/\\]{{2,}}(?=(?:[^\s/\\@]{{0,80}}@)?{_HOST})"  # the scheme of the page
    r"|(?<![A-Za-z0-9.@-])www\.(?=\S)"
    r")[^\s<>\"'`|^{}]*",
    re.IGNORECASE,
)
DESTINATION: Final = re.compile(
    r"(?:\]\(\s{0,20}<?|\]:\s{0,20}<?|<|(?:href|src|action|data|poster|background|cite|ping)\s{0,9}=\s{0,9}[\"']?)"
    r"((?!https?:)[A-Za-z][A-Za-z0-9+.\-]{1,30}:(?!:)[^\s<>\"'`]*|[^\s<>@\"'`()\[\]]{1,100}@[^\s<>\"'`()\[\]]{1,100})",
    re.IGNORECASE,
)
"""Where markup makes a link of whatever stands there, whatever its scheme."""
BARE: Final = re.compile(
    r"(?<![\w@./\\:-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?"
    r"(?:[/?#][^\s<>\"'`|^{}]{0,2000})?"
)
"""A host without a scheme and what follows it: some clients make links of such."""
_TRAILING: Final = ".,;:!?)]}*_~"
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_PAIRS: Final = {"'": "'", '"': '"', "`": "`", "|": "|", "}": "{", "^": ""}


class Address(NamedTuple):
    """One address, and where it stands in the original text."""

    text: str
    start: int
    end: int
    bare: bool
    odd: bool
    """It is written so that another reader could take it for another address."""


class Plain(NamedTuple):
    """A text as a browser reads it, with the place of each character in the original."""

    text: str
    offsets: array[int] | None
    length: int


def plain(text: str, *, markdown: bool = False) -> Plain:
    """Undo what browsers undo, and what eyes do not see; for `markdown` also its escapes."""
    if text.isascii() and "&" not in text and not (markdown and "\\" in text):
        return Plain(text, None, len(text))
    out: list[str] = []
    offsets = array("I")
    at = 0
    while at < len(text):
        sign = text[at]
        entity = _ENTITY.match(text, at) if sign == "&" else None
        said = html.unescape(entity[0]) if entity else sign
        end = entity.end() if entity and said != entity[0] else at + 1
        said = said if end > at + 1 or not entity else sign
        if markdown and sign == "\\" and (escaped := _ESCAPED.match(text, at)):
            said, end = escaped[1], escaped.end()
        for one in said:
            if one > "\x7f" and (unicodedata.category(one) in ("Cf", "Mn") or one in "\u115f\u1160\u3164\uffa0"):
                continue
            parts = (
                one
                if one <= "\x7f"
                else unicodedata.normalize("NFKC", one).replace("\u3002", ".").replace("\uff61", ".")
            )
            for part in parts:
                if part != "\x00":
                    out.append(part)
                    offsets.append(at)
        at = end
    return Plain("".join(out), offsets, len(text))


def addresses(text: str) -> Iterator[Address]:
    """Give every address of a text as each of its readers would find it; they may overlap."""
    if not _MAY.search(text):
        return
    yield from _found(text, plain(text))
    if "\\" in text:
        yield from _found(text, plain(text, markdown=True))


def _found(text: str, read: Plain) -> Iterator[Address]:
    last = -1
    found = [(m.start(), m.end(), False) for m in ADDRESS.finditer(read.text)]
    found += [(m.start(1), m.end(1), False) for m in DESTINATION.finditer(read.text)]
    found += [(m.start(), m.end(), True) for m in BARE.finditer(read.text)]
    for start, whole, bare in sorted(found, key=lambda one: (one[0], -one[1])):
        end = whole
        if bare and start < last:
            continue  # part of an address that says its scheme
        while end > start and read.text[end - 1] in _TRAILING and not _balances(read.text, start, end):
            end -= 1
        last = last if bare else max(last, end)
        if end <= start:
            continue
        first, after = _place(read, start), _place(read, end)
        said = read.text[start:end]
        yield Address(said, first, after, bare, _is_odd(text, read, start, whole, first, said))


_MAY: Final = re.compile(r"[:/\\@.&\x80-\U0010ffff]|[wW]{3}")


def _is_odd(text: str, read: Plain, start: int, end: int, first: int, said: str) -> bool:
    """Say whether an address goes on where we stopped, or is spelt so that readers could take its host for another."""
    if start and read.text[start - 1] == "<" and read.text[end : end + 1] != ">":
        return True  # within these, an address may hold spaces
    if end < len(read.text) and read.text[end] in _PAIRS:
        before = read.text[start - 1] if start else ""
        if before != _PAIRS[read.text[end]] or not before:
            return True
    authority = re.match(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]*[^/\\?#]*", said)
    length = authority.end() + 1 if authority else 0  # with the sign that ends it
    return text[first : first + length] != said[:length] or "\\" in text[first : first + len(said)]


def _balances(text: str, start: int, end: int) -> bool:
    """Say whether a closing bracket at the end belongs to the address: then one opens in it."""
    closing = text[end - 1]
    opening = {")": "(", "]": "["}.get(closing)
    return opening is not None and text.count(opening, start, end) >= text.count(closing, start, end)


def _place(read: Plain, at: int) -> int:
    if read.offsets is None:
        return at
    return read.offsets[at] if at < len(read.offsets) else read.length
