"""Values in a text that say where something goes: addresses, hosts, numbers of accounts and phones, paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from safecase.detectors.redaction.check_digits import luhn, mod_97
from safecase.detectors.tool_calls.hosts import bare_hosts, host_of
from safecase.detectors.tool_calls.paths import paths_in

Sort: TypeAlias = Literal["address", "url", "host", "number", "path", "name"]

_LOCAL: Final = r"[\w.%+'-]"
_ADDRESS: Final = re.compile(rf"{_LOCAL}{{1,64}}@(?:\[[\w.:]{{3,45}}\]|[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,10}})")
_URL: Final = re.compile(
    r"(?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]{1,20}:[/\\]{1,4}|[/\\]{2})([^\s/?#\\\"'<>`,;|]++)", re.IGNORECASE
)
_REST: Final = re.compile(r"[^\s\"'<>`|]{0,2048}")
_OTHER: Final = re.compile(
    r"(?<![\w+.-])(?:data:[\w/+;=-]{0,60},|(?:javascript|vbscript|tel|sms|sip|sips|xmpp|skype|whatsapp|bitcoin|ethereum|mailto):)"
    r"[^\s\"'<>]{3,2048}",
    re.IGNORECASE,
)
_PHONE: Final = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ .()/\u00a0-]{0,3}[0-9]){7,14}(?![0-9])")
_PHONE_AT_HOME: Final = re.compile(
    r"(?<![\w+.-])(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[0-9]{3}[-. ][0-9]{4}(?![\w-])"
)
_IBAN: Final = re.compile(r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30}(?![a-z0-9])", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\w.+])[3-6][0-9]{3}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{3,4}(?!\w)")
_WALLET: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:0x[0-9a-fA-F]{40}|(?:bc|tb|ltc)1[02-9ac-hj-np-zAC-HJ-NP-Z]{11,87}|[13](?=[a-zA-Z]*[0-9])"
    r"[1-9A-HJ-NP-Za-km-z]{25,34}|T[1-9A-HJ-NP-Za-km-z]{33}|4[0-9AB][1-9A-HJ-NP-Za-km-z]{93})(?![A-Za-z0-9])"
)
_SEPARATED: Final = re.compile(r"[^0-9a-z]+")


class Value(NamedTuple):
    """One value in one spelling."""

    sort: Sort
    text: str
    host: str = ""
    """Of a URL."""
    certain: bool = True
    """False: it is one only where a stranger's text has it, too."""


def squashed(text: str) -> str:
    """Give the letters and digits of a number."""
    return _SEPARATED.sub("", text.casefold())


def values_in(text: str) -> Iterator[Value]:
    """Give the values in an opened text."""
    if "@" in text:
        for match in _ADDRESS.finditer(text):
            yield Value("address", match[0].casefold())
    if ":" in text or "//" in text or "\\\\" in text:
        yield from _urls(text)
    if "." in text:
        for host, certain in bare_hosts(text):
            yield Value("host", host, certain=certain)
    if "/" in text or "\\" in text or text.startswith("."):
        for path, certain in paths_in(text):
            yield Value("path", path, certain=certain)
    yield from _numbers(text)


def url_of(text: str) -> Value:
    """Take a whole text for an address of the web, with or without a scheme."""
    text = text.strip().casefold()
    match = _URL.match(text)
    authority = match[1] if match else re.split(r"[/?#\\]", text, maxsplit=1)[0]
    return Value("url", text, host_of(authority), certain="@" not in authority)


def _urls(text: str) -> Iterator[Value]:
    for match in _URL.finditer(text):
        rest = _REST.match(text, match.end())
        whole = match[0] + (rest[0] if rest else "")
        if match[0][:5].lower() != "file:":
            yield Value("url", whole.rstrip(".,;:!?)]}*_").casefold(), host_of(match[1]), certain="@" not in match[1])
    for match in _OTHER.finditer(text):
        scheme, _, rest_of_it = match[0].partition(":")
        if scheme.lower() in ("tel", "sms", "whatsapp"):
            yield Value("number", squashed(rest_of_it))
        elif scheme.lower() != "mailto":
            yield Value("url", match[0].casefold())


def _numbers(text: str) -> Iterator[Value]:
    for match in _WALLET.finditer(text):
        yield Value("number", squashed(match[0]))
    if not any(digit in text for digit in "0123456789"):
        return
    if "+" in text or "00" in text:
        for match in _PHONE.finditer(text):
            yield Value("number", squashed(match[0]).removeprefix("00"))
    for match in _PHONE_AT_HOME.finditer(text):
        yield Value("number", squashed(match[0]))
    for match in _IBAN.finditer(text):
        if account := _account(match[0]):
            yield Value("number", account)
    for match in _CARD.finditer(text):
        if luhn(number := squashed(match[0])):
            yield Value("number", number)


def _account(written: str) -> str:
    """Give the account that a run of groups begins with; empty where it is none. Words may follow it."""
    groups = re.split(r"[ -]", written.casefold())
    for count in range(1, len(groups) + 1):
        begun = "".join(groups[:count])
        if 15 <= len(begun) <= 34 and begun.isascii() and mod_97(begun.upper()):
            return begun
    while groups and groups[-1].isalpha():
        groups.pop()
    account = "".join(groups)
    return account if len(account) >= 15 and sum(c.isdigit() for c in account) >= 0.7 * len(account) else ""
