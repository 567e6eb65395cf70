"""Dates of birth in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.redaction.kinds import BIRTH_DATE, Find, context

_MONTHS = (
    r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|f[eé]vr|avr|juin|juil|ao[uû]t|d[eé]c|ene|abr|ago|dic"
    r"|gen|mag|giu|lug|set|ott|mrt|mei|fev|out)[a-zé\u00c0-\u024f]{0,8}\.?"
)
_DATE = re.compile(
    r"(?i)(?<![0-9a-z])(?:(?P<y>[0-9]{4})(?P<s>[-/. ])(?P<m>[0-9]{1,2})(?P=s)(?P<d>[0-9]{1,2})"
    r"|(?P<a>[0-9]{1,2})(?P<t>[-/.]| |\. )(?P<b>[0-9]{1,2})(?P=t)(?P<z>[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|er|\.|º)?,?[ -](?:of |de )?{_MONTHS},?[ -](?:de |del )?[0-9]{{2,4}}"
    rf"|{_MONTHS} [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}})(?![0-9a-z])"
)
_BIRTH_WORD = context(
    r"born|birth(?:\s?date|day)?|d\.?o\.?b\.?|geboren|geburtsdatum|geburtstag|geb\.?|née?|nee|naissance|nacimiento|nacid[oa]|nascita"
    r"|nat[oa]|geboortedatum|nascimento|nascid[oa]"
)


def birth_dates(text: str, start: int) -> Iterator[Find]:
    """Yield dates behind a word that says that they are of a birth."""
    for found in _DATE.finditer(text, start):
        if _BIRTH_WORD(text, found.start()) and _is_date(found):
            yield Find(found.start(), found.end(), BIRTH_DATE)


def _is_date(found: re.Match[str]) -> bool:
    if found["y"]:
        return 1880 <= int(found["y"]) <= 2100 and 1 <= int(found["m"]) <= 12 and 1 <= int(found["d"]) <= 31
    if found["a"]:
        low, high = sorted((int(found["a"]), int(found["b"])))
        return 1 <= low <= 12 and high <= 31 and (len(found["z"]) == 2 or 1880 <= int(found["z"]) <= 2100)
    return True
