"""Check digits of numbers that name people, cards and accounts."""

from __future__ import annotations


def luhn(digits: str) -> bool:
    """Say whether the last digit is Luhn's (ISO/IEC 7812-1, annex B)."""
    doubled = "0246813579"
    return sum(int(d) if n % 2 == 0 else int(doubled[int(d)]) for n, d in enumerate(reversed(digits))) % 10 == 0


def mod_97(account: str) -> bool:
    """Say whether an IBAN's check digits are right (ISO 7064 mod 97-10, letters count from 10)."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """Say whether the last digit is Verhoeff's (his dihedral group of order ten)."""
    state = 0
    for n, digit in enumerate(reversed(digits)):
        state = int(_TIMES[state][int(_PERMUTED[n % 8][int(digit)])])
    return state == 0


def german_tax(digits: str) -> bool:
    """Say whether a Steuer-Identifikationsnummer is right: ISO 7064 mod 11,10, and one digit twice or thrice."""
    if digits[0] == "0":
        return False
    most = sorted((digits[:10].count(d) for d in set(digits[:10])), reverse=True)
    if most[0] not in (2, 3) or most[1] != 1 or (most[0] == 3 and any(d * 3 in digits[:10] for d in "0123456789")):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def french_nir(number: str) -> bool:
    """Say whether the key of a French social security number is right; Corsica's 2A and 2B count as 19 and 18."""
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


def spanish_dni(number: str) -> bool:
    """Say whether the letter of a DNI or NIE is right."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def codice_fiscale(code: str) -> bool:
    """Say whether the last letter of an Italian tax code is right (decree of 23 December 1976, article 11)."""
    ranks = [ord(c) - ord("0") if c.isdigit() else ord(c) - ord("A") for c in code[:15]]
    return sum(rank if n % 2 else _ODD[rank] for n, rank in enumerate(ranks)) % 26 == ord(code[15]) - ord("A")


def dutch_bsn(digits: str) -> bool:
    """Say whether a BSN passes its test of eleven."""
    total = sum(int(d) * weight for d, weight in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return total % 11 == 0 and int(digits) > 0


def brazilian_cpf(digits: str) -> bool:
    """Say whether both check digits of a CPF are right; one digit repeated passes the sum and is nobody's."""
    return len(set(digits)) > 1 and all(_mod_11(digits[:n], range(n + 1, 1, -1)) == int(digits[n]) for n in (9, 10))


def brazilian_cnpj(code: str) -> bool:
    """Say whether both check digits of a CNPJ are right; since 2026 the first twelve places may be letters, too."""
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return len(set(code)) > 1 and all(_mod_11(code[:n], weights[13 - n :]) == int(code[n]) for n in (12, 13))


def _mod_11(code: str, weights: range | tuple[int, ...]) -> int:
    rest = sum((ord(c) - 48) * weight for c, weight in zip(code, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def travel_document(field: str, check: str) -> bool:
    """Say whether a field of a machine-readable zone has its check digit (ICAO 9303-3, 4.9: weights 7, 3, 1)."""
    values = (0 if c == "<" else int(c, 36) for c in field)
    return str(sum(value * (7, 3, 1)[n % 3] for n, value in enumerate(values)) % 10) == check.replace("<", "0")
