"""Where a text may be cut so that nothing that is found lies across the cut.

A text is cut behind white space and behind characters of scripts that no rule knows, unless what stands before may go
on there: groups of digits, the words before a value that are needed to know it, a private key. Whether a place is a cut
depends on what stands before it alone. So the cuts of a text are the same in whatever pieces it comes, and each part
between two of them is looked at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from safecase.detectors.redaction import private_keys
from safecase.detectors.redaction.finds import NAMES

CAP = 4096
"""The most that is held back; of a longer candidate nothing passes."""
REACH = 1024
"""Everything but private keys and JSON Web Tokens is shorter than this."""

_SEAM_OR_DIGITS = re.compile(r"\s|[^\x00-\u024f]|[0-9]+")
_NEAR = 12
"""Groups of an account number have at most so many characters between their digits."""
_TWO_CAPITALS = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\Z")
_ZONE_LINE = re.compile(r"(?<![A-Z0-9<])[A-Z0-9<]{30}(?:[A-Z0-9<]{6}(?:[A-Z0-9<]{8})?)?\r?\Z")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_TOKEN_RUN = re.compile(r"[A-Za-z0-9_.-]*")
_OPEN_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{0,2000}(?:\.(?:ey?|eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?)?)?")
"""A JSON Web Token that may go on; text in base64 that begins like one has no dot within its first part's length."""

_OPENER = re.compile(
    rf"(?P<name>{NAMES})|(?P<login>\bBasic)|(?P<key>-----BEGIN)|(?P<link>://)"
    r"|(?P<birth>(?i:(?<![a-z])(?:born|birth|d\.?o\.?b|geb(?![a-z])|geb(?:or|ur)|n[é\u00c9]e?(?![a-z])|nee(?![a-z])"
    r"|naissance|nac[ií]|nasc|nat[oa](?![a-z]))))"
    r"|(?P<sent>(?i:(?<![a-z])(?:ship|deliver)))|(?P<lives>(?i:(?<![a-z])liv(?:es?|ing)(?![a-z])))"
    r"|(?P<home>(?i:(?<![a-z])(?:addr|adres|resid|domicil|wohn|woont|anschrift|habite|demeur|direcci|vive(?![a-z])"
    r"|indirizz|abita(?![a-z])|endere|mora(?![a-z]))))",
    re.ASCII,
)
_TO_STREET = r"[^\n]{0,52}(?:[0-9A-Z\u00c0-\u00de][^\n]{0,110})?"
_GOES_ON = {
    "name": re.compile(r"[A-Za-z0-9_-]{1,48}[\"'\]]{0,2}\s{0,6}(?:(?:=>?|:=?)\s{0,6}(?:\S{0,208}[ \t]{0,6})?)?"),
    "login": re.compile(r"Basic\s"),
    "link": re.compile(r"://\S{0,400}"),
    "birth": re.compile(r"[^\n]{0,80}"),
    "sent": re.compile(rf"(?i:ship|shipping|deliver|delivered)\s(?:(?i:to)(?:{_TO_STREET}))?"),
    "lives": re.compile(rf"(?i:live|lives|living)\s(?:(?i:at|in|on)(?:{_TO_STREET}))?"),
    "home": re.compile(_TO_STREET),
}
"""What may stand from an opener on while its value can still come or grow; a beginning of such a text is one, too."""


class _Opening(NamedTuple):
    at: int
    kind: str


class Seams:
    """The cuts of a text that grows: `start` is the last one."""

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, at: int) -> None:
        """Take a place for a cut, whatever stands before it."""
        self.start = self._looked = self._sought = self._digit = at
        self._opening: _Opening | None = None

    def forget(self, count: int) -> None:
        """Count from `count` characters later: those before are gone."""
        self.start -= count
        self._looked -= count
        self._sought -= count
        self._digit -= count
        if self._opening:
            self._opening = _Opening(self._opening.at - count, self._opening.kind)

    def next(self, text: str, clear: int) -> tuple[int, int]:
        """Go on to the first cut behind `clear`: give the one before it and it, or -1 if it is not in the text yet.

        It is -1, too, if there is none within the cap.
        """
        start = self.start
        cuts = True
        while cuts:
            cuts = False
            stop = min(len(text), start + CAP)
            for seam in _SEAM_OR_DIGITS.finditer(text, self._looked, stop):
                at, end = seam.span()
                self._looked = end
                if "0" <= text[at] <= "9":
                    self._digit = end
                elif not (self._is_near(text, at) or self._is_open(text, end)):
                    self.start = self._sought = self._digit = end
                    if end > clear:
                        return start, end
                    start, cuts = end, True
            self._looked = stop
        return start, -1

    def long_candidate(self, text: str, end: int) -> tuple[int, str]:
        """Give the start and kind of a key or token that is unfinished at `end`, or -1."""
        key = private_keys.unfinished(text, self.start, end)
        if key >= 0:
            return key, "key"
        at = self.start + len(text[self.start : end].rstrip(_LETTERS))
        begins = at < end and (at == 0 or text[at - 1] not in _LETTERS)
        return (at, "token") if begins and _OPEN_TOKEN.fullmatch(text, at, end) else (-1, "")

    def _is_near(self, text: str, at: int) -> bool:
        """Say whether a group of digits or letters stands right before that another may follow."""
        start = self.start
        if text[at] in "\r\n":
            return (
                "<" in text[max(start, at - 45) : at] and _ZONE_LINE.search(text, max(start, at - 45), at) is not None
            )
        if self._digit > start and self._digit > at - _NEAR:
            return True
        return "A" <= text[at - 1 : at] <= "Z" and _TWO_CAPITALS.search(text, max(start, at - 3), at) is not None

    def _is_open(self, text: str, end: int) -> bool:
        """Say whether an opener's value may still come or grow; one that is closed stays closed."""
        while True:
            if self._opening is None:
                found = _OPENER.search(text, self._sought, end)
                if found is None:
                    self._sought = end
                    return False
                self._opening = _Opening(found.start(), found.lastgroup or "")
            if _goes_on(self._opening, text, end):
                return True
            self._sought = self._opening.at + 1
            self._opening = None


def _goes_on(opening: _Opening, text: str, end: int) -> bool:
    if opening.kind == "key":
        return private_keys.is_open(text, opening.at, end)
    return _GOES_ON[opening.kind].fullmatch(text, opening.at, end) is not None


def skip_token(text: str, at: int) -> tuple[int, bool]:
    """Go on in a token from `at`: give how far, and whether it has ended there."""
    run = _TOKEN_RUN.match(text, at)
    end = run.end() if run else at
    return end, end < len(text)
