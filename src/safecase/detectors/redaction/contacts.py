"""Ways to reach a person in a text: e-mail and phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.redaction.kinds import EMAIL, END, PHONE, START, Find, context

_LATIN = "A-Za-z0-9\u00c0-\u024f"
_BEFORE_AT = re.compile(rf"[{_LATIN}.!#$%&'*+/=?^_`{{|}}~-]")
_LOCAL = re.compile(rf"[{_LATIN}](?:[{_LATIN}._%+'-]{{0,62}}[{_LATIN}_+-])?$")
_DOMAIN = re.compile(
    rf"(?:[{_LATIN}](?:[{_LATIN}-]{{0,61}}[{_LATIN}])?\.){{1,8}}(?P<top>[A-Za-z\u00c0-\u024f]{{2,24}}|xn--[A-Za-z0-9-]{{2,40}})"
    rf"(?![{_LATIN}]|[_-][{_LATIN}])"
)
_NO_DOMAINS = frozenset(
    (
        "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "json", "js", "css", "html", "ts", "txt", "pdf",
        "lst", "service", "timer", "socket", "mount", "target",
    )
)  # fmt: skip
"""Ends of files and of units of systemd, nobody's top-level domains: `logo@2x.png`, `getty@tty1.service`."""


def emails(text: str, start: int) -> Iterator[Find]:
    """Yield e-mail addresses; `git@github.com:org/repository` and `icon@2x.png` are none."""
    at = text.find("@", start)
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL.search(text[_back(text, at) : at]) if domain else None
        if domain and local and not _is_no_mailbox(local[0], domain, text):
            yield Find(at - len(local[0]), domain.end(), EMAIL)
        at = text.find("@", at + 1)


def _back(text: str, at: int) -> int:
    """Go back over at most 64 characters, the longest that a mailbox's name may be (RFC 5321, 4.5.3.1.1)."""
    start = at
    while start > 0 and at - start < 64 and _BEFORE_AT.match(text[start - 1]):
        start -= 1
    return start


def _is_no_mailbox(local: str, domain: re.Match[str], text: str) -> bool:
    if domain["top"].lower() in _NO_DOMAINS:
        return True
    return local == "git" and text[domain.end() : domain.end() + 1] in (":", "/")


_GAP = "[ \u00a0\u2009\u202f.()/\u2010-\u2015\u2212-]"
_ABROAD = re.compile(
    rf"{START}(?<!\+)(?<![0-9]\.)(?P<plus>\+|00)(?P<body>[1-9](?:{_GAP}{{0,3}}[0-9]){{6,15}}){END}", re.ASCII
)
_AT_HOME = re.compile(rf"{START}(?<![+.-])\(?[0-9](?:{_GAP}{{0,3}}[0-9]){{6,13}}{END}", re.ASCII)
_SPACED = re.compile(r"(?![0-9]{2} [0-9]{4} [0-9]{4}\b)[1-9][0-9]{0,2}[ /(-]+(?!0)[0-9 /()-]+$")
"""Behind 00 and without a word before it: set off from its country's code, and no line of a hex dump."""
_DECIMAL = re.compile(r"[0-9]{5,}\.[0-9]+")
_NO_PHONE = re.compile(
    r"(?:19|20)[0-9]{2}([-./])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-./])[0-9]{1,2}\2(?:19|20)[0-9]{2}"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
)
_SHAPED = re.compile(
    rf"{START}(?<![+.-])(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[-. ])[2-9][0-9]{{2}}[-.][0-9]{{4}}{END}", re.ASCII
)
_NUMBER_WORD = context(r"call(?:ing)?|ring|text|contact|reach|numbers?|line|office|home|work|support")
"""Say enough of a number that has North America's form."""
_PHONE_WORD = context(
    r"(?:tele|smart|cell\s?|i)?phone|tel|mobile|mob|fax|cell(?:\s?(?:no|number|phone)|\s?:)|whatsapp|signal|sms|dial"
    r"|(?:call|ring|text|reach|contact)(?: (?:me|us|him|her|them))? (?:at|on|under)|telefon\w*|handy\w*|mobil\w*"
    r"|rufnummer|durchwahl|t[ée]l[ée]phone|portable|m[óo]vil|tel[ée]fono|cellulare|telefoon\w*|mobiel|gsm|telefone|celular"
    r"|hotline|(?:my|his|her|their|our) (?:new )?number(?: is)?|电话|手机|電話|携帯|телефон|тел"
)
_CODES = re.compile(
    r"1|2(?:0|1[123689]|2\d|3\d|4\d|5[0-8]|6\d|7|9[01789])|3(?:[0-469]|5\d|7[0-8]|8[0-35-79])|4(?:[013-9]|2[013])"
    r"|5(?:[1-8]|0\d|9\d)|6(?:[0-6]|7[02-9]|8[0-35-9]|9[012])|7|8(?:[1246]|0[08]|5[02356]|7[08]|8[0-368])"
    r"|9(?:[0-58]|6[0-8]|7[0-79]|9[2-68])"
)
"""Country codes that are given out (ITU-T E.164's list)."""
_LENGTHS = {
    "1": (11, 11), "7": (11, 11), "31": (10, 11), "33": (11, 11), "34": (11, 11), "41": (11, 12), "44": (11, 12),
    "45": (10, 10), "47": (10, 10), "48": (11, 11), "55": (12, 13), "61": (11, 11), "65": (10, 10), "91": (12, 12),
    "852": (11, 11),
}  # fmt: skip
"""How many digits a number has with its country code, where that is fixed; elsewhere 9 to 15."""


def phones(text: str, start: int) -> Iterator[Find]:
    """Yield phone numbers: with a country code where they are plausible, others behind a word that says so."""
    for found in _ABROAD.finditer(text, start):
        end = 0 if _DECIMAL.fullmatch(found["body"]) else _abroad_end(found["body"])
        if end and (found["plus"] == "+" or _SPACED.match(found["body"]) or _PHONE_WORD(text, found.start())):
            yield Find(found.start(), found.start("body") + end, PHONE)
    for found in _SHAPED.finditer(text, start):
        if _NUMBER_WORD(text, found.start()):
            yield Find(found.start(), found.end(), PHONE)
    for found in _AT_HOME.finditer(text, start):
        if _PHONE_WORD(text, found.start()) and not _NO_PHONE.match(found[0]):
            yield Find(found.start(), found.end(), PHONE)


def _abroad_end(body: str) -> int:
    """Give where a plausible number ends in `body`, or 0: behind it another may follow with only a space between."""
    written = body.replace("(0)", "   ")
    ends = [n + 1 for n, c in enumerate(written) if c.isdigit() and not written[n + 1 : n + 2].isdigit()]
    for end in reversed(ends):
        if _is_plausible(re.sub(r"[^0-9]", "", written[:end])):
            return end
    return 0


def _is_plausible(digits: str) -> bool:
    found = _CODES.match(digits)
    code = found[0] if found else ""
    low, high = _LENGTHS.get(code, (9, 15))
    if not code or not low <= len(digits) <= high or len(set(digits[-6:])) == 1:
        return False
    return code != "1" or (digits[1] in "23456789" and digits[4] in "23456789")
