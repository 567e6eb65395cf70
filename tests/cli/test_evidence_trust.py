"""Evidence that came with a repository, called as a user calls: it counts for nothing, and leads to nowhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Call = Callable[..., Ran]
LEDGER = ".safecase/ledger/evidence.jsonl"


def state(ran: Ran, control: str) -> str:
    return str(next(c["state"] for c in json.loads(ran.out)["claims"] if c["control"] == control))


def forged_pass(service: Path, safecase: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody with another key says that all is well with a lock that is not."""
    (service / "requirements.txt").write_text("click\n")
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "somebody-else"))
    safecase("assess", "--only", "lock.check")
    record = json.loads((service / LEDGER).read_text().splitlines()[0])
    known = {name: record[name] for name in ("control", "check", "check_version", "subjects", "evaluated_at")}
    (tmp_path / "forged.json").write_text(json.dumps(known | {"verdict": "pass", "ttl_days": 36_500}))
    assert safecase("evidence", "add", "--record", str(tmp_path / "forged.json")).code == 0
    assert state(safecase("show", "case", "--format", "json"), "SC-11") == "supported", "to who signed it, it counts"
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))


def test_evidence_that_somebody_else_signed_does_not_count_and_is_collected_anew(
    service: Path, safecase: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged_pass(service, safecase, tmp_path, monkeypatch)
    shown = safecase("show", "case", "--format", "json")
    assert state(shown, "SC-11") == "unsupported"
    assert any("no key of this user" in note for note in json.loads(shown.out)["notes"])
    assert state(safecase("export", "--format", "json"), "SC-11") == "unsupported"
    tried = json.loads(safecase("assess", "--dry-run", "--format", "json").out)
    assert {t["check"]: t["why"] for t in tried["tasks"]}["lock.check"] == "missing"
    assert state(safecase("assess", "--format", "json"), "SC-11") == "contested"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_an_assessment_writes_nothing_through_a_safecase_folder_that_is_a_link(
    service: Path, safecase: Call, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (service / ".safecase").symlink_to(victim)
    for verb in ("assess", "gate", "show case"):
        ran = safecase(*verb.split())
        assert ran.code == 3
        assert "is a link" in ran.err
        assert "mend: " in ran.err
    assert not any(file.name in ("case.json", "ledger") for file in victim.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.timeout(60)
def test_an_assessment_never_waits_for_a_pipe_in_the_place_of_its_ledger(service: Path, safecase: Call) -> None:
    (service / ".safecase/ledger").mkdir(parents=True)
    os.mkfifo(service / LEDGER)
    ran = safecase("assess")
    assert ran.code == 3
    assert "evidence.jsonl" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_case_file_that_is_a_link_is_put_aside_and_not_written_through(
    service: Path, safecase: Call, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("mine")
    (service / ".safecase").mkdir()
    (service / ".safecase/case.json").symlink_to(tmp_path / "victim")
    assert safecase("assess").code == 0
    assert (tmp_path / "victim").read_text() == "mine"
    assert json.loads((service / ".safecase/case.json").read_bytes())["service"] == "shop"


def test_a_record_better_than_its_own_findings_is_refused(service: Path, safecase: Call, tmp_path: Path) -> None:
    safecase("assess", "--only", "lock.check")
    record = json.loads((service / LEDGER).read_text().splitlines()[0])
    known = {name: record[name] for name in ("control", "check", "check_version", "subjects", "evaluated_at")}
    finding = {"check": record["check"], "subject": record["subjects"][0]["name"], "message": "no"}
    for verdict, found in (("pass", "fail"), ("pass", "unknown"), ("unknown", "fail")):
        given = known | {"verdict": verdict, "ttl_days": 30, "findings": [finding | {"verdict": found}]}
        (tmp_path / "r.json").write_text(json.dumps(given))
        ran = safecase("evidence", "add", "--record", str(tmp_path / "r.json"))
        assert ran.code == 2
        assert "a finding says worse" in ran.err
    assert len((service / LEDGER).read_text().splitlines()) == 1


def test_json_that_is_nested_without_end_is_told_in_plain_words(service: Path, safecase: Call, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    ran = safecase("evidence", "add", "--record", str(tmp_path / "deep.json"))
    assert ran.code == 2
    assert "nested too deep" in ran.err
    assert "recursion" not in ran.err
