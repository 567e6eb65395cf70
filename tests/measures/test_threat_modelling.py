"""Threats follow from facts; what people decide about them is held against them, and against the history."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safecase.measures.threat_modelling.checks.decisions_made import decisions_made
from safecase.measures.threat_modelling.checks.model_current import model_current
from safecase.measures.threat_modelling.checks.service_described import FIELDS, service_described
from safecase.measures.threat_modelling.checks.threats_found import threats_found
from tests.measures.looking import looked, rules, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REVIEWED = 'threat_modelling: {reviewed: "2026-11-10", reviewer: ada@shop.example}\n'


def commit(folder: Path, day: str) -> None:
    when = {"GIT_COMMITTER_DATE": f"{day}T12:00:00+00:00", "GIT_AUTHOR_DATE": f"{day}T12:00:00+00:00"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", day]):
        subprocess.run(
            ["git", *command],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), **when},
            check=True,
        )


def test_facts_that_nobody_said_are_one_question_and_not_a_hundred(tmp_path: Path) -> None:
    findings = looked(threats_found, written(tmp_path, {}), now=NOW)
    assert rules(findings, "unknown").count("facts") == 1


def test_without_ai_no_threat_applies(tmp_path: Path) -> None:
    findings = looked(threats_found, written(tmp_path, {}, "ai: {kind: [none]}\n"), now=NOW)
    assert [f.message for f in findings] == ["0 threats apply, and the facts decide all"]


def test_a_change_after_the_review_is_named(tmp_path: Path) -> None:
    prompt = "ai: {kind: [llm], system_prompts: [prompts/bot.md]}\n"
    folder = written(tmp_path, {"prompts/bot.md": "Be kind."}, prompt + REVIEWED)
    commit(folder, "2026-11-09")
    assert rules(looked(model_current, folder, now=NOW)) == []
    (folder / "prompts/bot.md").write_text("Be short.")
    assert rules(looked(model_current, folder, now=NOW), "unknown") == ["change"], "not committed yet"
    commit(folder, "2026-11-12")
    (failed,) = [f for f in looked(model_current, folder, now=NOW) if f.verdict == "fail"]
    assert failed.key == "prompts/bot.md"


def test_a_change_of_something_else_asks_for_no_review(tmp_path: Path) -> None:
    folder = written(tmp_path, {"app.py": "x = 1\n"}, REVIEWED)
    commit(folder, "2026-11-09")
    (folder / "app.py").write_text("x = 2\n")
    commit(folder, "2026-11-12")
    assert {f.verdict for f in looked(model_current, folder, now=NOW)} == {"pass"}


@pytest.mark.parametrize(("day", "verdict"), [("2025-11-01", "fail"), ("2027-01-01", "fail")])
def test_a_review_too_long_ago_or_still_to_come_fails(tmp_path: Path, day: str, verdict: str) -> None:
    folder = written(tmp_path, {}, REVIEWED.replace("2026-11-10", day))
    assert looked(model_current, folder, now=NOW)[0].verdict == verdict


def test_a_name_that_git_would_take_for_a_pattern_is_taken_literally(tmp_path: Path) -> None:
    folder = written(tmp_path, {"*.md": "Be kind.", "other.md": "x"}, 'ai: {system_prompts: ["*.md"]}\n' + REVIEWED)
    commit(folder, "2026-11-09")
    (folder / "other.md").write_text("y")
    commit(folder, "2026-11-12")
    assert {f.verdict for f in looked(model_current, folder, now=NOW)} == {"pass"}


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        ("{threat: T01, response: accept, owner: ada, reason: We looked at it and it is small.}", "pass"),
        ("{threat: T01, response: accept}", "fail"),
        ("{threat: T01, response: transfer, owner: ada, reason: yes}", "fail"),
        ("{threat: T999, response: mitigate}", "fail"),
        ("{threat: T79, response: avoid, owner: ada, reason: No update over the air is built in.}", "pass"),
    ],
)
def test_a_decision_names_a_threat_an_owner_and_a_reason(tmp_path: Path, decision: str, verdict: str) -> None:
    block = "ai: {kind: [llm]}\ndeployment: {update: ci, hosting: saas_api}\n"
    block += f"threat_modelling: {{decisions: [{decision}]}}\n"
    findings = looked(decisions_made, written(tmp_path, {}, block), now=NOW)
    assert [f.verdict for f in findings if f.rule == "decision"] == [verdict]


def test_a_description_says_each_field_or_is_told_which_is_missing(tmp_path: Path) -> None:
    findings = looked(service_described, written(tmp_path, {}, "ai: {kind: [none]}\n"), now=NOW)
    assert {f.key for f in findings} == set(FIELDS)
    assert {f.key for f in findings if f.verdict == "pass"} == {"ai.kind"}
