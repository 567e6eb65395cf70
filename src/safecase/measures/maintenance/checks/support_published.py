"""`doc.field`: users can read until when the service is supported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place

MOST_BYTES = 2_000_000
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


@check(
    "doc.field",
    control="UM-12",
    severity="low",
    reads=("maintenance.support_ends", "compliance.documents"),
    files=("compliance.documents",),
)
def support_published(service: Service, ctx: Context) -> Iterator[Finding]:
    """The last day of support is said, lies ahead, and stands in what users can read.

    ## Why it matters
    Who builds on a service must know how long its flaws are mended. Support that ends unannounced leaves others with a
    product that everybody can attack and nobody mends; the Cyber Resilience Act asks for the date for that reason.

    ## How it is checked
    `maintenance.support_ends` is a day that has not come, and the document named under
    `compliance.documents.support` (a text: Markdown, HTML, reStructuredText) names that very day, as 2027-12-31,
    31 December 2027, December 31, 2027, 31.12.2027 or 31/12/2027. Whether users get to see the document is not tested.

    ## How to mend it
    Decide on the day, write `maintenance: {support_ends: 2027-12-31}` and the same day into the document, and name it:
    `compliance: {documents: {support: docs/support.md}}`.

    ## References
    Regulation (EU) 2024/2847 Art. 13(8) and Annex II(7); NIST AI RMF 1.0 GOVERN 1.7; ISO/IEC 42001:2023 A.8.2.
    """
    ends, key = ctx.manifest.maintenance.support_ends, "maintenance.support_ends"
    if ends is None:
        told = "the last day of support is not said (maintenance.support_ends)"
        yield support_published.failed(service, told, key="date", place=ctx.place(key), mend=_SAY)
        return
    day = date.fromisoformat(ends)
    if day < ctx.now.date():
        told = f"support ended on {ends}"
        mend = "extend it, or retire the service (`service: {stage: retired}`)"
        yield support_published.failed(service, told, key="date", place=ctx.place(key), mend=mend, severity="high")
    else:
        yield support_published.passed(service, f"support lasts until {ends}", key="date", place=ctx.place(key))
    yield _document(service, ctx, day)


_SAY = "write the day: `maintenance: {support_ends: 2027-12-31}`"


def _document(service: Service, ctx: Context, day: date) -> Finding:
    name = ctx.manifest.compliance.documents.get("support", "")
    place, key = ctx.place("compliance.documents"), "document"
    if not name:
        mend = "name what users read: `compliance: {documents: {support: docs/support.md}}`"
        told = "no document tells users until when it is supported"
        return support_published.failed(service, told, key=key, place=place, mend=mend)
    if "://" in name:
        mend = "keep a copy of the page in the repository and name it"
        told = f"{shown(name)} is an address, and nothing is fetched"
        return support_published.unknown(service, told, key=key, place=place, mend=mend)
    text = _text(ctx.path(name), name)
    if text is None:
        mend = "name a text: Markdown, HTML or reStructuredText"
        return support_published.unknown(service, f"{shown(name)} is no text", key=key, place=place, mend=mend)
    found = _naming(day).search(text)
    if found is None:
        mend = f"write {day} into {shown(name)}"
        told = f"{shown(name)} does not name {day}"
        return support_published.failed(service, told, key=key, place=Place(file=name), mend=mend)
    line = text.count("\n", 0, found.start()) + 1
    return support_published.passed(service, f"{shown(name)} names {day}", key=key, place=Place(file=name, line=line))


def _text(path: Path, name: str) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except OSError as why:
        raise CollectError(
            f"{shown(name)} cannot be read: {why.strerror}", mend="correct compliance.documents"
        ) from why
    return None if b"\0" in content else content.decode("utf-8-sig", "replace")


def _naming(day: date) -> re.Pattern[str]:
    """What names a day: the five usual ways, none of them inside of another number."""
    month = _MONTHS[day.month - 1]
    short = f"{month[:3]}(?:{month[3:]})?"
    ways = (
        day.isoformat(),
        rf"0?{day.day}(?:st|nd|rd|th)?\.?\s+{short}\.?,?\s+{day.year}",
        rf"{short}\.?\s+0?{day.day}(?:st|nd|rd|th)?,?\s+{day.year}",
        rf"0?{day.day}[./]\s?0?{day.month}[./]\s?{day.year}",
    )
    return re.compile(rf"(?<![0-9])(?:{'|'.join(ways)})(?![0-9])", re.IGNORECASE)
