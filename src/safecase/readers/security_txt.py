"""security.txt (RFC 9116): where strangers report flaws, read strictly, with every fault at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_BYTES = 100_000
MOST_LINES = 2_000

KNOWN = {
    "acknowledgments": "Acknowledgments",
    "canonical": "Canonical",
    "contact": "Contact",
    "encryption": "Encryption",
    "expires": "Expires",
    "hiring": "Hiring",
    "policy": "Policy",
    "preferred-languages": "Preferred-Languages",
    "csaf": "CSAF",
}
_WEB_OR_OTHER = ("acknowledgments", "canonical", "encryption", "hiring", "policy", "csaf")
_FIELD = re.compile(r"([!-9;-~]+):[ \t]+(\S.*?)[ \t]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE, _END = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"


class Fault(NamedTuple):
    """What is wrong, and in which line (0: in none)."""

    rule: str
    message: str
    line: int


class SecurityTxt(Noun, frozen=True):
    """What a file says."""

    fields: tuple[tuple[str, str, int], ...]
    """Name in lower case, value, line."""
    faults: tuple[Fault, ...]
    signed: bool = False
    expires: datetime | None = None

    def values(self, name: str) -> tuple[str, ...]:
        """Give every value of a field."""
        return tuple(value for key, value, _ in self.fields if key == name)


def read(content: bytes) -> SecurityTxt:
    """Read a file; never raises: what is wrong with it is among its faults."""
    if len(content) > MOST_BYTES:
        return SecurityTxt(fields=(), faults=(Fault("size", f"it is larger than {MOST_BYTES // 1000} kB", 0),))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as why:
        line = content.count(b"\n", 0, why.start) + 1
        return SecurityTxt(fields=(), faults=(Fault("encoding", "it is not UTF-8", line),))
    faults: list[Fault] = []
    if text.startswith("\ufeff"):
        faults.append(Fault("encoding", "it begins with a byte order mark", 1))
        text = text[1:]
    lines = [(n, line.removesuffix("\r")) for n, line in enumerate(text.split("\n"), 1)][:MOST_LINES]
    signed = any(line == _SIGNED for _, line in lines)
    if signed:
        lines, broken = _inside(lines)
        faults += broken
    fields = tuple(_fields(lines, faults))
    expires = _expires(fields, faults)
    faults += _content_faults(fields)
    return SecurityTxt(
        fields=fields, faults=tuple(sorted(faults, key=lambda f: f.line)), signed=signed, expires=expires
    )


def _inside(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], list[Fault]]:
    """Take what was signed out of its cleartext frame (RFC 9580, section 7)."""
    faults: list[Fault] = []
    texts = [line for _, line in lines]
    start = texts.index(_SIGNED)
    if any(line.strip() for line in texts[:start]):
        faults.append(Fault("signature", "something stands before what is signed", 1))
    if _SIGNATURE not in texts or _END not in texts or texts.index(_END) < texts.index(_SIGNATURE):
        return [], [*faults, Fault("signature", "the signature does not come to an end", start + 1)]
    end, closed = texts.index(_SIGNATURE), texts.index(_END)
    if any(line.strip() for line in texts[closed + 1 :]):
        faults.append(Fault("signature", "something stands behind the signature", closed + 2))
    blank = next((n for n in range(start + 1, end) if not texts[n].strip()), end)
    inside = [(n, line.removeprefix("- ")) for n, line in lines[blank + 1 : end]]
    return inside, faults


def _fields(lines: list[tuple[int, str]], faults: list[Fault]) -> Iterator[tuple[str, str, int]]:
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        found = _FIELD.fullmatch(line)
        if found is None:
            faults.append(Fault("line", f"`{shown(line, 60)}` is no field (`Name: value`)", number))
            continue
        yield found[1].lower(), found[2], number


def _expires(fields: tuple[tuple[str, str, int], ...], faults: list[Fault]) -> datetime | None:
    told = [(value, line) for name, value, line in fields if name == "expires"]
    if len(told) != 1:
        what = "no Expires field stands in it" if not told else "Expires stands in it more than once"
        faults.append(Fault("expires", what, told[1][1] if told else 0))
        return None
    value, line = told[0]
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        faults.append(Fault("expires", f"Expires is `{shown(value, 40)}`, no date like 2027-01-31T12:00:00Z", line))
        return None


def _content_faults(fields: tuple[tuple[str, str, int], ...]) -> Iterator[Fault]:
    if not any(name == "contact" for name, _, _ in fields):
        yield Fault("contact", "no Contact field stands in it", 0)
    languages = [line for name, _, line in fields if name == "preferred-languages"]
    if len(languages) > 1:
        yield Fault("languages", "Preferred-Languages stands in it more than once", languages[1])
    for name, value, line in fields:
        called = KNOWN.get(name, "")
        if name == "contact" and not _is_contact(value):
            yield Fault("contact", f"Contact `{shown(value, 60)}` is no mailto:, tel: or https: address", line)
        elif name in _WEB_OR_OTHER and not _is_address(value):
            yield Fault(name, f"{called} `{shown(value, 60)}` is no address, or one without TLS", line)


def _is_contact(value: str) -> bool:
    if value.lower().startswith("mailto:"):
        return bool(re.fullmatch(r"[^@\s]{1,200}@[^@\s.]+(\.[^@\s.]+)+", value[7:].partition("?")[0]))
    if value.lower().startswith("tel:"):
        return bool(re.fullmatch(r"\+?[0-9().\- ]{4,40}", value[4:].partition(";")[0]))
    return value.lower().startswith("https://") and _is_address(value)


def _is_address(value: str) -> bool:
    """Say whether it is a URI, and one with TLS where it is of the web (RFC 9116, section 2.4)."""
    try:
        parts = urlsplit(value)
        return bool(parts.scheme) and parts.scheme != "http" and bool(parts.netloc or parts.scheme != "https")
    except ValueError:
        return False
