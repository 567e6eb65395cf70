"""`owner.resolve`: the people who answer for the service are named and can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from safecase.checks import Context, check
from safecase.readers.text import shown
from safecase.service.schema import Person
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

CONTACTS: tuple[Literal["security", "data", "legal"], ...] = ("security", "data", "legal")


@check("owner.resolve", control="RC-22", severity="medium")
def owners_named(service: Service, ctx: Context) -> Iterator[Finding]:
    """The owner and the contacts for security, data and law are people who can be reached.

    ## Why it matters
    When an answer of the service does harm, minutes count: somebody must be able to stop it, and somebody must answer
    for it. Law and standards ask for a named, accountable person for the same reason.

    ## How it is checked
    `service.owner` and each of `service.contacts` security, data and legal is either an e-mail address or the id of a
    person in `training.people` who has one and whose part in the service has not ended. Where people are listed, an
    address must be one of theirs: an address that nobody knows is a mailbox, not an owner. Whether the mailbox is read
    is not tested.

    ## How to mend it
    Write `owner:` and `contacts:` under `service:` in safecase.yaml, and keep `training.people` current when somebody
    leaves.

    ## References
    NIST AI RMF 1.0 GOVERN 2.1; ISO/IEC 42001:2023 A.3.2; EU AI Act Art. 17(1)(m) and 26(2).
    """
    block = ctx.manifest.service
    wanted = {"owner": block.owner, **{f"contacts.{name}": block.contacts.get(name, "") for name in CONTACTS}}
    today = ctx.now.date().isoformat()
    for part, value in wanted.items():
        fault = _fault(value, ctx.manifest.training.people, today)
        if fault:
            yield owners_named.failed(
                service,
                f"service.{part} {fault}",
                key=part,
                place=ctx.place(f"service.{part}"),
                mend=f"name a person who can be reached as service.{part} in {ctx.manifest_path}",
            )
        else:
            yield owners_named.passed(service, f"service.{part} is {shown(value)}", key=part)


def _fault(value: str, people: tuple[Person, ...], today: str) -> str:
    """Say what is wrong with one contact; empty when a person answers there."""
    if not value:
        return "is not named"
    person = next((p for p in people if value in (p.id, p.email)), None)
    if person is None:
        if people:
            return f"is {shown(value)}, who is not in training.people"
        return "" if "@" in value else f"is {shown(value)}, which is neither an address nor a person of training.people"
    if not person.email:
        return f"is {shown(person.id)}, who has no e-mail address"
    if person.until is not None and person.until < today:
        return f"is {shown(person.id)}, whose part in it ended on {person.until}"
    return ""
