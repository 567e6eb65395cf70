"""Threats follow from facts; what people decide about them is held against them, and against the history."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safecase.catalogue.read import catalogue
from safecase.measures.threat_modelling import changes
from safecase.measures.threat_modelling.checks import decisions_made as decisions
from safecase.measures.threat_modelling.checks.acceptance_signed import acceptance_signed
from safecase.measures.threat_modelling.checks.decisions_made import decisions_made
from safecase.measures.threat_modelling.checks.model_current import model_current
from safecase.measures.threat_modelling.checks.service_described import FIELDS, service_described
from safecase.measures.threat_modelling.checks.threats_found import threats_found
from safecase.measures.threat_modelling.facing import Faced
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REASONS = (
    "tbd",
    "n/a",
    "x",
    "tbd tbd tbd",
    "N/A, n/a; N.A.",
    "x x x x x",
    "             ",
    "to be done later",
    "a b c d e f",
)
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


def test_all_paths_are_looked_at_however_many(tmp_path: Path) -> None:
    names = [f"prompts/{n}.md" for n in range(230)]
    manifest = f"ai: {{kind: [llm], system_prompts: {json.dumps(names)}}}\n" + REVIEWED
    folder = written(tmp_path, dict.fromkeys(names, "Be kind."), manifest)
    commit(folder, "2026-11-09")
    assert {f.verdict for f in looked(model_current, folder, now=NOW)} == {"pass"}
    (folder / names[-1]).write_text("Be short.")
    (folder / names[100]).write_text("Be short.")
    commit(folder, "2026-11-12")
    assert [f.key for f in looked(model_current, folder, now=NOW) if f.verdict == "fail"] == [names[100], names[-1]]
    for name in names[170:]:
        (folder / name).write_text("Be both.")
    commit(folder, "2026-11-13")
    failed = [f.key for f in looked(model_current, folder, now=NOW) if f.verdict == "fail"]
    assert failed == [names[100], *names[170:219], "more"]


def test_what_was_taken_away_since_the_review_changed(tmp_path: Path) -> None:
    manifest = "ai: {kind: [llm], system_prompts: [prompts/bot.md, prompts/never.md]}\n" + REVIEWED
    folder = written(tmp_path, {"prompts/bot.md": "Be kind."}, manifest)
    commit(folder, "2026-11-09")
    assert {f.verdict for f in looked(model_current, folder, now=NOW)} == {"pass"}
    (folder / "prompts/bot.md").unlink()
    commit(folder, "2026-11-12")
    assert [f.key for f in looked(model_current, folder, now=NOW) if f.verdict == "fail"] == ["prompts/bot.md"]


def test_where_time_runs_out_or_git_is_missing_the_changes_are_unknown(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a.md": "x"}, "ai: {system_prompts: [a.md]}\n" + REVIEWED)
    assert {f.key for f in looked(model_current, folder, now=NOW) if f.verdict == "unknown"} == {
        "safecase.yaml",
        "a.md",
    }
    commit(folder, "2026-11-09")
    (late,) = [f for f in looked(model_current, folder, now=NOW, seconds=0) if f.rule == "change"]
    assert late.verdict == "unknown"
    assert late.mend


def decided(folder: Path, block: str) -> list[Finding]:
    facts = "ai: {kind: [llm]}\ndeployment: {update: ci, hosting: saas_api}\n"
    findings = looked(decisions_made, written(folder, {}, f"{facts}threat_modelling: {block}\n"), now=NOW)
    assert all(f.mend for f in findings if f.verdict != "pass")
    return findings


@pytest.mark.parametrize(
    "said",
    [
        'owner: " ", reason: We looked at it and it is small.',
        'owner: "\\t", reason: We looked at it and it is small.',
        "owner: tbd, reason: We looked at it and it is small.",
        "owner: n/a, reason: We looked at it and it is small.",
        *(f'owner: ada, reason: "{reason}"' for reason in REASONS),
    ],
)
def test_a_decision_without_an_owner_or_a_reason_that_say_something_fails(tmp_path: Path, said: str) -> None:
    findings = decided(tmp_path, f"{{decisions: [{{threat: T01, response: accept, {said}}}]}}")
    assert [f.verdict for f in findings if f.rule == "decision"] == ["fail"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("", "pass"),
        (", owner: ada", "pass"),
        (", reason: AI-01", "pass"),
        (", reason: tbd", "fail"),
        (", owner: ' '", "fail"),
    ],
)
def test_what_is_mitigated_needs_no_reason_but_no_placeholder_either(tmp_path: Path, said: str, verdict: str) -> None:
    findings = decided(tmp_path, f"{{decisions: [{{threat: T01, response: mitigate{said}}}]}}")
    assert [f.verdict for f in findings if f.rule == "decision"] == [verdict]


@pytest.mark.parametrize(
    ("review", "verdict"),
    [
        ('reviewed: "2026-11-23", reviewer: ada', "pass"),
        ('reviewed: "2026-11-23", reviewer: " "', "unknown"),
        ('reviewed: "2026-11-23", reviewer: "n/a"', "unknown"),
        ('reviewed: "2026-11-23"', "unknown"),
        ('reviewed: "2026-11-25", reviewer: ada', "fail"),
        ('reviewed: "2999-01-01", reviewer: ada', "fail"),
    ],
)
def test_a_review_has_a_day_that_has_come_and_a_reviewer(tmp_path: Path, review: str, verdict: str) -> None:
    assert [f.verdict for f in decided(tmp_path, f"{{{review}}}") if f.rule == "review"] == [verdict]


def test_no_threat_is_mitigated_where_none_of_its_controls_applies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threat = catalogue().threats["T01"]
    monkeypatch.setattr(decisions, "faced", lambda _: (Faced(threat, (), ()),))
    mitigated = decided(tmp_path, "{decisions: [{threat: T01, response: mitigate, owner: ada, reason: AI-01 does it}]}")
    assert [f.verdict for f in mitigated if f.rule == "decision"] == ["fail"]
    said = "{threat: T01, response: accept, owner: ada, reason: We looked at it and it is small.}"
    assert [f.verdict for f in decided(tmp_path, f"{{decisions: [{said}]}}") if f.rule == "decision"] == ["pass"]


def test_an_exception_needs_an_owner_and_a_reason_that_say_something(tmp_path: Path) -> None:
    entries = [
        {"control": "SC-05", "owner": owner, "reason": reason, "expires": "2026-12-24", "subject": str(n)}
        for n, (owner, reason) in enumerate(
            [(" ", "It is small, we looked."), ("ada", "to be decided later"), ("ada", "It is small, we looked.")]
        )
    ]
    findings = looked(acceptance_signed, written(tmp_path, {}, f"exceptions: {json.dumps(entries)}\n"), now=NOW)
    assert [f.verdict for f in findings] == ["fail", "fail", "pass"]


PARTS = "components: [{id: app, type: app}, {id: store, type: store}]\n"


@pytest.mark.parametrize(
    ("blocks", "keys"),
    [
        (PARTS + "flows: [{from: app, to: store}]\n", []),
        (PARTS + "flows: [{from: app, to: app}, {from: store, to: app}]\n", ["app->app"]),
        (
            PARTS + "flows: [{from: app, to: app}, {from: store, to: store}]\n",
            ["app", "store", "app->app", "store->store"],
        ),
        ("flows: [{from: users, to: service}, {from: example, to: mail}]\n", ["example->mail:mail"]),
        ("tools: [{id: mail, effect: send}]\nflows: [{from: service, to: mail}]\n", []),
        (
            "tools: [{id: mail, effect: send}]\nflows: [{from: app, to: maill}]\n",
            ["app->maill:app", "app->maill:maill"],
        ),
    ],
)
def test_flows_that_lead_nowhere_are_named(tmp_path: Path, blocks: str, keys: list[str]) -> None:
    findings = looked(threats_found, written(tmp_path, {}, blocks), now=NOW)
    failed = [f for f in findings if f.verdict == "fail"]
    assert [f.key for f in failed] == keys
    assert all(f.mend and f.place and f.place.line for f in failed)


@pytest.mark.parametrize("said", ['owner: " "', "owner: tbd", "purpose: TBD. To be done. TBD. Todo.", 'domain: " "'])
def test_a_blank_or_a_placeholder_describes_nothing(tmp_path: Path, said: str) -> None:
    (tmp_path / "safecase.yaml").write_text(f"safecase: 1\nservice: {{id: example, {said}}}\nai: {{kind: [llm]}}\n")
    found = {f.key: f.verdict for f in looked(service_described, tmp_path, now=NOW)}
    assert found["service." + said.partition(":")[0]] == "fail"


def test_where_git_gives_no_answer_of_a_file_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, {"a.md": "x"}, "ai: {system_prompts: [a.md]}\n" + REVIEWED)
    commit(folder, "2026-11-09")
    monkeypatch.setattr(changes, "last_change", lambda *_: None)
    assert [f.verdict for f in looked(model_current, folder, now=NOW) if f.rule == "change"] == ["unknown"]
