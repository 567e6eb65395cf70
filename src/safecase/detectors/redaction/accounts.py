"""Payment cards, bank accounts and wallets in a text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from safecase.detectors.redaction.check_digits import luhn, mod_97
from safecase.detectors.redaction.kinds import CARD, END, IBAN, START, WALLET, Find, context
from safecase.detectors.redaction.wallets import base58check, bech32

_BLANK = "[ \u00a0\u2009\u202f]"
_GAP = "[ \u00a0\u2009\u202f.\u2010-\u2015\u2212-]"
_WHOLE = re.compile(rf"{START}(?<![0-9]\.)[0-9]{{14,18}}{END}(?!\.[0-9])", re.ASCII)
_LOOSE = re.compile(rf"{START}[0-9](?:{_GAP}{{0,2}}[0-9]){{13,18}}(?![0-9])", re.ASCII)
_GROUPED = re.compile(
    rf"{START}(?:[0-9]{{4}}(?P<a>{_GAP})[0-9]{{4}}(?P=a)[0-9]{{4}}(?P=a)[0-9]{{4}}(?:(?P=a)[0-9]{{3}})?"
    rf"|3[0-9]{{3}}(?P<b>{_GAP})[0-9]{{6}}(?P=b)[0-9]{{4,5}}){END}",
    re.ASCII,
)
_GROUP_BEFORE = re.compile(rf"{START}[0-9]{{4}}{_GAP}\Z", re.ASCII)
_GROUPS_BEHIND = re.compile(rf"(?:{_GAP}[0-9]{{4}}{END}){{2}}", re.ASCII)
_CARD_WORD = context(
    r"(?:credit|debit|payment|bank)?\s?card|visa|mastercard|amex|american express|pan|kreditkarte|karte\w*"
    r"|carte|tarjeta|carta|creditcard|cartão"
)


def cards(text: str, start: int) -> Iterator[Find]:
    """Yield card numbers: a range that is given out, Luhn's digit, and groups as they stand on a card.

    Digits in other groups are taken for a card only behind a word that says so: a table of numbers passes Luhn one
    time in ten.
    """
    for found in _WHOLE.finditer(text, start):
        if _is_card(found[0]):
            yield Find(found.start(), found.end(), CARD)
    for found in _GROUPED.finditer(text, start):
        if _is_card(_digits(found[0])) and not _in_table(found, text):
            yield Find(found.start(), found.end(), CARD)
    for found in _LOOSE.finditer(text, start):
        if _CARD_WORD(text, found.start()):
            end = _card_end(found)
            if end:
                yield Find(found.start(), end, CARD)


def _in_table(found: re.Match[str], text: str) -> bool:
    """Groups of four before it, or two of them behind it, make a table of it: an expiry is one."""
    before = _GROUP_BEFORE.search(text, max(0, found.start() - 6), found.start())
    return before is not None or _GROUPS_BEHIND.match(text, found.end()) is not None


def _card_end(run: re.Match[str]) -> int:
    """Behind a card's number its expiry may follow: take the longest beginning that is one."""
    digits = _digits(run[0])
    ends = [place.end() for place in re.finditer("[0-9]", run[0])]
    for count in range(len(digits), 13, -1):
        end = ends[count - 1]
        if not run[0][end : end + 1].isdigit() and _is_card(digits[:count]):
            return run.start() + end
    return 0


def _digits(written: str) -> str:
    return re.sub(r"[^0-9]", "", written)


_RANGES: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (400000, 499999, (16, 19)),  # Visa
    (510000, 559999, (16,)),
    (222100, 272099, (16,)),  # Mastercard
    (340000, 349999, (15,)),
    (370000, 379999, (15,)),  # American Express
    (601100, 601199, (16, 19)),
    (644000, 659999, (16, 19)),  # Discover
    (352800, 358999, (16, 19)),  # JCB
    (300000, 305999, (14,)),
    (360000, 369999, (14,)),
    (380000, 399999, (14,)),  # Diners Club
    (620000, 629999, (16, 17, 18, 19)),  # UnionPay
    (500000, 509999, (16,)),
    (560000, 589999, (16,)),
    (630000, 639999, (16,)),
    (670000, 679999, (16, 18, 19)),  # Maestro
    (220000, 220499, (16,)),  # Mir
)


def _is_card(digits: str) -> bool:
    head, length = int(digits[:6]), len(digits)
    known = length >= 14 and any(low <= head <= high and length in lengths for low, high, lengths in _RANGES)
    return known and len(set(digits)) > 1 and luhn(digits)


_COUNTRIES = dict(
    row.split(":")
    for row in [
        "AD:8n12c",
        "AE:19n",
        "AL:8n16c",
        "AT:16n",
        "AZ:4a20c",
        "BA:16n",
        "BE:12n",
        "BG:4a6n8c",
        "BH:4a14c",
        "BI:23n",
        "BR:23n1a1c",
        "BY:4c4n16c",
        "CH:5n12c",
        "CR:18n",
        "CY:8n16c",
        "CZ:20n",
        "DE:18n",
        "DJ:23n",
        "DK:14n",
        "DO:4c20n",
        "EE:16n",
        "EG:25n",
        "ES:20n",
        "FI:14n",
        "FK:2a12n",
        "FO:14n",
        "FR:10n11c2n",
        "GB:4a14n",
        "GE:2a16n",
        "GI:4a15c",
        "GL:14n",
        "GR:7n16c",
        "GT:24c",
        "HN:4a20n",
        "HR:17n",
        "HU:24n",
        "IE:4a14n",
        "IL:19n",
        "IQ:4a15n",
        "IS:22n",
        "IT:1a10n12c",
        "JO:4a4n18c",
        "KW:4a22c",
        "KZ:3n13c",
        "LB:4n20c",
        "LC:4a24c",
        "LI:5n12c",
        "LT:16n",
        "LU:3n13c",
        "LV:4a13c",
        "LY:21n",
        "MC:10n11c2n",
        "MD:20c",
        "ME:18n",
        "MK:3n10c2n",
        "MN:16n",
        "MR:23n",
        "MT:4a5n18c",
        "MU:4a19n3a",
        "NI:4a20n",
        "NL:4a10n",
        "NO:11n",
        "OM:3n16c",
        "PK:4a16c",
        "PL:24n",
        "PS:4a21c",
        "PT:21n",
        "QA:4a21c",
        "RO:4a16c",
        "RS:18n",
        "RU:14n15c",
        "SA:2n18c",
        "SC:4a20n3a",
        "SD:14n",
        "SE:20n",
        "SI:15n",
        "SK:20n",
        "SM:1a10n12c",
        "SO:19n",
        "ST:21n",
        "SV:4a20n",
        "TL:19n",
        "TN:20n",
        "TR:6n16c",
        "UA:6n19c",
        "VA:18n",
        "VG:4a16n",
        "XK:16n",
        "YE:4a4n18c",
    ]
)
"""What follows the check digits in each country (ISO 13616's register): n digits, a letters, c either."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ \u00a0\u2009\u202f-]?[A-Za-z0-9])")


def accounts(text: str, start: int) -> Iterator[Find]:
    """Yield IBANs of the length and make-up of their country whose check digits are right."""
    for head in _IBAN.finditer(text, start):
        spec = _COUNTRIES.get(head[0][:2].upper())
        found = _account(spec).match(text, head.start()) if spec else None
        if found and mod_97(re.sub(r"[^0-9A-Z]", "", found[0].upper())):
            yield Find(found.start(), found.end(), IBAN)


@functools.cache
def _account(spec: str) -> re.Pattern[str]:
    letters = {"n": "[0-9]", "a": "[A-Za-z]", "c": "[A-Za-z0-9]"}
    gap = "[ \u00a0\u2009\u202f-]?"
    body = "".join(f"(?:{gap}{letters[kind]}){{{count}}}" for count, kind in re.findall(r"([0-9]+)([nac])", spec))
    return re.compile(rf"[A-Za-z]{{2}}[0-9]{{2}}{body}(?![A-Za-z0-9])")


_BASE58 = re.compile(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{26,35}(?![A-Za-z0-9])")
_BECH32 = re.compile(r"(?<![A-Za-z0-9])(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,87}(?![A-Za-z0-9])", re.IGNORECASE | re.ASCII)
_ETHER = re.compile(r"(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])")
_ETHER_WORD = context(r"wallet|ethereum|ether|eth|erc-?20|usdt|usdc|metamask")


def wallets(text: str, start: int) -> Iterator[Find]:
    """Yield wallet addresses with their checksum; Ethereum's, which may have none, behind a word."""
    for found in _BASE58.finditer(text, start):
        if base58check(found[0]):
            yield Find(found.start(), found.end(), WALLET)
    for found in _BECH32.finditer(text, start):
        if bech32(found[0]):
            yield Find(found.start(), found.end(), WALLET)
    for found in _ETHER.finditer(text, start):
        if _ETHER_WORD(text, found.start()):
            yield Find(found.start(), found.end(), WALLET)
