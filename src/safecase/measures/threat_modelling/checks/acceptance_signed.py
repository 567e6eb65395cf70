"""`accept.valid`: no gap is accepted without an owner, a reason and an end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from safecase.catalogue.read import catalogue
from safecase.checks import Context, check
from safecase.measures.threat_modelling.words import says_who, says_why
from safecase.readers.text import shown
from safecase.service.schema import ExceptionBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

LONGEST = timedelta(days=365)


@check("accept.valid", control="TM-07", severity="medium", version=2)
def acceptance_signed(service: Service, ctx: Context) -> Iterator[Finding]:
    """Every accepted gap has an owner, a reason and a last day that has not come.

    ## Why it matters
    An exception without an end becomes the rule, and one without an owner is nobody's decision. When the risk that
    somebody accepted grows, there must be somebody to ask.

    ## How it is checked
    Each entry of `exceptions:` in the manifest names a control that exists, an owner (a person of `training.people`
    where people are listed), a reason of at least three different words ("tbd" and the like are none), and an expiry
    that is a day of the calendar, not past, and at most 365 days ahead. Two entries for the same gap contradict each
    other and are found as well. It looks daily, because a day is all it takes for an exception to end.

    ## How to mend it
    Mend the gap, or let its owner decide anew: write a reason that a stranger understands and an `expires:` within a
    year. Remove what is no longer needed.

    ## References
    NIST AI RMF 1.0 MANAGE 1.4; ISO/IEC 42001:2023 A.3.2; EU AI Act Art. 9(5).
    """
    entries = ctx.manifest.exceptions
    if not entries:
        yield acceptance_signed.passed(service, "no gap is accepted")
    people = {p.id for p in ctx.manifest.training.people} | {p.email for p in ctx.manifest.training.people if p.email}
    seen: dict[tuple[str, ...], int] = {}
    for number, entry in enumerate(entries, start=1):
        faults = list(_faults(entry, people, ctx.now.date()))
        gap = (entry.control, entry.check, entry.subject, entry.fingerprint)
        if gap in seen:
            faults.append(f"says again what entry {seen[gap]} says")
        seen.setdefault(gap, number)
        about = f"exception {number} ({shown(entry.control)})"
        key = "/".join(gap)
        if faults:
            yield acceptance_signed.failed(
                service,
                f"{about} {'; '.join(faults)}",
                key=key,
                place=ctx.place(f"exceptions.{number - 1}"),
                mend=f"mend {shown(entry.control)}, or decide anew under exceptions: in {ctx.manifest_path}",
            )
        else:
            yield acceptance_signed.passed(service, f"{about} is {shown(entry.owner)}'s until {entry.expires}", key=key)


def _faults(entry: ExceptionBlock, people: set[str], today: date) -> Iterator[str]:
    if entry.control not in catalogue().controls:
        yield "names a control that does not exist"
    if people and entry.owner not in people:
        yield f"has the owner {shown(entry.owner)}, who is not in training.people"
    if not says_who(entry.owner):
        yield "has nobody for an owner"
    if not says_why(entry.reason):
        yield "has no reason that says anything"
    last = date.fromisoformat(entry.expires)
    if last < today:
        yield f"ended on {entry.expires}"
    elif last > today + LONGEST:
        yield f"ends on {entry.expires}, more than 365 days ahead"
