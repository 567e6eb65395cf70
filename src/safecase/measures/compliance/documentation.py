"""What a Markdown document says under its headings: prose, without comments, code and words that stand for it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOST_HEADINGS = 2_000
MOST_TEXT = 20_000
"""Characters of a part that are looked at."""
FEWEST_WORDS = 15
"""A part of fewer words says nothing."""
FEWEST_DIFFERENT = 8
"""The same word fifteen times says nothing either."""

_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t]([^\n]{1,300})$")
_UNSEEN = re.compile(
    r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*(?:\n.*?)??(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|<!--.*?(?:-->|\Z)"
    r"|(?P<code>(?<!`)`++[^`\n]++`++)",
    re.MULTILINE | re.DOTALL,
)
_MARKUP = re.compile(r"</?[A-Za-z][^<>\n]{0,300}>|\{\{[^{}\n]{0,300}\}\}|\]\([^()\n]{0,500}\)")
_SENTENCE = re.compile(r"[.!?:;](?=\s)|\n")
_PLACEHOLDER = re.compile(
    r"\b(?:tbd|tba|tbc|todo|fixme|xxx+|lorem ipsum)\b|\?{3}"
    r"|\[(?:insert|describe|fill in|your|add|name|date|company)\b[^\[\]\n]{0,300}\]",
    re.IGNORECASE,
)
_STANDS_ALONE = re.compile(
    r"[\W_]*(?:to do|n/?a|wip|none|placeholder|coming soon|work in progress|pending|not applicable|not yet \w+"
    r"|under construction|fill (?:this )?in"
    r"|to be (?:done|defined|written|completed|determined|decided|added|announced|confirmed|filled(?: in)?|provided"
    r"|described|documented))\b(?=[\W_]*$|[\W_]*(?:later|soon|by|before|when|once|in|until|after|here|with)\b)"
    r"|[\W_]*to do[ \t]*[:.\u2026\u2013\u2014-]",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w*[^\W\d_]\w*")


class Section(NamedTuple):
    """A heading, and what stands under it."""

    title: str
    line: int
    level: int
    until: int
    """The number of the section after the last one below it."""
    text: str
    """What stands directly under it, up to the next heading of any level."""


def sections(text: str) -> tuple[Section, ...]:
    """Give the sections of a Markdown text; what stands in comments and code fences is no part of it."""
    plain = _UNSEEN.sub(lambda found: found[0] if found["code"] else "\n" * found[0].count("\n"), text)
    found = list(itertools.islice(_HEADING.finditer(plain), MOST_HEADINGS))
    given = []
    line, counted = 1, 0
    for number, heading in enumerate(found):
        level = len(heading[1])
        until = next((n for n in range(number + 1, len(found)) if len(found[n][1]) <= level), len(found))
        line += plain.count("\n", counted, heading.start())
        counted = heading.start()
        end = found[number + 1].start() if number + 1 < len(found) else len(plain)
        given.append(Section(heading[2].strip(" \t#"), line, level, until, plain[heading.end() : end]))
    return tuple(given)


def says_something(text: str) -> bool:
    """Say whether a text has enough words of its own; one that is to be written needs many beside that."""
    placeholder, words = False, []
    for sentence in _SENTENCE.split(_MARKUP.sub(" ", text)):
        if _PLACEHOLDER.search(sentence) or _STANDS_ALONE.match(sentence):
            placeholder = True
        else:
            words += _WORD.findall(sentence.lower())
    enough = FEWEST_WORDS * (3 if placeholder else 1)
    return len(words) >= enough and len(set(words)) >= FEWEST_DIFFERENT


def names(section: Section, words: Sequence[str]) -> bool:
    """Say whether a heading bears one of some words, or a word that begins like it."""
    title = section.title.lower()
    return any(re.search(rf"\b{re.escape(word)}", title) for word in words)


def shared_out(found: Sequence[Section], parts: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """Give each part a heading of its own that names it and has prose; as many parts as can have one."""
    named = {part: [n for n, one in enumerate(found) if names(one, words)] for part, words in parts.items()}
    bearing = {n: frozenset(part for part, of in named.items() if n in of) for of in named.values() for n in of}
    written = {
        part: [n for n in of if says_something(_text(found, n, {m for m, by in bearing.items() if part not in by}))]
        for part, of in named.items()
    }
    # A heading that names one part only is given to it before one that names several.
    for of in written.values():
        of.sort(key=lambda n: (len(bearing[n]), found[n].level, n))
    given = _matched(written)
    # What is left may have its prose under headings that name other parts, where none of those took it.
    for part, of in named.items():
        taken = set(given.values())
        free = (n for n in of if n not in taken and says_something(_text(found, n, taken)))
        if part not in given and (own := next(free, None)) is not None:
            given[part] = own
    return given


def _matched(wanted: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Match parts with headings (augmenting paths: a part moves on where it has another one)."""
    owners: dict[int, str] = {}

    def settle(part: str, tried: set[int]) -> bool:
        for n in wanted[part]:
            if n not in tried:
                tried.add(n)
                if n not in owners or settle(owners[n], tried):
                    owners[n] = part
                    return True
        return False

    for part in wanted:
        settle(part, set())
    return {part: n for n, part in owners.items()}


def _text(found: Sequence[Section], number: int, without: set[int]) -> str:
    """Join what stands under a heading and under those below it, except under some of them."""
    texts, length, n = [found[number].text[:MOST_TEXT]], len(found[number].text), number + 1
    while n < found[number].until and length < MOST_TEXT:
        if n in without:
            n = found[n].until
        else:
            texts.append(found[n].text[:MOST_TEXT])
            length += len(found[n].text)
            n += 1
    return "\n".join(texts)
