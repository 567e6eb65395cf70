"""What follows from the register on a day: the status of each vendor, and every reason for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import structs

from safecase.measures.supply_chain.vendors.register import (
    Answer,
    Evidence,
    Question,
    Register,
    VendorEntry,
    questions_for,
)
from safecase.readers.text import shown
from safecase.vocabulary import Noun

Status: TypeAlias = Literal["approved", "conditional", "incomplete", "expired", "rejected"]
WORST: tuple[Status, ...] = ("rejected", "expired", "incomplete", "conditional", "approved")
"""From the worst to the best; whoever stands before somebody is no better than he is."""

SOON = timedelta(days=30)
MOST_FILE = 200_000_000


class Reason(Noun, frozen=True):
    """Why a vendor does not stand better, or what will be next."""

    status: Status
    question: str
    """Empty where it is about the decision itself."""
    control: str
    message: str
    mend: str


class Standing(Noun, frozen=True):
    """Where a vendor stands on a day."""

    id: str
    name: str
    kind: str
    status: Status
    reasons: tuple[Reason, ...]
    answered: int
    asked: int
    next_day: date
    """When something of it ends or grows too old."""


def standings(register: Register, folder: Path, today: date) -> tuple[Standing, ...]:
    """Judge every vendor; `folder` is where the register lies, to which the files of evidence are relative."""
    alone = {vendor.id: _alone(vendor, folder, today) for vendor in register.vendors}
    return tuple(_with_upstream(vendor, alone, register) for vendor in register.vendors)


def _alone(vendor: VendorEntry, folder: Path, today: date) -> Standing:
    reasons = list(_of_decision(vendor, today))
    asked = questions_for(vendor.kind)
    days = [vendor.until]
    answered = 0
    for question in asked:
        answer = (vendor.answers or {}).get(question.id)
        if answer is None:
            mend = f"ask {shown(vendor.name)}, and write the answer down with its evidence"
            reasons.append(_reason("incomplete", question, f"not answered: {question.ask}", mend))
            continue
        answered += 1
        found, day = _of_answer(question, answer, folder, today)
        reasons += found
        days += [day] if day else []
    return Standing(
        id=vendor.id,
        name=vendor.name,
        kind=vendor.kind,
        status=_worst(reasons),
        reasons=tuple(reasons),
        answered=answered,
        asked=len(asked),
        next_day=min(days),
    )


def _of_decision(vendor: VendorEntry, today: date) -> Iterator[Reason]:
    told = f"by {shown(vendor.decided_by)} on {vendor.decided}"
    if vendor.decision == "rejected":
        why = f": {shown(vendor.reason, 200)}" if vendor.reason else ""
        yield _own("rejected", f"it was rejected {told}{why}", "use another vendor, or have it examined again")
    if vendor.decided > today:
        yield _own("incomplete", f"it was decided on {vendor.decided}, which has not come yet", "correct the day")
    if vendor.until < today:
        yield _own("expired", f"what was decided {told} ended on {vendor.until}", "examine it again")
    if vendor.decision == "conditional":
        conditions = "; ".join(shown(c, 200) for c in vendor.conditions) or "no condition is written down"
        yield _own("conditional", f"approved on conditions: {conditions}", "meet the conditions, and decide again")


def _of_answer(question: Question, answer: Answer, folder: Path, today: date) -> tuple[list[Reason], date | None]:
    """Give what is wrong with an answer, and until when its evidence holds."""
    if question.wanted and answer.answer not in question.wanted:
        told = f"{question.id} is answered {shown(answer.answer)!r}; wanted is {' or '.join(question.wanted)}"
        return [_reason("conditional", question, told, "change the contract or the setting, or reject it")], None
    faults: list[Reason] = []
    held: list[date] = []
    for evidence in answer.evidence:
        fault = _of_evidence(question, evidence, folder, today)
        if fault is None:
            held.append(_until(question, evidence) or date.max)
        else:
            faults.append(fault)
    if held:
        # One piece that holds is enough; what else is there may age.
        return [], max(held)
    if not faults:
        told, mend = f"{question.id} is answered without evidence", f"add one of {', '.join(question.evidence)}"
        return [_reason("incomplete", question, told, mend)], None
    return [min(faults, key=lambda fault: WORST.index(fault.status))], None


def _of_evidence(question: Question, evidence: Evidence, folder: Path, today: date) -> Reason | None:
    if evidence.kind not in question.evidence:
        told = f"{evidence.kind} is no evidence for {question.id}"
        return _reason("incomplete", question, told, f"add one of {', '.join(question.evidence)}")
    if not (evidence.file or evidence.url):
        return _reason("incomplete", question, "evidence names no file and no address", "say where it is")
    if evidence.file:
        fault = _of_file(question, evidence, folder)
        if fault is not None:
            return fault
    until = _until(question, evidence)
    if until is None:
        told = f"nothing says how old the evidence for {question.id} is"
        return _reason("incomplete", question, told, "add `seen`, the day somebody looked at it, or `until`")
    if evidence.seen and evidence.seen > today:
        told = f"evidence for {question.id} was seen on {evidence.seen}, which has not come yet"
        return _reason("incomplete", question, told, "correct the day")
    if until < today:
        return _reason("expired", question, f"the evidence for {question.id} ended on {until}", "ask for a new one")
    return None


def _of_file(question: Question, evidence: Evidence, folder: Path) -> Reason | None:
    path = folder / evidence.file
    if not path.resolve().is_relative_to(folder.resolve()):
        told = f"{shown(evidence.file)} lies outside of the register's folder"
        return _reason("incomplete", question, told, "keep evidence beside the register")
    try:
        if not path.is_file() or path.stat().st_size > MOST_FILE:
            raise OSError("it is no file, or too large")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as why:
        told = f"{shown(evidence.file)} cannot be read: {why.strerror or why}"
        return _reason("incomplete", question, told, "put the file there")
    if evidence.sha256 is None:
        told = f"{shown(evidence.file)} has no sha256, so that it could be another file tomorrow"
        return _reason("incomplete", question, told, f"add `sha256: {digest}` once somebody has read it")
    if digest != evidence.sha256:
        told = f"{shown(evidence.file)} has changed since it was read"
        return _reason("expired", question, told, f"read it again, then write `sha256: {digest}`")
    return None


def _until(question: Question, evidence: Evidence) -> date | None:
    days = [evidence.until] if evidence.until else []
    days += [evidence.seen + timedelta(days=question.most_days)] if evidence.seen else []
    return min(days, default=None)


def _with_upstream(vendor: VendorEntry, alone: Mapping[str, Standing], register: Register) -> Standing:
    """An intermediary is no better than the worst of those whose models answer behind it."""
    standing = alone[vendor.id]
    reasons = list(standing.reasons)
    seen, waiting = {vendor.id}, list(vendor.upstream)
    while waiting:
        behind = waiting.pop(0)
        if behind in seen:
            continue
        seen.add(behind)
        other, entry = alone[behind], register.vendor(behind)
        waiting += entry.upstream if entry else ()
        if other.status != "approved":
            told = f"{shown(other.name)}, whose model answers, is {other.status}"
            reasons.append(_own(other.status, told, f"mend what is said of {behind}"))
    next_day = min(alone[one].next_day for one in seen)
    return structs.replace(standing, status=_worst(reasons), reasons=tuple(reasons), next_day=next_day)


def _worst(reasons: Iterable[Reason]) -> Status:
    return min((r.status for r in reasons), key=WORST.index, default="approved")


def _reason(status: Status, question: Question, message: str, mend: str) -> Reason:
    return Reason(status=status, question=question.id, control=question.control, message=message, mend=mend)


def _own(status: Status, message: str, mend: str) -> Reason:
    return Reason(status=status, question="", control="SC-08", message=message, mend=mend)
