"""`assess` and its neighbours, called as a user calls them, on a small service."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MANIFEST, Ran

Call = Callable[..., Ran]


def claims(ran: Ran) -> dict[str, Any]:
    return {claim["control"]: claim for claim in json.loads(ran.out)["claims"]}


def test_a_second_assessment_of_an_unchanged_service_runs_no_check(service: Path, safecase: Call) -> None:
    first = safecase("assess", "--format", "json")
    assert first.code == 0
    ledger = (service / ".safecase/ledger/evidence.jsonl").read_bytes()
    second = safecase("assess", "--format", "json")
    assert (service / ".safecase/ledger/evidence.jsonl").read_bytes() == ledger
    assert {k: c["state"] for k, c in claims(first).items()} == {k: c["state"] for k, c in claims(second).items()}


def test_only_what_changed_is_looked_at_again(service: Path, safecase: Call) -> None:
    safecase("assess")
    (service / "requirements.txt").write_text("click\n")
    ran = safecase("assess", "--dry-run", "--format", "json")
    why = {t["check"]: t["why"] for t in json.loads(ran.out)["tasks"]}
    assert set(why.values()) == {"void"}
    assert {"lock.check", "secret.scan"} <= set(why), "they look at packages and at every file"
    assert not {"model.scan", "model.format", "owner.resolve", "accept.valid"} & set(why)


def test_the_contract_of_the_case_holds(service: Path, safecase: Call) -> None:
    case = json.loads(safecase("assess", "--format", "json").out)
    assert {
        "schema",
        "service",
        "at",
        "as_of",
        "catalogue",
        "verdict",
        "measures",
        "risk_groups",
        "claims",
        "next",
    } <= set(case)
    assert [m["id"] for m in case["measures"]][:2] == ["threat_modelling", "training"]
    claim = claims(safecase("show", "case", "--format", "json"))["SC-03"]
    assert claim["state"] == "supported"
    assert {"check", "subject", "verdict", "message", "mend", "place", "severity", "fingerprint", "evidence"} <= set(
        claim["findings"][0]
    )


def test_a_claim_names_the_fact_that_decided_it(service: Path, safecase: Call) -> None:
    assert claims(safecase("assess", "--format", "json"))["IN-04"]["because"] == [
        "discovered.endpoints is 0",
        "deployment.exposure is isolated (safecase.yaml:8)",
    ]


def test_a_missing_fact_counts_as_the_worse_value_and_becomes_a_question(service: Path, safecase: Call) -> None:
    (service / "safecase.yaml").write_text("safecase: 1\nservice: {id: shop}\n")
    claim = claims(safecase("assess", "--format", "json"))["IN-04"]
    assert claim["state"] == "unsupported"
    assert "deployment.exposure is not said; the worse value is taken" in claim["because"]


def test_the_case_is_written_and_every_format_gives_the_same_verdict(service: Path, safecase: Call) -> None:
    ran = safecase("assess", "-o", "case.html", "-o", "case.json", "-o", "case.txt")
    verdict = json.loads((service / "case.json").read_bytes())["verdict"]
    assert json.loads((service / ".safecase/case.json").read_bytes())["verdict"] == verdict
    assert verdict in ran.out
    assert verdict in (service / "case.txt").read_text()
    assert verdict in (service / "case.html").read_text()


def test_the_same_input_gives_the_same_bytes(service: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    safecase("assess")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second = (json.loads(safecase("export", "--format", "json").out) for _ in range(2))
    assert first["at"] == second["at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("assess", "nowhere"), "nowhere does not exist"),
        (("assess", "--only", "SC-99"), "no such control, check or measure"),
        (("assess", "-o", "no/folder/case.html"), "is no folder"),
        (("assess", "-o", "case.exe"), "case.exe"),
        (("asess",), "did you mean assess"),
        (("explain", "SC-99"), "nothing is called 'SC-99'"),
        (("gate", "--policy", "no-such-branch"), "no revision"),
        (("gate", "--baseline", "none.json"), "does not exist"),
        (("-C", "nowhere", "assess"), "nowhere"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_2(
    arguments: tuple[str, ...], said: str, service: Path, safecase: Call
) -> None:
    ran = safecase(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not (service / ".safecase/ledger").exists(), "nothing ran"


def test_no_manifest_says_how_to_start_one(tmp_path: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    ran = safecase("assess")
    assert ran.code == 2
    assert "safecase schema --example" in ran.err


def test_the_example_manifest_of_ten_lines_assesses(service: Path, safecase: Call) -> None:
    example = safecase("schema", "--example").out
    assert len([line for line in example.splitlines() if line.strip() and not line.lstrip().startswith("#")]) <= 12
    (service / "safecase.yaml").write_text(example)
    assert safecase("assess", "--offline", "--format", "json").code == 0


def test_a_tampered_ledger_is_exit_4_with_the_first_bad_record(service: Path, safecase: Call) -> None:
    safecase("assess")
    file = service / ".safecase/ledger/evidence.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace('"verdict":"', '"verdict": "', 1)
    file.write_text("".join(lines))
    for verb in ("assess", "gate", "export"):
        ran = safecase(verb)
        assert ran.code == 4
        assert "2" in ran.err
    verified = safecase("evidence", "verify", "--format", "json")
    assert verified.code == 4
    assert json.loads(verified.out)["first_bad"] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_keeps_no_evidence_and_says_so(service: Path, safecase: Call) -> None:
    service.chmod(0o555)
    try:
        ran = safecase("assess")
    finally:
        service.chmod(0o755)
    assert ran.code == 3
    assert "evidence cannot be kept" in ran.err


def test_an_endpoint_that_does_not_answer_leaves_the_claim_open_and_is_tried_again(
    service: Path, safecase: Call
) -> None:
    (service / "safecase.yaml").write_text(MANIFEST + "testing: {attacks: {seconds: 2}}\n")
    text = (
        (service / "safecase.yaml")
        .read_text()
        .replace("exposure: isolated}", 'exposure: public, endpoint: "http://127.0.0.1:9/v1"}')
    )
    (service / "safecase.yaml").write_text(text)
    ran = safecase("assess", "--format", "json")
    assert ran.code == 0
    assert claims(ran)["IN-04"]["state"] == "unsupported"
    again = json.loads(safecase("assess", "--dry-run", "--format", "json").out)
    why = {t["check"]: t["why"] for t in again["tasks"]}
    assert why["endpoint.authprobe"] == "retry"
    assert set(why.values()) == {"retry"}
    gated = safecase("gate", "--format", "json")
    assert gated.code in (1, 3)


def test_a_target_beyond_loopback_is_not_asked_unless_it_is_said_to_be_ours(service: Path, safecase: Call) -> None:
    text = MANIFEST.replace("exposure: isolated}", 'exposure: public, endpoint: "https://192.0.2.1/v1"}')
    (service / "safecase.yaml").write_text(text)
    claim = claims(safecase("assess", "--only", "IN-04", "--format", "json"))["IN-04"]
    assert "--i-own-this-target" in json.dumps(claim)


def test_offline_asks_nothing_of_the_service_and_says_what_was_not_run(service: Path, safecase: Call) -> None:
    text = MANIFEST.replace("exposure: isolated}", 'exposure: public, endpoint: "http://127.0.0.1:9/v1"}')
    (service / "safecase.yaml").write_text(text)
    case = json.loads(safecase("assess", "--offline", "--format", "json").out)
    assert any("offline: endpoint.authprobe" in note for note in case["notes"])


class _Open(BaseHTTPRequestHandler):
    """A service that lets everybody in."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


def test_a_failure_does_not_go_away_because_the_service_is_down(service: Path, safecase: Call) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Open)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    text = MANIFEST.replace("exposure: isolated}", f'exposure: public, endpoint: {{url: "{url}", timeout_s: 2}}}}')
    (service / "safecase.yaml").write_text(text)
    only = ("assess", "--only", "IN-04", "--format", "json")
    assert claims(safecase(*only))["IN-04"]["state"] == "contested"
    server.shutdown()
    server.server_close()
    assert claims(safecase(*only, "--again"))["IN-04"]["state"] == "contested"
    tried = json.loads(safecase("assess", "--only", "IN-04", "--dry-run", "--format", "json").out)
    assert [t["why"] for t in tried["tasks"]] == ["retry"]


@pytest.mark.parametrize("with_findings", [True, False])
def test_failing_evidence_added_by_hand_never_improves_the_case(
    with_findings: bool, service: Path, safecase: Call, tmp_path: Path
) -> None:
    before = {k: c["state"] for k, c in claims(safecase("assess", "--format", "json")).items()}
    lines = (service / ".safecase/ledger/evidence.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):
        known = {k: record[k] for k in ("control", "check", "check_version", "subjects", "ttl_days", "evaluated_at")}
        finding = {
            "check": record["check"],
            "subject": record["subjects"][0]["name"],
            "verdict": "fail",
            "message": "no",
        }
        (tmp_path / "r.json").write_text(
            json.dumps(known | {"verdict": "fail", "findings": [finding] if with_findings else []})
        )
        assert safecase("evidence", "add", "--record", str(tmp_path / "r.json")).code == 0
    after = {k: c["state"] for k, c in claims(safecase("show", "case", "--format", "json")).items()}
    looked_at = {json.loads(line)["control"] for line in lines}
    assert {k for k, s in after.items() if s == "contested"} == looked_at
    assert {k: s for k, s in after.items() if k not in looked_at} == {
        k: s for k, s in before.items() if k not in looked_at
    }
