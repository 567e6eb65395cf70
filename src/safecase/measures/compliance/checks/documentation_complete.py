"""`doc.annexiv`: the technical documentation has every part that the AI Act asks for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place

MOST_BYTES = 4_000_000
MOST_HEADINGS = 2_000
FEWEST_WORDS = 15
"""A part of fewer words says nothing."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "what the system is and what it is for": ("purpose", "general description", "overview", "intended use"),
    "who provides it, its version and how it is delivered": ("version", "provider", "delivery", "release"),
    "hardware and software that it runs on": ("hardware", "software", "environment", "infrastructure", "requirements"),
    "how it was developed, and what was built by others": ("development", "architecture", "design"),
    "the data that it was trained and tested on": ("data", "training data", "datasets"),
    "how people oversee it": ("oversight", "human oversight"),
    "how it was validated, with metrics and limits": ("validation", "testing", "accuracy", "performance", "evaluation"),
    "what it cannot do, and what may go wrong": ("limit", "limitations", "risks", "foreseeable"),
    "how it is kept secure": ("security", "cybersecurity", "robustness"),
    "how risks are managed": ("risk management", "risk"),
    "what changes over its life": ("changes", "lifecycle", "life cycle", "maintenance"),
    "the standards that it follows": ("standards", "norms", "specifications"),
    "the declaration of conformity": ("conformity", "declaration"),
    "how it is monitored after release": ("monitoring", "post-market"),
}
"""Parts of Annex IV in our own words, with words that their headings bear."""

_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t](.{1,300})$")
_EMPTY = re.compile(r"\b(tbd|todo|to be (done|defined|written|completed)|lorem ipsum|n/?a|xxx)\b", re.IGNORECASE)


class Section(NamedTuple):
    """A heading, and the text until the next of its level or above."""

    title: str
    line: int
    text: str


@check(
    "doc.annexiv",
    control="RC-05",
    severity="high",
    reads=("compliance.documents",),
    files=("compliance.documents",),
)
def documentation_complete(service: Service, ctx: Context) -> Iterator[Finding]:
    """The technical documentation has a part for each point of Annex IV, and none of them is empty.

    ## Why it matters
    The documentation is what an authority, a notified body or a court reads first, and it cannot be written
    afterwards: how data was chosen and what was tested is known while it happens.

    ## How it is checked
    `compliance.documents.technical` is a Markdown file. Each of fourteen parts, in our words for the points of Annex
    IV, needs a heading that bears one of its words and at least fifteen words of text under it. A part that only says
    that it is to be done counts as missing. Whether what it says is true and enough is for people to judge; an
    attestation for RC-07 says that they did.

    ## How to mend it
    Write the part, or name the file that holds it under a heading of that name. `safecase assess -o case.md` gives
    what was measured, to be linked there.

    ## References
    EU AI Act Art. 11 and Annex IV; NIST AI RMF 1.0 MAP 4.1; ISO/IEC 42001:2023 A.6.2.7.
    """
    file = ctx.manifest.compliance.documents.get("technical", "")
    if not file:
        mend = "name the file: `compliance: {documents: {technical: docs/technical.md}}`"
        told = "no technical documentation is named"
        yield documentation_complete.failed(service, told, rule="file", mend=mend, place=ctx.place("compliance"))
        return
    sections = _sections(_text(ctx, file))
    for part, words in PARTS.items():
        yield _judged(service, file, part, words, sections)


def _text(ctx: Context, file: str) -> str:
    if not file.lower().endswith((".md", ".markdown", ".txt")):
        raise CollectError(f"{shown(file)} is no Markdown", mend="name a Markdown file, or attest RC-05")
    try:
        return regular_files.read(ctx.path(file), most=MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as why:
        raise CollectError(f"{shown(file)} cannot be read: {why}", mend="name a file of UTF-8 text") from why


def _sections(text: str) -> tuple[Section, ...]:
    found = list(itertools.islice(_HEADING.finditer(text), MOST_HEADINGS))
    sections = []
    line, counted = 1, 0
    for number, heading in enumerate(found):
        level = len(heading[1])
        until = next((later.start() for later in found[number + 1 :] if len(later[1]) <= level), len(text))
        line += text.count("\n", counted, heading.start())
        counted = heading.start()
        sections.append(Section(heading[2].strip(" \t#"), line, text[heading.end() : until]))
    return tuple(sections)


def _judged(service: Service, file: str, part: str, words: tuple[str, ...], sections: tuple[Section, ...]) -> Finding:
    named = [s for s in sections if any(re.search(rf"\b{re.escape(word)}", s.title.lower()) for word in words)]
    mend = f"write it under a heading such as “{words[0].capitalize()}”"
    if not named:
        place = Place(file=file, line=1)
        told = f"{shown(file)} has no part on {part}"
        return documentation_complete.failed(service, told, rule="part", key=part, mend=mend, place=place)
    whole = next((s for s in named if _says_something(s.text)), None)
    if whole is None:
        told = f"the part on {part} (“{shown(named[0].title, 60)}”) says nothing yet"
        place = Place(file=file, line=named[0].line)
        return documentation_complete.failed(service, told, rule="part", key=part, mend=mend, place=place)
    told = f"{part}: “{shown(whole.title, 60)}”"
    place = Place(file=file, line=whole.line)
    return documentation_complete.passed(service, told, rule="part", key=part, place=place)


def _says_something(text: str) -> bool:
    plain = _HEADING.sub(" ", text)
    words = re.findall(r"\w+", plain)
    return len(words) >= FEWEST_WORDS and not (_EMPTY.search(plain) and len(words) < 3 * FEWEST_WORDS)
