"""`gate` in a repository: a change cannot wave itself through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.readers.kubernetes import is_kubernetes
from tests.cli.conftest import MANIFEST, Ran, git

Call = Callable[..., Ran]

BAD = "click\n"
EXCEPTION = """\
exceptions:
  - control: SC-11
    owner: ada@shop.example
    reason: The lock comes with the next release.
    expires: "2027-01-31"
"""


@pytest.fixture
def repository(service: Path) -> Path:
    """The service on `main`, whose gate says go; the working tree is a change on top of it."""
    (service / ".gitignore").write_text(".safecase/\n")
    git(service, "init", "-b", "main")
    git(service, "add", "-A")
    git(service, "commit", "-m", "all is well")
    git(service, "checkout", "-b", "change")
    return service


def gate(safecase: Call, *arguments: str) -> tuple[int, list[str]]:
    ran = safecase("gate", "--format", "json", *arguments)
    assert ran.out, ran.err
    return ran.code, [item["control"] for item in json.loads(ran.out)["deciding"]]


def test_a_service_without_gaps_may_go(repository: Path, safecase: Call) -> None:
    code, deciding = gate(safecase, "--policy", "main")
    assert set(deciding) <= {"TV-02"}, "only what nobody looked at is open"
    assert code in (0, 3)


def test_a_gap_closes_the_gate_whatever_the_change_says_of_it(repository: Path, safecase: Call) -> None:
    (repository / "requirements.txt").write_text(BAD)
    assert gate(safecase, "--policy", "main")[0] == 1
    (repository / "safecase.yaml").write_text(MANIFEST + EXCEPTION)
    code, deciding = gate(safecase, "--policy", "main")
    assert (code, deciding[0]) == (1, "SC-11")
    git(repository, "commit", "-am", "accept it")
    assert "SC-11" in gate(safecase, "--policy", "main")[1]


def test_an_exception_of_the_target_branch_counts(repository: Path, safecase: Call) -> None:
    (repository / "requirements.txt").write_text(BAD)
    (repository / "safecase.yaml").write_text(MANIFEST + EXCEPTION)
    git(repository, "commit", "-am", "accept it")
    git(repository, "branch", "-f", "main", "change")
    assert "SC-11" not in gate(safecase, "--policy", "main")[1]


def test_a_change_of_facts_does_not_take_a_control_out_of_scope(repository: Path, safecase: Call) -> None:
    (repository / "safecase.yaml").write_text(MANIFEST.replace("exposure: isolated", "exposure: public"))
    git(repository, "commit", "-am", "public")
    git(repository, "branch", "-f", "main", "change")
    (repository / "safecase.yaml").write_text(MANIFEST)
    assert "IN-04" in gate(safecase, "--policy", "main")[1]
    assert "IN-04" not in gate(safecase)[1]


def test_a_change_cannot_exclude_what_it_does_not_want_to_be_seen(repository: Path, safecase: Call) -> None:
    (repository / "requirements.txt").write_text(BAD)
    (repository / "safecase.yaml").write_text(MANIFEST + "settings: {exclude: [requirements.txt]}\n")
    assert "SC-11" in gate(safecase, "--policy", "main")[1]


def test_a_baseline_of_the_target_branch_lets_old_gaps_pass_and_no_new_one(repository: Path, safecase: Call) -> None:
    (repository / "requirements.txt").write_text(BAD)
    (repository / "safecase.yaml").write_text(MANIFEST + "gate: {baseline: safecase-baseline.json}\n")
    safecase("assess")
    assert safecase("baseline").code == 0
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "baseline")
    git(repository, "branch", "-f", "main", "change")
    assert gate(safecase, "--policy", "main") == (0, [])
    (repository / "requirements.txt").write_text(BAD + "httpx\n")
    code, deciding = gate(safecase, "--policy", "main")
    assert (code, deciding) == (1, ["SC-11"]), "one more package in the same file is a new gap"
    (repository / "requirements.txt").write_text(BAD)
    (repository / "requirements-api.txt").write_text("fastapi\n")
    code, deciding = gate(safecase, "--policy", "main")
    assert (code, deciding) == (1, ["SC-11"])


def test_a_pull_request_is_judged_by_its_target_branch(
    repository: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "update-ref", "refs/remotes/origin/main", "main")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    ran = safecase("gate", "--format", "json")
    assert json.loads(ran.out)["policy"]["source"] == "origin/main"


def test_the_strict_gate_wants_a_ledger_signed_by_the_key_it_names(
    repository: Path, safecase: Call, tmp_path: Path
) -> None:
    other = "0" * 16
    assert "ledger" in gate(safecase, "--key", other)[1]


def test_evidence_that_came_with_the_change_counts_for_nothing(
    repository: Path, safecase: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "requirements.txt").write_text(BAD)
    safecase("assess")
    listed = [json.loads(line) for line in (repository / ".safecase/ledger/evidence.jsonl").read_text().splitlines()]
    lock = next(r for r in listed if r["check"] == "lock.check")
    # Somebody with another key writes a pass about the very same bytes, newer than ours.
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "somebody-else"))
    forged = {key: lock[key] for key in ("control", "check", "check_version", "subjects", "ttl_days")}
    forged |= {"verdict": "pass", "evaluated_at": lock["evaluated_at"]}
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    assert safecase("evidence", "add", "--record", str(tmp_path / "forged.json")).code == 0
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "pipeline"))
    code, deciding = gate(safecase, "--policy", "main")
    assert code == 1
    assert "SC-11" in deciding


def test_a_gate_that_names_a_key_counts_only_what_that_key_signed(
    repository: Path, safecase: Call, tmp_path: Path
) -> None:
    safecase("assess")
    own = json.loads((repository / ".safecase/ledger/evidence.jsonl").read_text().splitlines()[0])["signer"]
    assert "SC-11" not in gate(safecase, "--policy", "main", "--key", own)[1]
    assert "SC-11" in gate(safecase, "--policy", "main", "--key", "f" * 16)[1]


def test_a_file_named_like_the_target_branch_is_no_policy(repository: Path, safecase: Call) -> None:
    (repository / "requirements.txt").write_text(BAD)
    (repository / "main").write_text(MANIFEST + EXCEPTION)
    assert "SC-11" in gate(safecase, "--policy", "main")[1]


def test_the_answer_stays_no_when_nobody_reads_it(repository: Path) -> None:
    (repository / "requirements.txt").write_text(BAD)
    program = [sys.executable, "-m", "safecase.cli", "gate"]
    reading, writing = os.pipe()
    os.close(reading)
    assert subprocess.run(program, cwd=repository, stdout=writing, check=False).returncode == 1
    os.close(writing)


def judged(safecase: Call, *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit code, and why for each that decides."""
    ran = safecase("gate", "--format", "json", "--policy", "main", *arguments)
    assert ran.out, ran.err
    return ran.code, {item["control"]: item["why"] for item in json.loads(ran.out)["deciding"]}


def test_a_manifest_that_is_renamed_is_still_ruled_by_the_one_of_the_target_branch(
    repository: Path, safecase: Call
) -> None:
    (repository / "requirements.txt").write_text(BAD)
    (repository / "safecase.yaml").unlink()
    (repository / "safecase.yml").write_text(MANIFEST + EXCEPTION + "settings: {exclude: [requirements.txt]}\n")
    code, deciding = judged(safecase)
    assert code == 1
    assert "SC-11" in deciding
    assert "policy" not in deciding


def test_a_service_that_is_moved_takes_its_rules_with_it(repository: Path, safecase: Call) -> None:
    (repository / "app").mkdir()
    for name in ("safecase.yaml", "requirements.txt", "churn.safetensors"):
        (repository / name).rename(repository / "app" / name)
    (repository / "app" / "requirements.txt").write_text(BAD)
    (repository / "app" / "safecase.yaml").write_text(MANIFEST + EXCEPTION)
    code, deciding = judged(safecase, "app")
    assert code == 1
    assert "SC-11" in deciding
    assert "policy" not in deciding


@pytest.mark.parametrize("name", ["shop", "another"])
def test_a_service_that_the_target_branch_does_not_know_is_never_a_plain_go(
    repository: Path, safecase: Call, name: str
) -> None:
    (repository / "app").mkdir()
    (repository / "app" / "safecase.yaml").write_text(MANIFEST.replace("id: shop", f"id: {name}"))
    code, deciding = judged(safecase, "app")
    assert code == 3
    assert "does not know this service" in deciding["policy"]
    assert "policy" not in judged(safecase, "app", "--new-service")[1]


def test_a_change_cannot_vouch_for_itself(repository: Path, safecase: Call) -> None:
    (repository / "safecase.yaml").write_text(MANIFEST.replace("isolated", "public"))
    git(repository, "commit", "-am", "public")
    git(repository, "branch", "-f", "main", "change")
    (repository / "attestations").mkdir()
    (repository / "attestations" / "in-04.yaml").write_text(
        "attestation: 1\ncontrol: IN-04\nowner: ada@shop.example\nreason: Because I say that it is so.\n"
        'given: "2026-11-01"\nexpires: "2027-10-31"\n'
    )
    assert "IN-04" in judged(safecase)[1]
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "vouch")
    git(repository, "branch", "-f", "main", "change")
    assert "IN-04" not in judged(safecase)[1]


def test_a_change_cannot_choose_which_endpoint_is_asked(repository: Path, safecase: Call) -> None:
    at = "exposure: isolated, endpoint: {{url: 'http://127.0.0.1:{}/v1'}}"
    (repository / "safecase.yaml").write_text(MANIFEST.replace("exposure: isolated", at.format(9)))
    git(repository, "commit", "-am", "an endpoint")
    git(repository, "branch", "-f", "main", "change")
    assert "endpoint" not in judged(safecase, "--offline")[1]
    (repository / "safecase.yaml").write_text(MANIFEST.replace("exposure: isolated", at.format(10)))
    code, deciding = judged(safecase, "--offline")
    assert code in (1, 3)
    assert deciding["endpoint"].startswith("this change declares another endpoint than main")


def in_scope(safecase: Call, *arguments: str) -> set[str]:
    claims = json.loads(safecase("gate", "--format", "json", *arguments).out)["claims"]
    return {c["control"] for c in claims if c["state"] != "not_applicable"}


@pytest.mark.parametrize("comment", ["", "# nothing to see here\n" * 1000])
def test_a_change_that_deletes_a_manifest_does_not_take_its_controls_out_of_scope(
    repository: Path, safecase: Call, comment: str
) -> None:
    (repository / "pod.yaml").write_text(
        comment + "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "a pod")
    git(repository, "branch", "-f", "main", "change")
    before = in_scope(safecase, "--policy", "main")
    (repository / "pod.yaml").unlink()
    assert in_scope(safecase, "--policy", "main") == before
    assert in_scope(safecase) < before, "by its own facts it would be out of scope"


@pytest.mark.parametrize(
    "written",
    [
        "  apiVersion: v1\n  kind: Pod\n",
        "--- {apiVersion: v1, kind: Pod}\n",
        '"\\x61piVersion": v1\n"\\x6bind": Pod\n',
        "#" * 100_000 + "\napiVersion: v1\nkind: Pod\n",
    ],
)
def test_a_kubernetes_manifest_is_seen_however_it_is_written(written: str) -> None:
    assert is_kubernetes(written.encode())
    assert not is_kubernetes(b"values: |\n" + b"".join(b"  " + line for line in written.encode().splitlines(True)))


def test_the_case_says_what_the_settings_leave_out(repository: Path, safecase: Call) -> None:
    (repository / "safecase.yaml").write_text(MANIFEST + "settings: {exclude: [docs/*], ledger: 'led[a]ger'}\n")
    said = safecase("gate", "--format", "json").out
    assert "left out by settings.exclude: docs/*" in said
    assert "led[a]ger" in said
