"""`vendor.register`: every vendor that the service uses was examined, with evidence that still holds."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.supply_chain.vendors.used import Judged, judged
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

READS = ("models", "tools", "supply_chain")


@check(
    "vendor.register",
    control="SC-08",
    severity="medium",
    reads=READS,
    files=("supply_chain.vendor_register",),
)
def vendors_assessed(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Every vendor that the service uses was examined, with evidence that still holds.

    ## Why it matters
    Whoever runs a model for us sees all that we send it, and decides what we get back. Ordinary questionnaires ask
    whether there is a firewall; they do not ask whether our prompts train the next model, whose model a router sends
    them to, or for how long they are kept. A contract that was read two years ago may have changed twice since.

    ## How it is checked
    `supply_chain.vendor_register` names a register (YAML; several services may share one). For each vendor it holds a
    decision with a last day, and answers to our questions (`safecase supply vendors --questions`), each with evidence:
    a file beside the register, bound by its SHA-256, or an address that somebody looked at on a day. A vendor is
    approved, conditional (a condition is open, or an answer is not the wanted one), incomplete (an answer or its
    evidence is missing), expired (the decision or a piece of evidence has ended, or its file has changed) or rejected.
    An intermediary is no better than those whose models answer behind it.

    Used is what `supply_chain.vendors` names, and every provider that the models of the manifest or the code of the
    repository name. Each must be in the register (by `id`, `name` or `provides`). Expired, rejected and unknown vendors
    fail; incomplete and conditional ones fail, too, with their open points. What the answers say is read by people:
    only some have a wanted word that a program can hold them against.

    ## How to mend it
    `safecase supply vendors` shows every vendor with what is open and what ends next. `safecase supply vendors --new
    NAME` prints an entry to fill in.

    ## References
    LLM04:2026; ISO/IEC 42001 A.10.3; NIST AI RMF 1.0 GOVERN 6.1; EU AI Act Art. 25(4); GDPR Art. 28; DORA Art. 28.
    """
    found = judged(repository, ctx)
    if found.problem:
        finding = vendors_assessed.unknown if found.nothing else vendors_assessed.failed
        yield finding(repository, found.problem, rule="register", place=found.place, mend=found.mend)
        return
    yield from _unlisted(repository, found)
    for one in found.vendors:
        open_points = [r for r in one.reasons if r.control == "SC-08"]
        place = found.register.places.get(one.id) if found.register else None
        if not open_points:
            told = f"{shown(one.name)} is approved; {one.answered} of {one.asked} answered, next on {one.next_day}"
            yield vendors_assessed.passed(repository, told, key=one.id, place=place)
            continue
        named = "; ".join(r.message for r in open_points[:5])
        more = f"; and {len(open_points) - 5} more" if len(open_points) > 5 else ""
        yield vendors_assessed.failed(
            repository,
            f"{shown(one.name)} is {one.status}: {named}{more}",
            rule=f"vendor.{one.status}",
            key=one.id,
            place=place,
            mend=open_points[0].mend,
            severity="high" if one.status in ("rejected", "expired") else None,
        )


def _unlisted(repository: Repository, found: Judged) -> Iterator[Finding]:
    for name, place in found.unlisted:
        yield vendors_assessed.failed(
            repository,
            f"{shown(name)} is used and stands in no register",
            rule="vendor.unlisted",
            key=name[:200],
            place=place,
            mend=f"examine it: safecase supply vendors --new {shown(name, 40)} prints an entry to fill in",
        )
