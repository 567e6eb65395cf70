"""Whether the lines of a ledger are those that were written: the chain, then the seals; and where not, which is first.

Forward, each line must give its own id, count on, and name the line before. Where that fails, the head (if its
signature holds) tells backward which ids belong where, so that a changed record is told from the one after it.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from safecase.evidence.record import FIRST, Record, id_of, moment_of
from safecase.evidence.seal import Head, Segment, broken_seal, segments
from safecase.readers.text import shown

DECODER = msgspec.json.Decoder(Record)
BACKWARD = timedelta(minutes=5)
"""How far clocks of two machines may differ before it is told."""


class Flaw(NamedTuple):
    """The first record that is not as it was written, counted from 0, and what is wrong there."""

    first_bad: int
    reason: str


class Examined(NamedTuple):
    """What the lines of a ledger say, and what is wrong with them."""

    records: tuple[Record, ...]
    flaw: Flaw | None


def examine(content: bytes, head: Head | None, *, head_there: bool) -> Examined:
    """Read every record and check all of them against each other and against the head."""
    lines = content.split(b"\n")
    unended = lines.pop()
    with _uncollected():
        records = tuple(_whole(lines))
    broken = broken_seal(head) if head is not None else None
    flaw: Flaw | None = None
    if head is None:
        flaw = _headless(bool(content), head_there)
    elif len(records) < len(lines) or unended or not _is_of(records, content, head):
        flaw = _first_flaw(lines, unended, head, trusted=broken is None)
    if flaw is None and broken is not None:
        segment, reason = broken
        flaw = Flaw(segment.start, reason)
    if flaw is None and head is not None:
        flaw = _attribution(records, head)
    return Examined(records, flaw)


def continues(content: bytes, before: Head | None, after: Head) -> bool:
    """Say whether lines lead from one head to the next: an append that was cut off after its last line."""
    seq, prev = (before.seal.records, before.seal.head) if before else (0, FIRST)
    lines = content.split(b"\n")
    if lines.pop():
        return False
    for line in lines:
        record = read_line(line)
        if isinstance(record, str) or (record.seq, record.prev) != (seq, prev):
            return False
        seq, prev = seq + 1, record.id
    return (seq, prev) == (after.seal.records, after.seal.head) and broken_seal(after) is None


def backward_clocks(records: Sequence[Record]) -> list[str]:
    """Tell where a record was kept earlier than the one before it: a wrong clock, not a change."""
    notes = []
    for before, after in itertools.pairwise(records):
        if after.recorded_at < before.recorded_at and _moment(after) + BACKWARD < _moment(before):
            notes.append(
                f"record {after.seq} was kept at {after.recorded_at}, before the one before it: a clock was wrong"
            )
    return notes


def _moment(record: Record) -> datetime:
    return moment_of(record.recorded_at)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out: a record has no cycles, and walking all of them doubles the time to read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _headless(lines_there: bool, head_there: bool) -> Flaw | None:
    if head_there:
        return Flaw(0, "its head (head.json) cannot be read as one")
    return Flaw(0, "its head (head.json) is gone, so nothing says how many records there were") if lines_there else None


def _whole(lines: Sequence[bytes]) -> Iterator[Record]:
    """Give the records up to the first that does not fit: the quick way, as nearly always all do."""
    prev = FIRST
    for seq, line in enumerate(lines):
        record = read_line(line)
        if isinstance(record, str) or record.seq != seq or record.prev != prev:
            return
        prev = record.id
        yield record


def read_line(line: bytes) -> Record | str:
    """Read one line; a text says why it is no record."""
    try:
        record = DECODER.decode(line)
    except RecursionError:
        return "is no record: it is nested too deep"
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        return f"is no record: {shown(str(why), 120)}"
    if id_of(line, record.id) != record.id:
        return "was changed: its content does not give its id"
    try:
        _ = moment_of(record.evaluated_at), moment_of(record.recorded_at)
    except ValueError as why:
        return f"is no record: {why}"
    return record


def _is_of(records: Sequence[Record], content: bytes, head: Head) -> bool:
    seal = head.seal
    return len(records) == seal.records and records[-1].id == seal.head and len(content) == seal.bytes


def _attribution(records: Sequence[Record], head: Head) -> Flaw | None:
    """Each record names the key that sealed it; stripping a signature shows here."""
    for start, end, seal in segments(head):
        if records[end - 1].id != seal.head:
            return Flaw(end - 1, f"record {end - 1} is not the one that was sealed at {shown(seal.at)}")
        for record in records[start:end]:
            if record.signer != seal.key_id:
                by = seal.key_id or "nobody"
                return Flaw(
                    record.seq, f"record {record.seq} names the key {shown(record.signer)!r}, and {by} sealed it"
                )
    return None


def _first_flaw(lines: Sequence[bytes], unended: bytes, head: Head, *, trusted: bool) -> Flaw | None:
    found = [read_line(line) for line in lines]
    expected = _expected(found, head) if trusted else {}
    prev = FIRST
    for index, record in enumerate(found):
        reason = _misfit(record, index, prev, expected)
        if reason is None and trusted and index >= head.seal.records:
            reason = f"stands after the last of {head.seal.records} records that the head counts"
        if reason is not None:
            return Flaw(index, f"record {index} {reason}")
        assert isinstance(record, Record)
        prev = record.id
    if unended:
        return Flaw(len(lines), f"record {len(lines)} is not whole: its line does not end")
    if not trusted:
        return None
    if len(lines) < head.seal.records:
        return Flaw(len(lines), f"record {len(lines)} is missing: the head counts {head.seal.records}")
    return Flaw(0, "its head tells another size of evidence.jsonl")


def _misfit(record: Record | str, index: int, prev: str, expected: Mapping[int, str]) -> str | None:
    if isinstance(record, str):
        return record
    wanted = expected.get(index)
    if wanted is None:
        if record.seq != index:
            return f"stands at the wrong place: it was number {record.seq}"
        return None if record.prev == prev else "does not continue the record before it"
    if record.id == wanted:
        return None
    return (
        f"stands at the wrong place: it was number {record.seq}" if record.seq != index else "was replaced by another"
    )


def _expected(found: Sequence[Record | str], head: Head) -> Mapping[int, str]:
    """Follow the chain from the head backward: which id belongs at which place, as far as that can be known."""
    by_id = {record.id: record for record in found if not isinstance(record, str)}
    expected: dict[int, str] = {}
    seq, name = head.seal.records - 1, head.seal.head
    while seq >= 0:
        expected[seq] = name
        record = by_id.get(name)
        if record is None or record.seq != seq:
            break
        seq, name = seq - 1, record.prev
    return expected


def sealed_by_others(head: Head, trusted: Sequence[str]) -> Segment | None:
    """Find the first records that none of the keys, by fingerprint or id, sealed."""
    for segment in segments(head):
        signer = segment.seal.signer
        if signer is None or not any(signer.fingerprint.startswith(key) for key in trusted):
            return segment
    return None
