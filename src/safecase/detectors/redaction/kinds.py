"""The kinds of values that are redacted, and what a find of one is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of value: its placeholder's word, its name in words, and how much harm it does in wrong hands."""

    label: str
    words: str
    severity: int


EMAIL = Kind("EMAIL", "an e-mail address", 2)
PHONE = Kind("PHONE", "a phone number", 2)
CARD = Kind("CARD", "a payment card's number", 4)
IBAN = Kind("IBAN", "a bank account (IBAN)", 3)
WALLET = Kind("WALLET", "a wallet address", 2)
US_SSN = Kind("US_SSN", "a US social security number", 4)
UK_NINO = Kind("UK_NINO", "a UK national insurance number", 4)
DE_TAX_ID = Kind("DE_TAX_ID", "a German tax id", 4)
FR_NIR = Kind("FR_NIR", "a French social security number", 4)
ES_DNI = Kind("ES_DNI", "a Spanish DNI or NIE", 4)
IT_TAX_CODE = Kind("IT_TAX_CODE", "an Italian codice fiscale", 4)
NL_BSN = Kind("NL_BSN", "a Dutch BSN", 4)
IN_AADHAAR = Kind("IN_AADHAAR", "an Indian Aadhaar number", 4)
IN_PAN = Kind("IN_PAN", "an Indian PAN", 4)
BR_CPF = Kind("BR_CPF", "a Brazilian CPF", 4)
BR_CNPJ = Kind("BR_CNPJ", "a Brazilian CNPJ", 2)
PASSPORT = Kind("PASSPORT", "a travel document's machine-readable zone", 4)
BIRTH_DATE = Kind("BIRTH_DATE", "a date of birth", 3)
ADDRESS = Kind("ADDRESS", "a street address", 3)
IP = Kind("IP", "a public IP address", 1)
MAC = Kind("MAC", "a MAC address", 1)
SECRET = Kind("SECRET", "a credential", 5)
LITERAL = Kind("LITERAL", "text that looks like a placeholder", 0)

PERSONAL = (
    EMAIL, PHONE, CARD, IBAN, WALLET, US_SSN, UK_NINO, DE_TAX_ID, FR_NIR, ES_DNI, IT_TAX_CODE, NL_BSN, IN_AADHAAR,
    IN_PAN, BR_CPF, BR_CNPJ, PASSPORT, BIRTH_DATE, ADDRESS, IP, MAC,
)  # fmt: skip
LABELS = tuple(kind.label for kind in (*PERSONAL, SECRET))
"""What a redactor may be told to replace; texts that look like placeholders are always replaced."""


class Find(NamedTuple):
    """A value in a text, from `start` to before `end`."""

    start: int
    end: int
    kind: Kind


START = r"(?<![A-Za-z0-9])(?<![A-Za-z0-9]_)"
END = r"(?![A-Za-z0-9]|_[A-Za-z0-9])"
"""Where a value may begin and end: Markdown's `_so_` is around it, that of `part_of_a_name` within."""

CONTEXT = 40
"""How far before a value a word may stand that says what it is."""


_SENTENCE = re.compile(r"[^0-9\n!?;]+$")


def context(words: str) -> Callable[[str, int], bool]:
    """Make a test that says whether one of `words` (a pattern) stands before a place of a text, in the same sentence.

    No digit may stand between: it would be the value that the word is about.
    """
    pattern = re.compile(rf"(?i)(?<![a-z])(?:{words})(?![a-z])[^0-9\n!?;]*$")

    def stands_before(text: str, at: int) -> bool:
        before = _SENTENCE.search(text[max(0, at - CONTEXT) : at])
        return before is not None and pattern.search(before[0]) is not None

    return stands_before
