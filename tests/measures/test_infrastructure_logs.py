"""What `log.chain` says of event logs: whole, changed, cut, or begun in the middle."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.evidence.record import canonical
from safecase.measures.infrastructure.checks.log_unchanged import log_unchanged
from safecase.readers.chained_logs import FIRST, follow
from tests.measures.looking import looked, written

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def chain(count: int, *, prev: str = FIRST, start: int = 0, at: datetime = NOW - timedelta(days=9)) -> list[bytes]:
    """Lines that follow from each other, one an hour."""
    lines = []
    for number in range(start, start + count):
        event = {"prev": prev, "seq": number, "time": (at + timedelta(hours=number)).isoformat(), "who": f"u-{number}"}
        lines.append(json.dumps(event).encode() + b"\n")
        prev = name(lines[-1])
    return lines


def name(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def head(lines: list[bytes]) -> str:
    return json.dumps({"lines": len(lines), "sha256": name(lines[-1])})


def found(folder: Path, files: dict[str, str | bytes], logs: str = "[logs]", now: datetime = NOW) -> list[str]:
    findings = looked(log_unchanged, written(folder, files, f"infrastructure: {{logs: {logs}}}\n"), now=now)
    return [f"{f.verdict}:{f.rule}" for f in findings]


def test_a_whole_log_with_a_head_passes_and_without_one_its_end_is_unproven(tmp_path: Path) -> None:
    lines = chain(5)
    log: dict[str, str | bytes] = {"logs/a.jsonl": b"".join(lines)}
    assert found(tmp_path / "a", log) == ["unknown:no-head"]
    assert found(tmp_path / "b", {**log, "logs/a.jsonl.head": head(lines)}) == ["pass:"]
    assert found(tmp_path / "c", {**log, "logs/a.jsonl.head": head(lines[:3])}) == ["pass:"]


def test_lines_cut_off_at_the_end_are_missed_by_the_head(tmp_path: Path) -> None:
    lines = chain(5)
    files: dict[str, str | bytes] = {"logs/a.jsonl": b"".join(lines[:4]), "logs/a.jsonl.head": head(lines)}
    assert found(tmp_path, files) == ["fail:head"]


def test_a_log_that_was_written_anew_does_not_agree_with_its_head(tmp_path: Path) -> None:
    other = chain(5, at=NOW - timedelta(days=8))
    assert found(tmp_path, {"logs/a.jsonl": b"".join(other), "logs/a.jsonl.head": head(chain(5))}) == ["fail:head"]


@pytest.mark.parametrize(
    ("spoil", "flaw", "line"),
    [
        (lambda lines: lines[:2] + lines[3:], "broken", 3),
        (lambda lines: [*lines[:2], lines[2].replace(b"u-2", b"u-9"), *lines[3:]], "broken", 4),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "broken", 3),
        (lambda lines: [*lines[:4], lines[4][:-1]], "torn", 5),
        (lambda lines: [*lines[:2], b"not json\n"], "not-json", 3),
        (lambda lines: [*lines[:2], b"[" * 100_000 + b"\n"], "not-json", 3),
        (lambda lines: [*lines[:2], b"[1]\n"], "not-json", 3),
        (lambda lines: [*lines[:2], b'{"who": "u"}\n'], "no-prev", 3),
        (lambda lines: [*lines[:2], *chain(1, prev=name(lines[1]), start=7)], "gap", 3),
        (lambda lines: [*lines[:2], *chain(1, prev=name(lines[1]), start=2, at=NOW - timedelta(days=99))], "clock", 3),
    ],
)
def test_the_first_line_that_does_not_follow_is_named(tmp_path: Path, spoil, flaw: str, line: int) -> None:  # type: ignore[no-untyped-def]
    folder = written(tmp_path, {"a.jsonl": b"".join(spoil(chain(5)))}, "infrastructure: {logs: [a.jsonl]}\n")
    (only,) = looked(log_unchanged, folder, now=NOW)
    assert (only.verdict, only.rule) == ("fail", flaw)
    assert str(only.place) == f"a.jsonl:{line}"


def test_a_file_goes_on_from_the_one_before_it(tmp_path: Path) -> None:
    lines = chain(6)
    first, second = b"".join(lines[:3]), b"".join(lines[3:])
    whole: dict[str, str | bytes] = {
        "logs/1.jsonl": first,
        "logs/2.jsonl": second,
        "logs/2.jsonl.head": head(lines[3:]),
    }
    assert found(tmp_path / "a", whole) == ["pass:", "pass:"]
    assert found(tmp_path / "b", {**whole, "logs/2.jsonl": b"".join(lines[4:])}) == ["pass:", "fail:broken"]
    anew: dict[str, str | bytes] = {"logs/1.jsonl": first, "logs/2.jsonl": b"".join(chain(2))}
    assert "fail:new-chain" in found(tmp_path / "c", anew)


def test_a_log_that_begins_in_the_middle_must_reach_back_half_a_year(tmp_path: Path) -> None:
    lines = chain(6)
    files: dict[str, str | bytes] = {"logs/a.jsonl": b"".join(lines[2:]), "logs/a.jsonl.head": head(lines[2:])}
    assert "fail:cut" in found(tmp_path / "a", files)
    assert found(tmp_path / "b", files, now=NOW + timedelta(days=200)) == ["pass:"]


def test_the_evidence_ledgers_way_of_naming_lines_is_followed(tmp_path: Path) -> None:
    prev, lines = FIRST, []
    for seq in range(3):
        body = {"prev": prev, "seq": seq, "recorded_at": NOW.isoformat(), "check": "model.scan"}
        prev = hashlib.sha256(canonical(body)).hexdigest()
        lines.append(canonical({**body, "id": prev}) + b"\n")
    files: dict[str, str | bytes] = {"l/a.jsonl": b"".join(lines), "l/a.jsonl.head": head(lines)}
    assert found(tmp_path / "a", files, "[l]") == ["pass:"]
    files["l/a.jsonl"] = b"".join(lines).replace(b'"seq":2', b'"seq":2,"x":1')
    assert found(tmp_path / "b", files, "[l]") == ["fail:id"]


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"lines": 0, "sha256": "aa"}', f'{{"lines": true, "sha256": "{FIRST}"}}', "[" * 99999]
)
def test_a_head_that_says_nothing_is_unknown(tmp_path: Path, said: str) -> None:
    files: dict[str, str | bytes] = {"logs/a.jsonl": b"".join(chain(2)), "logs/a.jsonl.head": said}
    assert found(tmp_path, files) == ["unknown:unread"]


def test_what_is_not_there_or_empty_is_unknown(tmp_path: Path) -> None:
    assert found(tmp_path / "a", {}, "[]") == ["unknown:"]
    assert found(tmp_path / "b", {}, "[gone.jsonl]") == ["unknown:missing"]
    assert found(tmp_path / "c", {"a.jsonl": b""}, "[a.jsonl]") == ["unknown:empty"]
    assert found(tmp_path / "d", {"a.jsonl.head": head(chain(1))}, "[a.jsonl.head]") == ["unknown:missing"]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 4), position=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_no_changed_byte_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, at: int, position: int, byte: int
) -> None:
    lines = chain(5)
    changed = bytearray(lines[at])
    changed[position % len(changed)] ^= byte
    path = tmp_path_factory.mktemp("log") / "a.jsonl"
    path.write_bytes(b"".join([*lines[:at], bytes(changed), *lines[at + 1 :]]))
    seen = follow(path, None, frozenset([5]), 5)
    assert seen.flaw is not None or name(lines[4]) not in seen.reached.get(5, frozenset())
