"""Find personal data in a text: a cheap look whether any can be there, then the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.redaction.accounts import accounts, cards, wallets
from safecase.detectors.redaction.births import birth_dates
from safecase.detectors.redaction.contacts import emails, phones
from safecase.detectors.redaction.homes import addresses
from safecase.detectors.redaction.identities import identities, travel_documents
from safecase.detectors.redaction.kinds import Find
from safecase.detectors.redaction.networks import addresses_of_machines

_DIGIT = re.compile("[0-9]")
_SIX_DIGITS = re.compile(r"[0-9](?:[^0-9\n]{0,3}[0-9]){5}")
_LETTER_AND_DIGIT = re.compile("[A-Za-z][0-9]|[0-9][A-Za-z]")
_MIXED = re.compile(r"[A-Za-z]{5}[0-9]|[A-Za-z]{6}[0-9L-Vl-v]{2}[A-Ta-t]|[0-9A-Z]\.[0-9A-Z]{3}\.|[A-Za-z0-9]{26}")
_MACHINE = re.compile(
    r"[0-9]\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}[:.]|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:"
)
_BORN = ("born", "birth", "dob", "d.o", "geb", "né", "nee", "naissance", "nacid", "nacimi", "nasc", "nato", "nata")
_LIVES = (
    "addr", "adres", "live", "living", "resid", "domicil", "ship", "deliver", "wohn", "woont", "anschr", "habit",
    "demeur", "direcci", "vive", "indirizz", "abita", "endere", "mora",
)  # fmt: skip
"""Parts of the words behind which these stand: searches for words are many times faster than the rules."""


def find_personal(text: str, start: int = 0) -> Iterator[Find]:
    """Yield personal data from `start` on, rule by rule; finds of different rules may overlap.

    What stands before `start` only says what follows. All but e-mail has a digit.
    """
    if text.find("@", start) >= 0:
        yield from emails(text, start)
    if not _DIGIT.search(text, start):
        return
    if _SIX_DIGITS.search(text, start):
        yield from phones(text, start)
        yield from cards(text, start)
        yield from accounts(text, start)
        yield from identities(text, start)
        if "<" in text:
            yield from travel_documents(text, start)
    if _LETTER_AND_DIGIT.search(text, start) and _MIXED.search(text, start):
        yield from identities(text, start)
        yield from wallets(text, start)
    if ("." in text or ":" in text or "-" in text) and _MACHINE.search(text, start):
        yield from addresses_of_machines(text, start)
    lowered = text.lower()
    if any(map(lowered.__contains__, _BORN)):
        yield from birth_dates(text, start)
    if any(map(lowered.__contains__, _LIVES)):
        yield from addresses(text, start)
