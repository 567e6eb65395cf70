"""All finds of a text, and one of those that overlap."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator

from safecase.detectors.redaction.kinds import LABELS, LITERAL, SECRET, Find
from safecase.detectors.redaction.personal import find_personal
from safecase.detectors.redaction.private_keys import private_keys
from safecase.engines import secrets

_WORDS = tuple(dict.fromkeys(word for rule in secrets.RULES for word in rule.words))
NAMES = (
    r"[Pp][Aa][Ss][Ss][Ww]|[Pp][Ww][Dd]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Tt][Oo][Kk][Ee][Nn]"
    r"|[Kk][Ee][Yy]|[Cc][Rr][Ee][Dd][Ee][Nn]"
)
"""What stands in each name that the engine takes for a secret's."""
_ASSIGNED = rf"(?:{NAMES})[A-Za-z0-9_]{{0,36}}[\"'\]]{{0,2}}[ \t]{{0,6}}[:=]"
_NAME_PARTS = ("passw", "pwd", "secret", "token", "key", "creden")
_SIGNS = {
    # Behind each such word at least seven characters make the shortest secret.
    "words": f"(?s:(?:{'|'.join(re.escape(word) for word in _WORDS)}).{{7}})",
    "names": _ASSIGNED,
    "personal": "[@0-9]",
    "called": "<[A-Z]",
}
_ANY_SECRET = re.compile(f"{_SIGNS['words']}|{_SIGNS['names']}")
_ANY_PERSONAL = re.compile(_SIGNS["personal"])
_CHARACTERS = (("personal", "@0123456789"), ("called", "<"))


@functools.cache
def _any_of(*signs: str) -> re.Pattern[str]:
    return re.compile("|".join(_SIGNS[sign] for sign in signs))


PLACEHOLDER = re.compile(rf"<(?:{'|'.join((*LABELS, LITERAL.label))})_[1-9][0-9]{{0,8}}>")


class Signs:
    """Tells which parts of a text may hold anything: what has no sign in the whole has none in any part."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pattern: re.Pattern[str] | None = None
        self.clear = -1
        """Before this place nothing is to be found in what was not asked about yet."""
        self.of_secrets = True
        """False: no part of the text may hold a credential."""

    def in_part(self, start: int, end: int) -> bool:
        """Say whether there may be a find between two places; asked in the order of the text."""
        if self.clear < end:
            if self.clear < 0:
                kinds = _kinds(self._text)
                self.of_secrets = "words" in kinds or "names" in kinds
                self._pattern = _any_of(*kinds) if kinds else None
            sign = self._pattern.search(self._text, start) if self._pattern else None
            self.clear = sign.start() if sign else len(self._text)
        return self.clear < end


def _kinds(text: str) -> list[str]:
    """Give the signs that can be in a text: searches for words are many times faster than one for a pattern."""
    if len(text) < 100:
        return list(_SIGNS)
    lowered = text.lower()
    kinds = [kind for kind, characters in _CHARACTERS if any(map(text.__contains__, characters))]
    if any(map(text.__contains__, _WORDS)):
        kinds.append("words")
    if any(map(lowered.__contains__, _NAME_PARTS)):
        kinds.append("names")
    return kinds


def find(text: str, labels: Collection[str], start: int = 0, *, of_secrets: bool = True) -> Iterator[Find]:
    """Yield everything from `start` on that is to be replaced; what stands before only says what follows.

    `of_secrets` is false where it is known that there are no credentials.
    """
    if of_secrets and SECRET.label in labels and _ANY_SECRET.search(text, start):
        # Rules look at most at two characters before what they find.
        back = max(0, start - 2)
        part = text[back:]
        yield from (Find(secret.start + back, secret.end + back, SECRET) for secret in secrets.find(part))
        yield from (Find(key.start + back, key.end + back, SECRET) for key in private_keys(part))
    if _ANY_PERSONAL.search(text, start):
        yield from (found for found in find_personal(text, start) if found.kind.label in labels)
    if text.find("<", start) >= 0:
        yield from (Find(*found.span(), LITERAL) for found in PLACEHOLDER.finditer(text, start))


def settled(finds: Iterable[Find]) -> list[Find]:
    """Make one of all that overlap, from the first's start to the last's end: nothing of a loser stays in the clear.

    The longest gives its kind, then the most severe.
    """
    made: list[Find] = []
    winner: Find | None = None
    for found in sorted(finds, key=lambda find: (find.start, find.end, find.kind)):
        if winner is not None and found.start < made[-1].end:
            winner = max(winner, found, key=lambda find: (find.end - find.start, find.kind.severity, find.kind.label))
            made[-1] = Find(made[-1].start, max(made[-1].end, found.end), winner.kind)
        else:
            winner = found
            made.append(found)
    return made
