"""`safecase testing attack`, `replay` and `families`, against bots of the zoo over HTTP."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.cli.conftest import Ran
from tests.zoo.bots import CANARY
from tests.zoo.serving import zoo

SCHEMAS = Path(__file__).parents[1] / "export" / "schemas"
ONLY = ("--canary", CANARY, "--only", "system_prompt_leak", "--only", "prompt_injection.override")


@pytest.fixture(scope="module")
def bots() -> Iterator[str]:
    with zoo() as url:
        yield url


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))


@pytest.fixture
def attack(bots: str, safecase: Callable[..., Ran]) -> Callable[..., Ran]:
    return lambda bot, *more: safecase("testing", "attack", f"{bots}/{bot}/v1", *ONLY, *more)


def sarif_validator() -> Any:
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text())
    for noun in ("run", "toolComponent"):
        del schema["definitions"][noun]["properties"]["language"]["pattern"]
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def test_what_broke_is_told_with_the_exchange_that_shows_it(attack: Callable[..., Ran]) -> None:
    ran = attack("weak/system_prompt_leak")
    assert ran.code == 1
    assert ran.out.startswith("2 weaknesses looked for: 1 vulnerable, 1 safe")
    assert "│ reply:" in ran.out
    assert "mend: " in ran.out
    assert CANARY not in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_a_bot_that_resists_gives_zero(attack: Callable[..., Ran]) -> None:
    ran = attack("hard/system_prompt_leak")
    assert ran.code == 0
    assert "2 safe" in ran.out


def test_results_are_written_in_five_forms_and_none_tells_the_canary(attack: Callable[..., Ran]) -> None:
    for form in ("text", "json", "sarif", "junit", "html"):
        ran = attack("weak/system_prompt_leak", "--format", form, "-o", form)
        assert (ran.code, ran.out) == (1, "")
        assert CANARY not in Path(form).read_text()
    told = json.loads(Path("json").read_bytes())
    broke = next(row for row in told["results"] if row["weakness"] == "system_prompt_leak")
    assert {"verdict", "asr", "low", "high", "n", "transcript"} <= set(broke)
    assert 0 <= broke["low"] <= broke["asr"] <= broke["high"] <= 1
    log = json.loads(Path("sarif").read_bytes())
    assert [f"{e.instance_path}: {e.message}" for e in sarif_validator().iter_errors(log)] == []
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["attack.system_prompt_leak"]
    suites = ET.parse("junit").getroot()
    assert (suites.attrib["tests"], suites.attrib["failures"], suites.attrib["errors"]) == ("2", "1", "0")
    page = Path("html").read_text()
    assert "attacks work" in page
    assert "<script" not in page
    assert "src=" not in page


def test_what_somebody_answers_for_does_not_count_until_its_last_day(attack: Callable[..., Ran]) -> None:
    attack("weak/system_prompt_leak", "--format", "json", "-o", "found.json")
    rows = json.loads(Path("found.json").read_bytes())["results"]
    prints = next(row["fingerprints"] for row in rows if row["weakness"] == "system_prompt_leak")

    def remember(expires: str) -> None:
        answer = {
            "says": "accepted",
            "owner": "ada@shop.example",
            "reason": "The prompt is public.",
            "expires": expires,
        }
        findings = [{"fingerprint": one, **answer} for one in prints]
        Path("safecase-findings.yaml").write_text(json.dumps({"findings": findings}))

    remember(str(datetime.now(UTC).date() + timedelta(days=30)))
    assert attack("weak/system_prompt_leak").code == 0
    remember("2020-01-31")
    expired = attack("weak/system_prompt_leak")
    assert expired.code == 1
    assert "counts again" in expired.out


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("findings: 7", "remembers no findings"),
        (
            "findings: [{fingerprint: x, says: accepted, owner: a, reason: too short, expires: 2026-01-01}]",
            "no findings",
        ),
        ("findings: [{fingerprint: x, says: accepted, owner: a, reason: long enough, expires: 2099-01-01}]", "a year"),
        (": :", "mine.yaml:1"),
    ],
)
def test_a_wrong_file_of_findings_is_refused_before_anything_counts(
    attack: Callable[..., Ran], said: str, told: str
) -> None:
    Path("mine.yaml").write_text(said)
    ran = attack("weak/system_prompt_leak", "--findings", "mine.yaml")
    assert ran.code == 2
    assert told in ran.err


def test_what_worked_is_kept_once_and_asked_again(
    bots: str, attack: Callable[..., Ran], safecase: Callable[..., Ran]
) -> None:
    attack("weak/system_prompt_leak", "--keep", "kept.jsonl")
    lines = Path("kept.jsonl").read_text().splitlines()
    assert lines
    assert CANARY not in "".join(lines)
    again = attack("weak/system_prompt_leak", "--keep", "kept.jsonl")
    assert f"0 cases are new in kept.jsonl, of {len(lines)}" in again.err

    def replay(bot: str, *more: str) -> Ran:
        return safecase("testing", "replay", "kept.jsonl", f"{bots}/{bot}/v1", "--limit", "0.5", *more)

    assert replay("weak/system_prompt_leak", "--canary", CANARY).code == 1
    assert replay("hard/system_prompt_leak", "--canary", CANARY).code == 0
    # Without the canary nothing would show that one worked.
    lacking = replay("weak/system_prompt_leak")
    assert lacking.code == 2
    assert "--canary" in lacking.err


@pytest.mark.parametrize("said", ["", "{}\n", "nonsense\n", '{"id": "x"}\n'])
def test_a_wrong_file_of_cases_is_refused(bots: str, safecase: Callable[..., Ran], said: str) -> None:
    Path("kept.jsonl").write_text(said)
    ran = safecase("testing", "replay", "kept.jsonl", f"{bots}/weak/prompt_injection/v1")
    assert ran.code == 2
    assert "kept.jsonl" in ran.err


def test_what_could_not_be_looked_for_is_told_and_never_a_pass(bots: str, safecase: Callable[..., Ran]) -> None:
    url = f"{bots}/weak/system_prompt_leak/v1"
    named = ("--only", "system_prompt_leak", "--only", "prompt_injection.override")
    ran = safecase("testing", "attack", url, *named)
    assert ran.code == 3
    assert "Nothing could be looked for: system_prompt_leak" in ran.out
    safecase("testing", "attack", url, *named, "--format", "junit", "-o", "junit")
    assert ET.parse("junit").getroot().attrib["errors"] == "1"
    few = safecase("testing", "attack", url, "--canary", CANARY, "--calls", "5", "--format", "json")
    assert few.code in (1, 3)
    verdicts = {row["weakness"]: row["verdict"] for row in json.loads(few.out)["results"]}
    assert verdicts["encoding_bypass"] == "inconclusive"


def test_a_dry_run_asks_nothing_and_tells_the_cost(safecase: Callable[..., Ran]) -> None:
    ran = safecase("testing", "attack", "http://127.0.0.1:9/v1", "--dry-run", "--price", "0.002")
    assert ran.code == 0
    assert "where none works" in ran.out
    assert "in money" in ran.out
    assert "excessive_agency.injected" in ran.out  # nobody said which tools there are
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_families_come_in_codes_too(bots: str, safecase: Callable[..., Ran]) -> None:
    url = f"{bots}/weak/encoding_bypass/v1"
    wanted = ("--only", "system_prompt_leak.pretext", "--convert", "base64", "--canary", CANARY)
    ran = safecase("testing", "attack", url, *wanted, "--format", "json")
    (result,) = json.loads(ran.out)["results"]
    verdicts = {one["family"]: one["verdict"] for one in result["families"]}
    assert set(verdicts) == {"system_prompt_leak.pretext", "system_prompt_leak.pretext~base64"}
    assert verdicts["system_prompt_leak.pretext~base64"] == "vulnerable"
    assert safecase("testing", "attack", url, "--convert", "rot14").code == 2


def test_a_service_is_asked_what_its_open_threats_ask_for(bots: str, safecase: Callable[..., Ran]) -> None:
    Path("safecase.yaml").write_text(
        "safecase: 1\nservice: {id: garden-guide}\nai: {kind: llm}\n"
        f"deployment: {{exposure: public, endpoint: {{url: '{bots}/hard/prompt_injection/v1', model: guide}}}}\n"
        "outputs: [{to: human}]\n"
    )
    told = safecase("testing", "attack", ".", "--format", "json")
    found = json.loads(told.out)
    asked = {one["family"] for row in found["results"] for one in row["families"]}
    left_out = {one["family"] for one in found["left_out"]}
    assert "prompt_injection.override" in asked
    assert "package_hallucination.code" in left_out
    assert not asked & left_out


def test_families_are_listed_with_their_threats(safecase: Callable[..., Ran]) -> None:
    assert "prompt_injection.override" in safecase("testing", "families").out
    rows = json.loads(safecase("testing", "families", "--format", "json").out)
    assert len(rows) >= 60
    assert all(row["threats"] and row["references"] for row in rows)


def test_a_family_that_nobody_knows_is_refused(safecase: Callable[..., Ran]) -> None:
    ran = safecase("testing", "attack", "http://127.0.0.1:9/v1", "--only", "promt_injection")
    assert ran.code == 2
    assert "promt_injection" in ran.err
