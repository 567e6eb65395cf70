"""Numbers that states give to people and firms, and the machine-readable zone of travel documents, in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from safecase.detectors.redaction import check_digits
from safecase.detectors.redaction.kinds import (
    BR_CNPJ,
    BR_CPF,
    DE_TAX_ID,
    END,
    ES_DNI,
    FR_NIR,
    IN_AADHAAR,
    IN_PAN,
    IT_TAX_CODE,
    NL_BSN,
    PASSPORT,
    START,
    UK_NINO,
    US_SSN,
    Find,
    Kind,
    context,
)


class _Identity(NamedTuple):
    kind: Kind
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    """Is asked with the letters and digits alone, in capitals."""
    word: Callable[[str, int], bool] | None = None
    """Must be true of what stands before, where the form alone says too little."""


_BEFORE = rf"{START}(?<![0-9]\.)"


def _identity(
    kind: Kind,
    pattern: str,
    valid: Callable[[str], bool] = lambda _: True,
    word: str = "",
    *,
    after: str = r"(?!\.[0-9])",
) -> _Identity:
    compiled = re.compile(rf"{_BEFORE}{pattern}{END}{after}", re.ASCII)
    return _Identity(kind, compiled, valid, context(word) if word else None)


def _ssn(digits: str) -> bool:
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def _nino(code: str) -> bool:
    return code[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _aadhaar(digits: str) -> bool:
    groups = [int(digits[n : n + 4]) for n in (0, 4, 8)]
    # Three sizes or three years in a row pass Verhoeff one time in ten.
    plain = all(group % 16 == 0 for group in groups) or all(1900 <= group < 2100 for group in groups)
    return not plain and check_digits.verhoeff(digits)


_AADHAAR_WORD = r"aadh?aar|aadhar|uidai|uid|आधार"
_SSN_WORD = r"ssn|social security|soc\.? ?sec\w*"

_IDENTITIES = (
    _identity(US_SSN, r"(?<![0-9]-)[0-9]{3}-[0-9]{2}-[0-9]{4}", _ssn, after="(?!-)"),
    _identity(US_SSN, r"[0-9]{3}[ .\u2010-\u2015]?[0-9]{2}[ .\u2010-\u2015]?[0-9]{4}", _ssn, _SSN_WORD),
    _identity(UK_NINO, r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]", _nino),
    _identity(DE_TAX_ID, r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}", check_digits.german_tax),
    _identity(DE_TAX_ID, r"[1-9][0-9]{10}", check_digits.german_tax),
    _identity(
        FR_NIR,
        r"[1-478] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        check_digits.french_nir,
    ),
    _identity(ES_DNI, r"(?:[0-9]{8}|[XYZ]-?[0-9]{7})[ -]?[A-HJ-NP-TV-Z]", check_digits.spanish_dni),
    _identity(
        IT_TAX_CODE,
        r"(?i:[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z])",
        check_digits.codice_fiscale,
    ),
    _identity(NL_BSN, r"[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}", check_digits.dutch_bsn, r"bsn|burgerservice\w*|sofi\w*"),
    _identity(
        IN_AADHAAR,
        r"(?<![0-9] )(?<!\w-)[2-9][0-9]{3}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}",
        _aadhaar,
        after=r"(?!-\w| [0-9]{4}(?!\w))",
    ),
    _identity(IN_AADHAAR, r"[2-9][0-9]{11}", check_digits.verhoeff, _AADHAAR_WORD),
    _identity(IN_PAN, r"[A-Z]{3}P[A-Z][0-9]{4}[A-Z]"),
    _identity(IN_PAN, r"[A-Z]{3}[ABCFGHJLT][A-Z][0-9]{4}[A-Z]", word=r"pan|permanent account|income tax"),
    _identity(BR_CPF, r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", check_digits.brazilian_cpf),
    _identity(BR_CPF, r"[0-9]{11}", check_digits.brazilian_cpf, r"cpf"),
    _identity(BR_CNPJ, r"[0-9A-Z]{2}(?:\.[0-9A-Z]{3}){2}/[0-9A-Z]{4}-[0-9]{2}", check_digits.brazilian_cnpj),
    _identity(BR_CNPJ, r"[0-9A-Z]{12}[0-9]{2}", check_digits.brazilian_cnpj, r"cnpj"),
)


_BODIES = "|".join(identity.pattern.pattern.removeprefix(_BEFORE) for identity in _IDENTITIES)
_ANY = re.compile(f"{_BEFORE}(?=[0-9A-Za-z])(?:{_BODIES})", re.ASCII)
"""One search says for most texts that none of the patterns can match."""


def identities(text: str, start: int) -> Iterator[Find]:
    """Yield numbers of people and firms whose check digits are right, or whose kind the words before them say."""
    if not _ANY.search(text, start):
        return
    for identity in _IDENTITIES:
        for found in identity.pattern.finditer(text, start):
            value = re.sub(r"[^0-9A-Z]", "", found[0].upper())
            if identity.valid(value) and (identity.word is None or identity.word(text, found.start())):
                yield Find(found.start(), found.end(), identity.kind)


_ZONES = (
    re.compile(
        r"(?<![A-Z0-9<])(?:[PV][A-Z<][A-Z<]{42}\r?\n)?(?P<number>[A-Z0-9<]{9})(?P<c>[0-9<])[A-Z<]{3}(?P<born>[0-9<]{6})"
        r"(?P<d>[0-9])[MFX<](?P<until>[0-9]{6})(?P<e>[0-9])[A-Z0-9<]{14}[0-9<][0-9<](?![A-Z0-9<])"
    ),
    re.compile(
        r"(?<![A-Z0-9<])(?:[ACIV][A-Z<][A-Z<]{34}\r?\n)?(?P<number>[A-Z0-9<]{9})(?P<c>[0-9<])[A-Z<]{3}(?P<born>[0-9<]{6})"
        r"(?P<d>[0-9])[MFX<](?P<until>[0-9]{6})(?P<e>[0-9])[A-Z0-9<]{7}[0-9<](?![A-Z0-9<])"
    ),
    re.compile(
        r"(?<![A-Z0-9<])[ACI][A-Z0-9<][A-Z<]{3}(?P<number>[A-Z0-9<]{9})(?P<c>[0-9<])[A-Z0-9<]{15}\r?\n(?P<born>[0-9<]{6})"
        r"(?P<d>[0-9])[MFX<](?P<until>[0-9]{6})(?P<e>[0-9])[A-Z<]{3}[A-Z0-9<]{11}[0-9](?:\r?\n[A-Z<]{30})?(?![A-Z0-9<])"
    ),
)
"""ICAO 9303, parts 4 (passports, two lines of 44), 6 (two of 36) and 5 (cards, three of 30)."""


def travel_documents(text: str, start: int) -> Iterator[Find]:
    """Yield machine-readable zones whose number, date of birth and expiry have their check digits."""
    for zone in _ZONES:
        for found in zone.finditer(text, start):
            pairs = (("number", "c"), ("born", "d"), ("until", "e"))
            if all(check_digits.travel_document(found[field], found[check]) for field, check in pairs):
                yield Find(found.start(), found.end(), PASSPORT)
