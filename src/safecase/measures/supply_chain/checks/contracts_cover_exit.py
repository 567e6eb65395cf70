"""`vendor.contract`: contracts with vendors cover changes, incidents, retirement and the way out."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.supply_chain.vendors.used import judged
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding


@check(
    "vendor.contract",
    control="SC-10",
    severity="low",
    reads=("models", "tools", "supply_chain"),
    files=("supply_chain.vendor_register",),
)
def contracts_cover_exit(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Contracts with vendors cover changes of the model, incidents, retirement and the way out.

    ## Why it matters
    A model behind an API is replaced without notice unless somebody promised notice. Then tests no longer say anything,
    or the service stops on the day on which the model is retired.

    ## How it is checked
    The register of vendors (`supply_chain.vendor_register`) must answer, with evidence that still holds: how many days
    before a change we are told, how many hours after an incident, how long a retired model stays, how we leave, and
    which role the vendor takes under the EU AI Act, each where it is asked of that kind of vendor. Whether the numbers
    are good enough is for people to judge.

    ## How to mend it
    Ask the vendor, put the paper beside the register, and write the answer with its SHA-256. `safecase supply vendors`
    shows what is open.

    ## References
    ISO/IEC 42001 A.10.3; NIST AI RMF 1.0 MANAGE 3.1; EU AI Act Art. 25(4); DORA Art. 28(8); LLM04:2026.
    """
    found = judged(repository, ctx)
    if found.problem:
        finding = contracts_cover_exit.unknown if found.nothing else contracts_cover_exit.failed
        yield finding(repository, found.problem, rule="register", place=found.place, mend=found.mend)
        return
    for name, place in found.unlisted:
        told = f"{shown(name)} is used and stands in no register, so no contract is known"
        mend = "give it an entry in the register of vendors"
        yield contracts_cover_exit.failed(
            repository, told, rule="vendor.unlisted", key=name[:200], place=place, mend=mend
        )
    for one in found.vendors:
        place = found.register.places.get(one.id) if found.register else None
        open_points = [r for r in one.reasons if r.control == "SC-10"]
        for reason in open_points:
            told = f"{shown(one.name)}: {reason.message}"
            key = f"{one.id}:{reason.question}"
            yield contracts_cover_exit.failed(
                repository, told, rule="vendor.contract", key=key, place=place, mend=reason.mend
            )
        if not open_points:
            told = f"{shown(one.name)}: changes, incidents, retirement and exit are covered"
            yield contracts_cover_exit.passed(repository, told, key=one.id, place=place)
