"""Whether words that stand where somebody must say something do say it: an owner, a reason."""

from __future__ import annotations

import re

SHORTEST = 10
"""Characters of a reason."""
FEWEST = 3
"""Different words of a reason."""
LEAST_LETTERS = 8
"""Letters of those words together."""

_PLACEHOLDER = re.compile(
    r"\b(?:tbd|tba|tbc|todo|to do|fixme|wip|pending|none|nil|null|unknown|lorem ipsum|placeholder|x+|y+|z+|asdf\w*"
    r"|n\W?a|not (?:applicable|available|yet known)|to be (?:done|defined|decided|determined|written|added|confirmed)"
    r"|see above|same as above|as above|no reason|because|later|owner|reason|nobody|somebody|someone|anybody)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
"""Chinese and Japanese put no blanks between words: there each sign counts."""


def says_who(text: str) -> bool:
    """Say whether a text names anybody: it is neither blank nor a word that stands for a name."""
    return not is_placeholder(text)


def says_why(text: str) -> bool:
    """Say whether a text is a reason: at least three different words beside those that stand for one."""
    words = set(_WORD.findall(_PLACEHOLDER.sub(" ", text).lower()))
    return len(text.strip()) >= SHORTEST and len(words) >= FEWEST and sum(map(len, words)) >= LEAST_LETTERS


def is_placeholder(text: str) -> bool:
    """Say whether a text has no word beside those that say that something is to be said."""
    return not _WORD.search(_PLACEHOLDER.sub(" ", text))
