"""Street addresses in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.redaction.kinds import ADDRESS, START, Find, context

_NAME = "[A-Z\u00c0-\u00de][A-Za-z\u00c0-\u024f'’-]{0,30}"
_CODE = r",? (?:(?:[A-Z]{1,2}[- ]?)?[0-9]{4,5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2})(?![0-9A-Za-z])"
_CITY = rf"(?:(?:{_CODE}|,) {_NAME}(?: {_NAME}){{0,2}}(?![0-9A-Za-z\u00c0-\u024f])){{0,2}}(?:{_CODE})?"
_STREET = re.compile(
    rf"{START}(?:[0-9]{{1,5}}[A-Za-z]?,? (?:(?:{_NAME}\.?|[0-9]{{1,3}}(?:st|nd|rd|th)) ){{1,4}}?"
    r"(?i:street|st|road|rd|avenue|ave|av|lane|ln|drive|dr|boulevard|blvd|court|ct|square|sq|place|pl|terrace|way|close"
    r"|crescent|parkway|pkwy|highway|hwy|gardens|row|mews)\b\.?"
    r"(?: (?:[NS][EW]?|[EW])\b)?(?:,? (?:Apt|Apartment|Suite|Unit|Flat)\.? [0-9A-Za-z]{1,5}\b)?"
    r"|[0-9]{1,4}(?: (?:bis|ter))?,? (?i:rue|avenue|boulevard|place|allée|impasse|chemin|quai|cours)"
    rf"(?: (?:de|du|des|la|le|les|{_NAME})){{1,5}}"
    rf"|(?:{_NAME} ){{0,2}}?[A-Z\u00c0-\u00de]?[a-zäöüß-]{{0,30}}"
    r"(?i:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer|straat|laan|plein|gracht) [0-9]{1,4}"
    r"(?: ?[a-zA-Z]\b)?"
    r"|(?i:calle|avenida|avda\.?|plaza|paseo|via|viale|piazza|corso|rua|travessa)"
    rf"(?: (?:de|del|della|dei|la|el|los|las|di|da|do|dos|{_NAME})){{1,5}},? [0-9]{{1,4}}\b)"
    rf"(?:{_CITY})"
)
_ADDRESS_WORD = context(
    r"address(?:\s+is)?|lives? (?:at|in|on)|living at|resid(?:es?|ing|ence|ent)(?: (?:at|in|of))?|domiciled at"
    r"|ship(?:ping)? to|deliver(?:ed)? to|wohnt (?:in|an)?|wohnhaft(?: in)?|anschrift|adresse|wohnort|habite|demeurant"
    r"|domicili\w*|direcci[óo]n|vive en|indirizzo|residente|abita|endere[çc]o|mora n[ao]|adres|woont"
)


def addresses(text: str, start: int) -> Iterator[Find]:
    """Yield street addresses behind a word that says that somebody lives or gets mail there."""
    for found in _STREET.finditer(text, start):
        if _ADDRESS_WORD(text, found.start()):
            yield Find(found.start(), found.end(), ADDRESS)
