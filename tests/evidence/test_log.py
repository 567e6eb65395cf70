"""What is appended is there, in order, after crashes, with two writers, and on a full disk."""

import itertools
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from safecase.errors import EvidenceError, ManifestError, SafecaseError, UsageError
from safecase.evidence import durable
from safecase.evidence.examine import DECODER
from safecase.evidence.journal import Journal
from safecase.evidence.log import Ledger
from safecase.evidence.record import FIRST, canonical, chained, normalised
from safecase.evidence.seal import head_from, sealed
from safecase.vocabulary import Metric, digest_of
from tests.evidence.drafts import draft

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from safecase.evidence.log import Ledger
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft
ledger = Ledger(sys.argv[1])
for number in range(int(sys.argv[2])):
    content = f"{sys.argv[3]} saw {number}".encode()
    drafts = [draft(number, note=f"{sys.argv[3]}:{number}:{part}", artefacts=(digest_of(content),)) for part in (0, 1)]
    for record in ledger.append(drafts, {digest_of(content): content}):
        sys.stdout.write(record.id + chr(10))
    sys.stdout.flush()
"""


def writer(ledger: Ledger, count: int, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(ledger.path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_ledger_that_is_not_there_is_an_empty_one(ledger: Ledger) -> None:
    assert ledger.read() == ()
    assert ledger.verify().ok
    assert ledger.seal().note == ""
    assert not ledger.path.exists()


def test_what_is_appended_is_read_back(ledger: Ledger) -> None:
    content = b"what the model said"
    (first,) = ledger.append([draft(1)])
    second, third = ledger.append([draft(2, artefacts=(digest_of(content),)), draft(3)], {digest_of(content): content})
    assert ledger.read() == (first, second, third)
    assert [r.seq for r in ledger.read()] == [0, 1, 2]
    assert [r.prev for r in ledger.read()] == [FIRST, first.id, second.id]
    assert ledger.object(digest_of(content)) == content
    assert second.kept == (digest_of(content),)
    verified = ledger.verify()
    assert verified.ok
    assert verified.trusted
    assert verified.signer == first.signer


def test_a_line_is_what_python_s_own_json_gives_so_that_anybody_can_check_it(ten: Ledger) -> None:
    import hashlib
    import json

    prev = FIRST
    for line in (ten.path / "evidence.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        assert line == canonical(record)
        name = record.pop("id")
        assert record["prev"] == prev
        assert hashlib.sha256(canonical(record)).hexdigest() == name
        prev = name


def test_moments_and_digests_are_brought_to_one_form(ledger: Ledger) -> None:
    given = draft(
        evaluated_at="2026-11-23T12:00:00.5+02:00", subjects=({"name": "model:a", "sha256": "sha256:" + "AB" * 32},)
    )
    (record,) = ledger.append([given])
    assert record.evaluated_at == "2026-11-23T10:00:00.500000Z"
    assert record.subjects[0].sha256 == "ab" * 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"evaluated_at": "2026-11-23T10:00:00"},
        {"evaluated_at": "yesterday"},
        {"evaluated_at": "0001-01-01T00:00:00+14:00"},
        {"ttl_days": -1},
        {"ttl_days": float("nan")},
        {"verdict": "maybe"},
        {"control": ""},
        {"subjects": ({"name": "a", "sha256": "12"},)},
        {"subjects": ({"name": "a", "sha256": "1" * 64}, {"name": "a", "sha256": "2" * 64})},
    ],
)
def test_a_draft_that_makes_no_sense_is_refused_and_nothing_is_written(
    ledger: Ledger, wrong: dict[str, object]
) -> None:
    with pytest.raises(ManifestError):
        ledger.append([draft(), draft(**wrong)])
    assert ledger.read() == ()


def test_a_file_name_that_is_no_unicode_does_not_stop_an_append(ledger: Ledger) -> None:
    (record,) = ledger.append([draft(note="caf\udce9 \x1b[31m")])
    assert record.note == "caf? \x1b[31m"
    assert ledger.read() == (record,)


def test_a_measure_that_is_no_number_is_left_out_and_told(ledger: Ledger) -> None:
    metrics = (Metric(name="asr", value=float("nan")), Metric(name="rate", value=0.5))
    (record,) = ledger.append([draft(metrics=metrics)])
    assert [m.name for m in record.metrics] == ["rate"]
    assert "asr" in record.note


def test_an_artefact_under_another_digest_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError):
        ledger.append([draft()], {digest_of(b"a"): b"b"})
    assert ledger.read() == ()


def test_artefacts_that_are_not_given_may_still_be_named(ledger: Ledger) -> None:
    (record,) = ledger.append([draft(artefacts=(digest_of(b"elsewhere"), "s3://bucket/run-1"))])
    assert record.kept == ()
    assert ledger.verify().ok


def test_two_processes_append_at_once_and_nothing_is_lost(ledger: Ledger) -> None:
    writers = [writer(ledger, 25, name) for name in "abc"]
    acknowledged = [line for process in writers for line in process.communicate(timeout=60)[0].split()]
    assert all(process.returncode == 0 for process in writers)
    records = ledger.read()
    assert len(records) == 150
    assert sorted(acknowledged) == sorted(r.id for r in records)
    assert all(a.note[:-1] == b.note[:-1] for a, b in zip(records[::2], records[1::2], strict=True)), (
        "batches stay whole"
    )
    assert ledger.verify().ok


def test_a_reader_beside_a_writer_never_sees_a_half_written_ledger(ledger: Ledger) -> None:
    process = writer(ledger, 40, "a")
    seen = 0
    while process.poll() is None:
        records = ledger.read()
        assert len(records) >= seen
        seen = len(records)
    process.communicate()
    assert len(ledger.read()) == 80


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_writer_that_is_killed_at_any_moment_loses_nothing_acknowledged(ledger: Ledger) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()
    for number in range(6):
        process = writer(ledger, 100_000, f"round {number}")
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        until = time.monotonic() + chance.uniform(0, 0.1)
        while time.monotonic() < until:
            acknowledged.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        acknowledged.update(
            line.strip() for line in process.communicate()[0].splitlines(keepends=True) if line[-1] == "\n"
        )
        verified = ledger.verify()
        assert verified.ok, verified.reason
        assert acknowledged <= {r.id for r in ledger.read()}
    ledger.append([draft()])
    assert ledger.verify().ok
    assert not list(ledger.path.rglob(f"{durable.PREFIX}*"))
    assert not (ledger.path / "head.next.json").exists()


MORTAL = """
import os, pathlib, signal, sys
from safecase.evidence.log import Ledger
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft
left = int(sys.argv[2])
def mortal(act):
    def acts(*given, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given, **named)
    return acts
for place, name in ((os, "fsync"), (pathlib.Path, "replace"), (pathlib.Path, "open"), (pathlib.Path, "chmod")):
    setattr(place, name, mortal(getattr(place, name)))
Ledger(sys.argv[1]).append([draft(20, artefacts=(digest_of(b"x"),)), draft(21)], {digest_of(b"x"): b"x"})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_kill_before_any_step_of_an_append_leaves_all_of_it_or_nothing(ten: Ledger) -> None:
    code, steps, counts = -signal.SIGKILL, 0, [10]
    while code == -signal.SIGKILL:
        done = subprocess.run([sys.executable, "-c", MORTAL, str(ten.path), str(steps)], cwd=ROOT, check=False)
        code, steps = done.returncode, steps + 1
        assert ten.verify().ok
        counts.append(len(ten.read()))
    assert code == 0
    assert steps > 8
    assert {after - before for before, after in itertools.pairwise(counts)} == {0, 2}


def stages(ledger: Ledger) -> tuple[bytes, bytes]:
    """Give the head and the lines that a next append would write."""
    journal = Journal(ledger.path)
    with journal.reading() as standing:
        head = standing.head
    assert head is not None
    content = (ledger.path / "evidence.jsonl").read_bytes()
    at = "2026-11-23T12:00:00Z"
    name, line = chained(normalised(draft(30)), seq=head.seal.records, prev=head.seal.head, at=at, signer="", kept=())
    size = len(content) + len(line) + 1
    after = sealed(head, records=head.seal.records + 1, size=size, head=name, at=at, key=None)
    return after.to_bytes(), line + b"\n"


@pytest.mark.parametrize("share", [0, 1, 100, -1])
def test_an_append_that_a_crash_cut_off_is_taken_back(ten: Ledger, share: int) -> None:
    head, line = stages(ten)
    (ten.path / "head.next.json").write_bytes(head)
    with (ten.path / "evidence.jsonl").open("ab") as out:
        out.write(line[:share])
    assert len(ten.read()) == 10
    assert ten.verify().ok
    ten.append([draft(11)])
    assert [r.seq for r in ten.read()] == list(range(11))
    assert not (ten.path / "head.next.json").exists()


def test_an_append_that_a_crash_cut_off_before_its_last_step_is_finished(ten: Ledger) -> None:
    head, line = stages(ten)
    (ten.path / "head.next.json").write_bytes(head)
    with (ten.path / "evidence.jsonl").open("ab") as out:
        out.write(line)
    assert len(ten.read()) == 11
    ten.append([draft(11)])
    assert len(ten.read()) == 12
    assert ten.verify().ok


def test_lines_of_zeros_that_a_power_cut_left_are_taken_back(ten: Ledger) -> None:
    head, line = stages(ten)
    (ten.path / "head.next.json").write_bytes(head)
    with (ten.path / "evidence.jsonl").open("ab") as out:
        out.write(b"\0" * len(line))
    assert len(ten.read()) == 10
    ten.append([draft(11)])
    assert ten.verify().ok


def test_a_half_written_next_head_is_dropped(ten: Ledger) -> None:
    (ten.path / "head.next.json").write_bytes(stages(ten)[0][:40])
    assert len(ten.read()) == 10
    ten.append([draft(11)])
    assert ten.verify().ok


def test_a_first_append_that_a_crash_cut_off_leaves_an_empty_ledger(ten: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other")
    other.path.mkdir()
    (other.path / "head.next.json").write_bytes((ten.path / "head.json").read_bytes())
    (other.path / "evidence.jsonl").write_bytes((ten.path / "evidence.jsonl").read_bytes()[:100])
    assert other.read() == ()
    other.append([draft()])
    assert len(other.read()) == 1


FULL = """
import resource, sys
from safecase.errors import EvidenceError
from safecase.evidence.log import Ledger
from safecase.vocabulary import digest_of
from tests.evidence.drafts import draft
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
content = b"x" * int(sys.argv[3])
try:
    Ledger(sys.argv[1]).append([draft(20), draft(21, artefacts=(digest_of(content),))], {digest_of(content): content})
except EvidenceError as why:
    sys.stdout.write(why.message + chr(10) + why.mend)
    sys.exit(why.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of a file")
@pytest.mark.parametrize(("room", "artefact"), [(1, 10), (300, 10), (7300, 10), (100_000, 200_000)])
def test_a_full_disk_is_exit_3_and_loses_nothing(ten: Ledger, room: int, artefact: int) -> None:
    before = ten.read()
    if room == 7300:
        room = (ten.path / "evidence.jsonl").stat().st_size + 700  # in the middle of the second line
    command = [sys.executable, "-c", FULL, str(ten.path), str(room), str(artefact)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 3, done.stderr
    assert "make room" in done.stdout
    assert ten.read() == before
    assert ten.verify().ok
    assert not (ten.path / "head.next.json").exists()
    ten.append([draft(20)])
    assert len(ten.read()) == 11


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_ledger_on_a_read_only_disk_is_read_and_not_written(ten: Ledger) -> None:
    ten.path.chmod(0o500)
    try:
        assert len(ten.read()) == 10
        with pytest.raises(EvidenceError) as caught:
            ten.append([draft()])
        assert caught.value.exit_code == 3
    finally:
        ten.path.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here is no folder")
    with pytest.raises(EvidenceError) as caught:
        Ledger(tmp_path / "file" / "ledger").append([draft()])
    assert caught.value.exit_code == 3


def test_the_lines_are_plain_records_in_the_order_of_the_canonical_json() -> None:
    from safecase.evidence.record import Record

    names = [f.encode_name for f in msgspec.structs.fields(Record)]
    assert names == sorted(names)


def test_the_key_is_made_at_the_first_append_and_only_its_owner_can_read_it(ledger: Ledger, home: Path) -> None:
    ledger.append([draft()])
    mode = (home / "signing.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600 or sys.platform == "win32"


def test_reading_makes_no_key_and_no_file(ledger: Ledger, home: Path) -> None:
    ledger.path.mkdir()
    ledger.read()
    ledger.verify()
    assert not home.exists()
    assert list(ledger.path.iterdir()) == []


def test_where_no_key_can_be_kept_the_ledger_is_unsigned_and_says_so(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "file" / "home"))
    (record,) = ledger.append([draft()])
    assert record.signer == ""
    assert "not signed" in ledger.seal().note
    verified = ledger.verify()
    assert (verified.ok, verified.signer, verified.trusted) == (True, None, False)
    assert not ledger.verify(require_signature=True).ok


def test_a_pipeline_s_empty_secret_counts_as_none(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SAFECASE_SIGNING_KEY", "")
    ledger.append([draft()])
    assert (home / "signing.key").exists()


@pytest.mark.parametrize(
    "given", ["/nonexistent/key", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"]
)
def test_a_signing_key_that_is_none_is_told_and_not_passed_over(
    ledger: Ledger, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFECASE_SIGNING_KEY", given)
    with pytest.raises(SafecaseError, match="SAFECASE_SIGNING_KEY"):
        ledger.append([draft()])
    assert ledger.read() == ()


def test_a_decoded_line_is_the_record_that_append_gave(ten: Ledger) -> None:
    lines = (ten.path / "evidence.jsonl").read_bytes().splitlines()
    assert tuple(DECODER.decode(line) for line in lines) == ten.read()
    head = head_from((ten.path / "head.json").read_bytes())
    assert head is not None
    assert head.seal.records == 10
