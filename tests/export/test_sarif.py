"""SARIF: what code scanning is told, and that any reader of the standard can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given

from safecase.catalogue.read import catalogue
from safecase.export import render, sarif
from safecase.export.check_pages import check_pages
from safecase.vocabulary import SEVERITIES, Case, Claim, Finding, Place
from tests.export import hostile
from tests.export.sample import CLAIMS, sample

ANSWER = {"policy": {"profile": "standard", "source": "main", "known_gaps": 1}, "allowed": False, "deciding": []}


def _validator() -> Any:
    schema = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
    # The regular expression of the schema for languages has a bracket too many; we say no language.
    for noun in ("run", "toolComponent"):
        del schema["definitions"][noun]["properties"]["language"]["pattern"]
    return jsonschema_rs.validator_for(schema, validate_formats=True)


VALIDATOR = _validator()


def log(case: Case, **more: Any) -> dict[str, Any]:
    """Render a case, hold it against the schema and give its one run."""
    told = json.loads(render(case, "sarif", **more))
    assert [f"{e.instance_path}: {e.message}" for e in VALIDATOR.iter_errors(told)] == []
    (run,) = told["runs"]
    return run  # type: ignore[no-any-return]  # JSON


def claim(*findings: Finding, state: str = "contested", **more: Any) -> Claim:
    return msgspec.structs.replace(CLAIMS[0], findings=findings, state=state, **more)


def failed(message: str = "it fails", **more: Any) -> Finding:
    told = {"check": "model.scan", "subject": "m", "verdict": "fail", "severity": "high", "mend": "mend it"}
    return Finding(**{**told, "message": message, **more})


def test_a_case_is_told_by_the_standard() -> None:
    run = log(sample())
    assert [(r["ruleId"], r["kind"], r["level"]) for r in run["results"]] == [
        ("secret.scan", "fail", "error"),
        ("attack.injection", "fail", "error"),
        ("lock.check", "fail", "error"),
        ("lock.check", "fail", "warning"),
        ("endpoint.authprobe", "open", "none"),
        ("VU-01", "open", "none"),
        ("TM-01", "review", "none"),
        ("limits.rate", "fail", "warning"),
    ]


def test_what_passes_is_not_told_and_what_is_accepted_is_suppressed() -> None:
    results = log(sample())["results"]
    assert not [r for r in results if r["kind"] == "pass" or r["properties"]["state"] == "supported"]
    (accepted,) = [r for r in results if "suppressions" in r]
    (suppression,) = accepted["suppressions"]
    assert accepted["properties"]["control"] == "PR-05"
    assert suppression["kind"] == "external"
    assert suppression["justification"] == "accepted by d.brandt until 2027-01-31: the gateway of the platform does it"


def test_only_what_fails_has_a_level_as_the_standard_wants() -> None:
    for result in log(sample())["results"]:
        assert (result["level"] == "none") == (result["kind"] != "fail")


@pytest.mark.parametrize("check", sorted(check_pages()))
def test_the_help_of_a_rule_is_the_page_of_its_check(check: str) -> None:
    from safecase.cli.pages import page

    (rule,) = log(sample((claim(failed(check=check)),)))["tool"]["driver"]["rules"]
    assert rule["help"]["markdown"] == rule["help"]["text"] == check_pages()[check]
    assert page(check).text.endswith(rule["help"]["markdown"] + "\n")
    assert rule["shortDescription"]["text"] == check_pages()[check].splitlines()[0]


def test_a_rule_bears_the_ids_of_others_and_how_severe_it_is() -> None:
    (rule,) = log(sample((claim(failed(), control="SC-04", severity="critical"),)))["tool"]["driver"]["rules"]
    assert rule["id"] == "model.scan"
    assert rule["name"] == "ModelScan"
    assert rule["properties"]["controls"] == ["SC-04"]
    assert rule["properties"]["security-severity"] == "9.5"
    assert {"security", "CWE-502", "external/cwe/cwe-502", "LLM04:2026", "AML.M0016"} <= set(rule["properties"]["tags"])
    assert not [tag for tag in rule["properties"]["tags"] if tag.startswith("eu-aia")]


def test_a_claim_that_nobody_looked_at_is_a_rule_of_its_own_at_the_manifest() -> None:
    row = catalogue().controls["TM-02"]
    unseen = claim(state="unsupported", control=row.id, title=row.title, because=("nobody vouches for it yet",))
    run = log(sample((unseen,)))
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert (rule["id"], result["kind"]) == ("TM-02", "review")
    assert row.text in rule["help"]["text"]
    assert result["message"]["text"].startswith(f"{row.title}: nobody vouches for it yet\nTo mend it: safecase ")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "safecase.yaml", "uriBaseId": "%SRCROOT%"}
    }


def test_a_line_is_told_only_where_it_is_known() -> None:
    known = failed(place=Place(file="a b/ü.py", line=3, column=2))
    unknown = failed(place=Place(file="a.py"))
    first, second = log(sample((claim(known, unknown),)))["results"]
    regions = [r["locations"][0]["physicalLocation"].get("region") for r in (first, second)]
    assert sorted(regions, key=str) == sorted([{"startLine": 3, "startColumn": 2}, None], key=str)
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in (first, second)}
    assert uris == {"a%20b/%C3%BC.py", "a.py"}


def test_paths_are_relative_to_the_repository() -> None:
    found = log(sample((claim(failed(place=Place(file="a.py", line=1))),)), within="services/my bot")["results"]
    assert found[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "services/my%20bot/a.py"


def test_a_finding_keeps_its_fingerprint_when_its_line_moves() -> None:
    def prints(line: int) -> dict[str, str]:
        moved = failed(place=Place(file="a.py", line=line))
        told: dict[str, str] = log(sample((claim(moved),)))["results"][0]["partialFingerprints"]
        return told

    assert prints(3) == prints(30) == {"safecase/v1": failed(place=Place(file="a.py")).fingerprint}


def test_two_findings_that_only_their_key_tells_apart_stay_two() -> None:
    place = Place(file="package.json", line=1)
    results = log(sample((claim(failed(place=place, key="a"), failed(place=place, key="b")),)))["results"]
    assert len({r["partialFingerprints"]["primaryLocationLineHash"] for r in results}) == 2


def test_the_gates_answer_is_the_exit_code() -> None:
    for allowed, code in ((True, 0), (False, 1), (None, 3)):
        (invocation,) = log(sample(), extra={**ANSWER, "allowed": allowed})["invocations"]
        assert invocation["exitCode"] == code
        assert "standard" in invocation["exitCodeDescription"]
    assert "exitCode" not in log(sample())["invocations"][0]


def test_each_service_of_a_repository_is_an_analysis_of_its_own() -> None:
    assert log(sample(service="bot"))["automationDetails"]["id"] == "safecase/bot/"


def test_too_many_findings_are_cut_at_the_least_urgent_and_counted() -> None:
    found = tuple(failed(key=str(n), severity=SEVERITIES[n % 5]) for n in range(sarif.MOST_RESULTS + 700))
    run = log(sample((claim(*found),)))
    assert len(run["results"]) == sarif.MOST_RESULTS
    assert run["properties"]["notTold"] == 700
    assert {r["properties"]["severity"] for r in run["results"][-300:]} == {"info"}
    notice = run["invocations"][0]["toolExecutionNotifications"][0]
    assert notice["level"] == "warning"
    assert notice["message"]["text"].startswith("700 results are not told, the least urgent ones (700 fail)")


def test_a_log_is_never_too_large_for_code_scanning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_BYTES", 20_000)
    run = log(sample((claim(*(failed("long " * 500, key=str(n)) for n in range(100))),)))
    assert 0 < len(run["results"]) < 20
    assert "20000 bytes" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_text_from_outside_makes_no_link() -> None:
    (result,) = log(sample((claim(failed("[click](https://evil.example)")),)))["results"]
    assert "](" not in result["message"]["text"]


@hostile.FEW
@given(hostile.cases(), hostile.answers)
def test_whatever_it_is_told_of_it_is_by_the_standard(case: Case, answer: dict[str, object] | None) -> None:
    run = log(case, extra=answer)
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"].count("\n") <= 1
        assert "\x1b" not in result["message"]["text"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert " " not in uri
