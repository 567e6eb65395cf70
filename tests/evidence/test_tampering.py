"""Whatever is changed in a ledger is seen, and the first record that is not as it was is named."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.errors import EvidenceError
from safecase.evidence import keys
from safecase.evidence.log import Ledger
from safecase.evidence.record import FIRST, canonical
from safecase.evidence.seal import head_from, sealed
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft

Lines: TypeAlias = list[bytes]


def lines_of(ledger: Ledger) -> Lines:
    return (ledger.path / "evidence.jsonl").read_bytes().splitlines(keepends=True)


def write(ledger: Ledger, lines: Lines) -> None:
    (ledger.path / "evidence.jsonl").write_bytes(b"".join(lines))


def forged(line: bytes, **changes: Any) -> bytes:
    """Change a record and give it the id that it must have then."""
    record = {**json.loads(line), **changes}
    del record["id"]
    return canonical({**record, "id": hashlib.sha256(canonical(record)).hexdigest()}) + b"\n"


def rechained(lines: Lines) -> Lines:
    prev, out = FIRST, []
    for seq, line in enumerate(lines):
        out.append(forged(line, seq=seq, prev=prev))
        prev = json.loads(out[-1])["id"]
    return out


def in_place(k: int, old: bytes, new: bytes) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:k], lines[k].replace(old, new), *lines[k + 1 :]]


def put(k: int, line: Callable[[Lines], bytes], over: int = 1) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:k], line(lines), *lines[k + over :]]


CASES: dict[str, tuple[int, Callable[[Lines], Lines]]] = {
    "a byte changed": (4, in_place(4, b'"verdict":"pass"', b'"verdict":"fail"')),
    "a byte changed in the first": (0, in_place(0, b"nothing runs", b"something runs")),
    "a byte changed in the last": (9, in_place(9, b"nothing runs", b"something runs")),
    "a space put in": (5, in_place(5, b'"control":', b'"control": ')),
    "a digit of an id changed": (2, lambda s: in_place(2, json.loads(s[2])["id"][:8].encode(), b"00000000")(s)),
    "a record changed with its id": (4, put(4, lambda s: forged(s[4], verdict="fail"))),
    "the first changed with its id": (0, put(0, lambda s: forged(s[0], verdict="fail"))),
    "the last changed with its id": (9, put(9, lambda s: forged(s[9], verdict="fail"))),
    "a record deleted": (4, lambda s: [*s[:4], *s[5:]]),
    "the first deleted": (0, lambda s: s[1:]),
    "two swapped": (3, lambda s: [*s[:3], s[4], s[3], *s[5:]]),
    "the last two swapped": (8, lambda s: [*s[:8], s[9], s[8]]),
    "all reversed": (0, lambda s: s[::-1]),
    "a record said twice": (5, lambda s: [*s[:5], s[4], *s[5:]]),
    "the last said twice": (10, lambda s: [*s, s[9]]),
    "a record put in that fits what is before it": (5, put(5, lambda s: forged(s[5], note="mine"), over=0)),
    # nothing but the head's id is left to tell it by, and that is of the last record
    "a record put in and the rest chained to it": (9, lambda s: rechained([*s[:5], s[4], *s[5:]])),
    "a line that is no JSON": (3, put(3, lambda s: b"hello\n")),
    "a line that is another JSON": (3, put(3, lambda s: b'{"id": 1}\n')),
    "a line that is nested without end": (3, put(3, lambda s: b"[" * 100_000 + b"\n")),
    "an empty line": (6, put(6, lambda s: b"\n", over=0)),
    "an empty line at the end": (10, lambda s: [*s, b"\n"]),
    "line ends of another system": (0, lambda s: [line.replace(b"\n", b"\r\n") for line in s]),
    "the last line without its end": (9, lambda s: [*s[:9], s[9][:-1]]),
    "the tail cut": (7, lambda s: s[:7]),
    "the tail cut within a line": (7, lambda s: [*s[:7], s[7][:50]]),
    "everything cut": (0, lambda s: []),
    "a record appended by hand": (10, lambda s: [*s, forged(s[9], seq=10, prev=json.loads(s[9])["id"])]),
    "a remark appended by hand": (10, lambda s: [*s, b"# all good\n"]),
    "a field of its own": (4, put(4, lambda s: forged(s[4], trusted=True))),
    "a moment that is none": (4, put(4, lambda s: forged(s[4], evaluated_at="soon"))),
    "another schema": (4, put(4, lambda s: forged(s[4], schema="safecase/evidence/9"))),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_bad_record_is_named(ten: Ledger, case: str) -> None:
    first_bad, change = CASES[case]
    write(ten, change(lines_of(ten)))
    found = ten.verify()
    assert not found.ok
    assert found.first_bad == first_bad, found.reason
    assert found.reason
    assert not found.trusted
    with pytest.raises(EvidenceError) as caught:
        ten.read()
    assert caught.value.exit_code == 4
    assert caught.value.first_bad == first_bad


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_no_byte_can_be_changed_unseen_and_its_record_is_named(ten: Ledger, where: int, flip: int) -> None:
    lines = lines_of(ten)
    content = bytearray(b"".join(lines))
    at = where % len(content)
    content[at] ^= flip
    (ten.path / "evidence.jsonl").write_bytes(content)
    found = ten.verify()
    write(ten, lines)
    number = next(k for k in range(10) if at < sum(map(len, lines[: k + 1])))
    assert not found.ok
    assert found.first_bad == number


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_no_byte_of_a_signed_head_can_be_changed_to_say_something_else(ten: Ledger, where: int, flip: int) -> None:
    file = ten.path / "head.json"
    before = file.read_bytes()
    content = bytearray(before)
    content[where % (len(content) - 1)] ^= flip
    file.write_bytes(content)
    found = ten.verify()
    same = head_from(bytes(content)) == head_from(before)  # a space for a space changes nothing
    file.write_bytes(before)
    assert found.ok == same
    assert same or found.first_bad is not None


def test_a_head_that_is_gone_is_told(ten: Ledger) -> None:
    (ten.path / "head.json").unlink()
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 0)
    assert "head.json) is gone" in found.reason


def test_lines_that_are_gone_are_told(ten: Ledger) -> None:
    (ten.path / "evidence.jsonl").unlink()
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 0)


def test_a_ledger_that_was_changed_is_not_built_upon(ten: Ledger) -> None:
    for change in (lambda s: s[:7], lambda s: [*s, s[9]]):
        lines = lines_of(ten)
        write(ten, change(lines))
        with pytest.raises(EvidenceError) as caught:
            ten.append([draft()])
        assert caught.value.exit_code == 4
        write(ten, lines)
    assert ten.verify().ok


def rewritten(ledger: Ledger, **head: Any) -> None:
    """Change a verdict and everything after it, as somebody who may write the files but has not the key."""
    lines = lines_of(ledger)
    lines = rechained([*lines[:4], forged(lines[4], verdict="fail"), *lines[5:]])
    write(ledger, lines)
    old = json.loads((ledger.path / "head.json").read_bytes())
    new = {**old, "head": json.loads(lines[-1])["id"], "bytes": sum(map(len, lines)), **head}
    (ledger.path / "head.json").write_bytes(canonical(new))


def test_a_whole_chain_rewritten_without_the_key_is_seen_by_the_signature(ten: Ledger) -> None:
    rewritten(ten)
    found = ten.verify()
    assert not found.ok
    assert "signature" in found.reason
    with pytest.raises(EvidenceError):
        ten.append([draft()])


def test_a_signature_that_was_stripped_is_seen_by_the_records(ten: Ledger) -> None:
    rewritten(ten, signer=None, signature="")
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 0)
    ten.append([draft(20)])
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 0), "a later honest seal does not cover what was there before it"


def test_a_chain_signed_anew_with_another_key_is_seen_by_the_records(ten: Ledger, tmp_path: Path) -> None:
    key = keys.make(tmp_path / "other.key")
    rewritten(ten)
    head = head_from((ten.path / "head.json").read_bytes())
    assert head is not None
    seal = head.seal
    anew = sealed(None, records=seal.records, size=seal.bytes, head=seal.head, at=seal.at, key=key)
    (ten.path / "head.json").write_bytes(anew.to_bytes())
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 0)


def test_a_next_head_put_there_by_hand_hides_nothing(ten: Ledger) -> None:
    head = (ten.path / "head.json").read_bytes()
    write(ten, lines_of(ten)[:8])
    (ten.path / "head.next.json").write_bytes(head)
    found = ten.verify()
    assert (found.ok, found.first_bad) == (False, 8)
    with pytest.raises(EvidenceError):
        ten.append([draft()])


def object_of(ledger: Ledger, content: bytes) -> Path:
    name = digest_of(content).removeprefix("sha256:")
    return ledger.path / "objects" / name[:2] / name[2:]


def test_an_artefact_that_was_changed_or_taken_is_laid_to_its_record(ten: Ledger) -> None:
    object_of(ten, b"transcript 7").unlink()
    assert ten.verify().first_bad == 7
    object_of(ten, b"transcript 3").write_bytes(b"transcript 4")
    assert ten.verify().first_bad == 3
    assert len(ten.read()) == 10
    with pytest.raises(EvidenceError):
        ten.object(digest_of(b"transcript 3"))


def test_a_clock_that_runs_backward_is_a_note_and_no_tampering(ten: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from safecase.evidence import log

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Late":
            return cls(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(log, "datetime", Late)
    ten.append([draft(11)])
    found = ten.verify()
    assert found.ok
    assert "clock" in found.notes[0]
    assert "record 10" in found.notes[0]


def test_a_foreign_signature_holds_and_is_not_trusted(ten: Ledger, home: Path, tmp_path: Path) -> None:
    mine = ten.verify().signer
    shutil.move(home / "signing.key", tmp_path / "a.key")
    found = ten.verify()
    assert (found.ok, found.signer, found.trusted) == (True, mine, False)
    assert "no key of this user" in ten.seal().note
    assert ten.verify(key=str(tmp_path / "a.key")).trusted
    assert ten.verify(key=mine).trusted
    keys.make(tmp_path / "b.key")
    assert not ten.verify(key=str(tmp_path / "b.key")).ok


def test_two_signers_vouch_each_for_their_own_records(
    ten: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = ten.verify().signer
    assert person is not None
    pipeline = keys.signer_of(keys.make(tmp_path / "pipeline.key")).key_id
    monkeypatch.setenv("SAFECASE_SIGNING_KEY", (tmp_path / "pipeline.key").read_text())
    ten.append([draft(11)])
    ten.append([draft(12)])
    assert [r.signer for r in ten.read()] == [person] * 10 + [pipeline] * 2
    assert ten.verify().trusted, "both keys are here"
    found = ten.verify(key=pipeline)
    assert (found.ok, found.first_bad) == (False, 0)
    found = ten.verify(key=person)
    assert (found.ok, found.first_bad) == (False, 10)
    assert ten.verify(key=[person, pipeline]).trusted
    monkeypatch.delenv("SAFECASE_SIGNING_KEY")
    ten.append([draft(13)])
    head = head_from((ten.path / "head.json").read_bytes())
    assert head is not None
    assert [seal.records for seal in head.seals] == [10, 12, 13]
    assert ten.verify(require_signature=True).ok


def test_a_part_that_nobody_signed_is_refused_where_signatures_are_required(
    ten: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFECASE_HOME", "/dev/null/home")
    ten.append([draft(11)])
    monkeypatch.setenv("SAFECASE_HOME", str(home))
    ten.append([draft(12)])
    found = ten.verify()
    assert (found.ok, found.trusted) == (True, False)
    assert "records 10 to 10" in ten.seal().note
    found = ten.verify(require_signature=True)
    assert (found.ok, found.first_bad) == (False, 10)


def test_where_a_signature_is_required_an_absent_ledger_has_none(ledger: Ledger) -> None:
    assert not ledger.verify(require_signature=True).ok
    assert not ledger.verify(key="0" * 16).ok
