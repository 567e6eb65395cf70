"""`doc.annexiv`: the technical documentation has every part that the AI Act asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.measures.compliance.documentation import Section, names, sections, shared_out
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place

MOST_BYTES = 4_000_000

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


@check(
    "doc.annexiv",
    control="RC-05",
    severity="high",
    version=2,
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
    IV, needs a heading of its own that bears one of its words and at least fifteen words of prose under it: a heading
    that names several parts counts for one of them, and prose under a lower heading counts for the one that takes it.
    What stands in comments and code fences is not seen, neither headings nor prose. A sentence that only says that
    something is to be written ("TBD", "to do", "…") is no prose, and beside one three times as many words are wanted.
    Whether what it says is true and enough is for people to judge; an attestation for RC-07 says that they did.

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
    found = sections(_text(ctx, file))
    given = shared_out(found, PARTS)
    for part, words in PARTS.items():
        yield _judged(service, file, part, words, found, given)


def _text(ctx: Context, file: str) -> str:
    if not file.lower().endswith((".md", ".markdown", ".txt")):
        raise CollectError(f"{shown(file)} is no Markdown", mend="name a Markdown file, or attest RC-05")
    try:
        return regular_files.read(ctx.path(file), most=MOST_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as why:
        raise CollectError(f"{shown(file)} cannot be read: {why}", mend="name a file of UTF-8 text") from why


def _judged(
    service: Service,
    file: str,
    part: str,
    words: Sequence[str],
    found: Sequence[Section],
    given: Mapping[str, int],
) -> Finding:
    if part in given:
        own = found[given[part]]
        told, place = f"{part}: “{shown(own.title, 60)}”", Place(file=file, line=own.line)
        return documentation_complete.passed(service, told, rule="part", key=part, place=place)
    mend = f"write it under a heading such as “{words[0].capitalize()}”"
    named = [n for n, one in enumerate(found) if names(one, words)]
    if not named:
        place = Place(file=file, line=1)
        told = f"{shown(file)} has no part on {part}"
        return documentation_complete.failed(service, told, rule="part", key=part, mend=mend, place=place)
    empty = next((n for n in named if n not in given.values()), None)
    near = found[named[0] if empty is None else empty]
    if empty is None:
        told = f"“{shown(near.title, 60)}” is the heading of another part; {part} has none of its own"
    else:
        told = f"the part on {part} (“{shown(near.title, 60)}”) says nothing yet"
    place = Place(file=file, line=near.line)
    return documentation_complete.failed(service, told, rule="part", key=part, mend=mend, place=place)
