"""Addresses of machines in a text: public IP addresses and MAC addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from safecase.detectors.redaction.kinds import IP, MAC, Find, context

_FOUR = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\w|[-+][A-Za-z0-9])", re.ASCII)
_SIX = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
_MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:]|-\w)", re.ASCII)
_MAC_DOTTED = re.compile(r"(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])", re.ASCII)
_MAC_WORD = context(r"mac(?:\s?address)?|hwaddr|ether|ethernet|bssid|lladdr")

_WORD_BEFORE = re.compile(r"([a-z§]+)[\s:.=\"'(]{0,6}\Z")
_NUMBERED = frozenset(
    (
        "v", "ver", "version", "versions", "release", "build", "rev", "revision", "firmware", "driver", "section",
        "sections", "sec", "§", "chapter", "clause", "table", "figure", "fig", "step", "item", "oid",
        "objectidentifier", "identifier", "abschnitt", "kapitel", "ziffer", "article", "appendix",
    )
)  # fmt: skip
"""What has four numbers as an address has."""
_COMPARED = re.compile(r"(?:[<>~^]|[<>~^!=]=)\s?\Z|\w[-_/]\Z")
_HOST = context(
    r"ip(?:v4)?s?|address(?:es)?|addr|dns|hosts?|servers?|ping|resolver|nameserver|gateway|https?|ssh|from|curl|clients?"
    r"|at|connect\w*|visit\w*|log(?:ged)? ?in|via|nodes?|listen\w*|bind|blocked|banned|source|destination|peer|proxy"
)
_RELEASE = context(r"versions?|releases?|upgrad\w*|updat\w*|downgrad\w*|bump\w*|install\w*|pip|package")
_IN_USE = re.compile(r":[0-9]{2,5}(?![0-9])|/[0-9]{1,2}(?![0-9])| - ")
"""A port, a network's size, or the next field of a server's log."""
_SET_OFF = re.compile(r"(?:\A|\n|[\"'`(\[{,;|])[ \t]{0,4}\Z")


def addresses_of_machines(text: str, start: int) -> Iterator[Find]:
    """Yield public IP addresses, those of documentation (RFC 5737, RFC 3849) among them, and MAC addresses.

    Four numbers behind "version" or "section" are none, and four below 100, as most versions are and one address in
    forty is, only behind a word such as "host", before a port, or where no word stands before them.
    """
    for found in _FOUR.finditer(text, start):
        if _is_public(found[0]) and not _is_version(text, found):
            yield Find(found.start(), found.end(), IP)
    for found in _SIX.finditer(text, start):
        if _is_public(found[0]):
            yield Find(found.start(), found.end(), IP)
    for found in _MAC.finditer(text, start):
        if len(set(found[0].lower()) - {":", "-"}) > 1:
            yield Find(found.start(), found.end(), MAC)
    for found in _MAC_DOTTED.finditer(text, start):
        if _MAC_WORD(text, found.start()):
            yield Find(found.start(), found.end(), MAC)


def _is_version(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - 20) : found.start()].lower()
    if before.endswith(("//", "@")) or _IN_USE.match(text, found.end()):
        return False
    word = _WORD_BEFORE.search(before)
    if (word and word[1] in _NUMBERED) or _COMPARED.search(before):
        return True
    longest = max(map(len, found[0].split(".")))
    if longest > 2 or (longest == 2 and _SET_OFF.search(before)):
        return False
    return not _HOST(text, found.start()) or _RELEASE(text, found.start())


_DOCUMENTATION = tuple(
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


def _is_public(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return (address.is_global and not address.is_multicast) or any(address in net for net in _DOCUMENTATION)
