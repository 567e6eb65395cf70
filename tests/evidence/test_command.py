"""`safecase evidence` keeps its contract: what it prints, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from safecase.cli.evidence import evidence
from safecase.errors import EvidenceError, ManifestError, UsageError
from safecase.evidence.log import Ledger
from safecase.vocabulary import Finding, Place
from tests.evidence.drafts import draft

GIVEN = {
    "control": "IN-08",
    "check": "net.policy",
    "check_version": "3.1",
    "verdict": "pass",
    "evaluated_at": "2026-11-20T12:00:00+02:00",
    "ttl_days": 10,
    "subjects": [{"name": "kubernetes", "sha256": "c" * 64}],
    "artefacts": [],
}


def call(*words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(evidence, words, input=stdin)


def add(ledger: Ledger, **changes: Any) -> str:
    done = call("add", "--ledger", str(ledger.path), "--record", "-", stdin=json.dumps({**GIVEN, **changes}).encode())
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)["id"])


def subjects(tmp_path: Path, digest: str) -> str:
    file = tmp_path / "now.json"
    file.write_text(json.dumps({"kubernetes": digest}))
    return str(file)


def test_add_prints_the_id_of_what_it_kept(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps({**GIVEN, "host": "ci-7"}))
    done = call("add", "--ledger", str(ledger.path), "--record", str(file))
    (record,) = ledger.read()
    assert json.loads(done.stdout) == {"id": record.id}
    assert record.evaluated_at == "2026-11-20T10:00:00Z"
    assert record.check_version == "3.1"
    assert record.extra == {"host": "ci-7"}


def test_a_bad_record_is_refused_with_all_its_faults_and_nothing_is_written(ledger: Ledger) -> None:
    bad = {**GIVEN, "verdict": "ok", "ttl_days": -1, "evaluated_at": "2026-11-20", "subjects": [{"name": "a"}]}
    del bad["check"]
    done = call("add", "--ledger", str(ledger.path), "--record", "-", stdin=json.dumps(bad).encode())
    assert isinstance(done.exception, ManifestError)
    assert done.exception.exit_code == 2
    told = " ".join(fault.message for fault in done.exception.faults)
    assert len(done.exception.faults) == 5
    assert all(name in told for name in ("`check`", "`verdict`", "`ttl_days`", "`evaluated_at`", "`subjects`"))
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"a": ' * 5000,
        b"[" * 200_000,
        b'{"control": 1e999}',
        b"NaN",
        b'"' + b"x" * 99,
    ],
)
def test_what_is_no_record_at_all_is_refused_in_a_sentence(ledger: Ledger, content: bytes) -> None:
    done = call("add", "--ledger", str(ledger.path), "--record", "-", stdin=content)
    assert isinstance(done.exception, UsageError | ManifestError)
    assert not ledger.path.exists()


def test_a_record_that_is_nested_without_end_is_refused(ledger: Ledger) -> None:
    value: Any = 1
    for _ in range(200):
        value = {"in": value}
    done = call("add", "--ledger", str(ledger.path), "--record", "-", stdin=json.dumps({**GIVEN, "x": value}).encode())
    assert isinstance(done.exception, ManifestError)


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-11-21T00:00:00Z", "fresh"),
        ("2026-11-28T10:00:00Z", "due"),
        ("2026-12-01", "stale"),
        ("2026-11-20T09:59:59Z", "missing"),
    ],
)
def test_status_tells_the_state_at_a_moment(ledger: Ledger, tmp_path: Path, at: str, state: str) -> None:
    name = add(ledger)
    done = call(
        "status", "--ledger", str(ledger.path), "--subjects", subjects(tmp_path, "sha256:" + "c" * 64), "--as-of", at
    )
    seen = json.loads(done.stdout)["controls"]["IN-08"]
    missing = state == "missing"
    assert seen == {"state": state, "verdict": "unknown" if missing else "pass", "record": None if missing else name}


def test_status_tells_what_is_void(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger)
    words = ("status", "--ledger", str(ledger.path), "--as-of", "2026-11-21T00:00:00Z")
    changed = json.loads(call(*words, "--subjects", subjects(tmp_path, "d" * 64)).stdout)
    assert changed["controls"]["IN-08"]["state"] == "void"
    recalled = json.loads(call(*words, "--recalled", "net.policy@3.1").stdout)
    assert recalled["controls"]["IN-08"]["state"] == "void"
    revoked = json.loads(call(*words, "--revoked", ledger.read()[0].signer).stdout)
    assert revoked["controls"]["IN-08"]["state"] == "void"
    assert "By age only" in call(*words, "--format", "text").stdout


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 1}', '{"a": "xyz"}'])
def test_subjects_that_are_none_are_refused(ledger: Ledger, tmp_path: Path, content: str) -> None:
    (tmp_path / "now.json").write_text(content)
    done = call("status", "--ledger", str(ledger.path), "--subjects", str(tmp_path / "now.json"))
    assert isinstance(done.exception, UsageError)


def test_a_moment_that_is_none_is_refused(ledger: Ledger) -> None:
    assert isinstance(call("status", "--ledger", str(ledger.path), "--as-of", "soon").exception, UsageError)


def test_verify_says_that_nothing_was_changed(ten: Ledger) -> None:
    done = call("verify", "--ledger", str(ten.path))
    signer = ten.read()[0].signer
    answer = {"ok": True, "records": 10, "signer": {"key_id": signer, "trusted": True}, "notes": []}
    assert (done.exit_code, json.loads(done.stdout)) == (0, answer)
    assert "10 records" in call("verify", "--ledger", str(ten.path), "--format", "text").stdout


def test_verify_names_the_first_bad_record_and_exits_4(ten: Ledger) -> None:
    file = ten.path / "evidence.jsonl"
    file.write_bytes(file.read_bytes().replace(b"10:06:00", b"10:16:00"))
    done = call("verify", "--ledger", str(ten.path), "--format", "json")
    assert done.exit_code == 4
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["first_bad"]) == (False, 6)
    assert answer["reason"]
    text = call("verify", "--ledger", str(ten.path), "--format", "text")
    assert text.exit_code == 4
    assert "counted from 0: 6" in text.stdout
    for verb in ("list", "status"):
        done = call(verb, "--ledger", str(ten.path))
        assert isinstance(done.exception, EvidenceError)
        assert done.exception.exit_code == 4


def test_verify_wants_the_key_that_was_named(ten: Ledger, tmp_path: Path) -> None:
    made = json.loads(call("keygen", "-o", str(tmp_path / "other.key"), "--format", "json").stdout)
    assert call("verify", "--ledger", str(ten.path), "--key", made["key_id"]).exit_code == 4
    assert call("verify", "--ledger", str(ten.path), "--key", str(tmp_path / "other.key")).exit_code == 4
    mine = ten.read()[0].signer
    assert call("verify", "--ledger", str(ten.path), "--key", mine, "--require-signature").exit_code == 0
    (tmp_path / "none.pem").write_text("no key")
    assert isinstance(
        call("verify", "--ledger", str(ten.path), "--key", str(tmp_path / "none.pem")).exception, UsageError
    )
    assert isinstance(call("verify", "--ledger", str(ten.path), "--key", "nowhere").exception, UsageError)


def test_a_public_key_in_pem_is_taken_too(ten: Ledger, tmp_path: Path, home: Path) -> None:
    from safecase.evidence import keys

    own = keys.to_sign()
    assert own is not None
    (tmp_path / "own.pub").write_text(keys.public_pem(own))
    assert call("verify", "--ledger", str(ten.path), "--key", str(tmp_path / "own.pub")).exit_code == 0


def test_keygen_overwrites_nothing(tmp_path: Path, home: Path) -> None:
    done = call("keygen")
    assert done.exit_code == 0
    assert "BEGIN PUBLIC KEY" in done.stdout
    assert (home / "signing.key").exists()
    assert isinstance(call("keygen").exception, UsageError)


def test_list_and_show_escape_what_a_terminal_would_act_upon(ledger: Ledger) -> None:
    evil = Finding(
        check="model.scan",
        subject="model:\x1b[2J",
        verdict="fail",
        message="\x1b]0;gotcha\x07 bad",
        mend="\x1b[31mmend it",
        place=Place(file="a\x1bb", line=3),
    )
    about = ({"name": "model:\x1b[2J", "sha256": "1" * 64},)
    (record,) = ledger.append(
        [draft(findings=(evil,), verdict="fail", note="\x9b31m", subjects=about, artefacts=("\x1b",))]
    )
    for words in (
        ("list",),
        ("list", "--format", "json"),
        ("show", record.id[:6]),
        ("show", record.id, "--format", "json"),
    ):
        done = call(*words, "--ledger", str(ledger.path))
        assert done.exit_code == 0
        assert "\x1b" not in done.stdout
        assert "\x9b" not in done.stdout
        assert record.id[:12] in done.stdout
    text = call("show", record.id[:8], "--ledger", str(ledger.path)).stdout
    assert "mend:" in text
    assert "1" * 64 in text


def test_show_wants_an_id_that_there_is(ten: Ledger) -> None:
    for name in ("abc", "zzzzzz", ""):
        assert isinstance(call("show", name, "--ledger", str(ten.path)).exception, UsageError)


def test_list_can_be_narrowed_to_a_control(ten: Ledger) -> None:
    ten.append([draft(control="IN-08")])
    done = json.loads(call("list", "--ledger", str(ten.path), "--control", "IN-08", "--format", "json").stdout)
    assert [r["seq"] for r in done["records"]] == [10]
    assert "no evidence" in call("list", "--ledger", str(ten.path), "--control", "XX-1").stdout


def test_a_ledger_that_is_not_there_is_told_and_not_made(ledger: Ledger) -> None:
    assert "no evidence" in call("list", "--ledger", str(ledger.path)).stdout
    assert json.loads(call("verify", "--ledger", str(ledger.path)).stdout)["records"] == 0
    assert json.loads(call("status", "--ledger", str(ledger.path)).stdout) == {"controls": {}}
    assert not ledger.path.exists()


@pytest.mark.parametrize("verb", ["list", "show", "status", "verify", "add", "keygen"])
def test_every_verb_tells_an_example(verb: str) -> None:
    done = call(verb, "--help")
    assert done.exit_code == 0
    assert f"safecase evidence {verb}" in done.stdout
