"""`safecase threats`: a person lists, compares, discovers and simulates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, git

CHAT = """\
safecase: 1
service: {id: helpdesk, owner: a@b.example, stage: production, users: {who: [public]}}
ai: {kind: [llm], autonomy: 1, agents: 1}
deployment: {hosting: saas_api, exposure: public, tenancy: single}
models: [{id: m, origin: provider, training: none}]
rag: {store: qdrant, sources: [{id: web, trust: untrusted}], per_user_acl: false}
tools: []
memory: {kind: none}
data: [{id: c, classes: [personal], leaves_org: true}]
outputs: [{to: html}]
"""
RISK = """\
risk:
  currency: EUR
  scenarios:
    - {id: leak, lef: {poisson: 0.5}, lm: 1000, controls: [{id: AI-02, effect: 0.6, cost: 10}]}
    - {id: outage, lef: {poisson: 2}, lm: 100}
  benefits: [{id: handling, value: {uniform: [2000, 4000]}}]
  costs: [{id: provider, value: 500}]
  alternative: {value: -100}
"""


@pytest.fixture
def chat(service: Path) -> Path:
    (service / "safecase.yaml").write_text(CHAT)
    return service


def test_list_decides_every_threat_and_closes_none_by_word(chat: Path, safecase: Callable[..., Ran]) -> None:
    (chat / "safecase.yaml").write_text(CHAT + "controls: [{id: AI-02, status: active}]\n")
    told = json.loads(safecase("threats", "list", "--format", "json").out)
    states = {row["id"]: row["state"] for row in told["threats"]}
    assert states["T02"] == "open"
    assert "T50" in {row["id"] for row in told["not_applicable"]}
    assert len(states) + len(told["not_applicable"]) >= 102
    assert all(row["because"] for row in (*told["threats"], *told["not_applicable"]))
    assert set(told["risk_groups"]) == {
        "not_using_ai", "non_compliance", "esg", "misuse", "models_and_datasets", "company_services", "data"
    }  # fmt: skip
    refs = {ref for row in told["threats"] for ref in row["refs"]}
    assert {"LLM01:2026", "AML.T0051.001"} <= refs


def test_fresh_evidence_answers_a_threat_and_failing_evidence_is_told(
    service: Path, safecase: Callable[..., Ran]
) -> None:
    before = json.loads(safecase("threats", "list", "--format", "json").out)
    assert {row["state"] for row in before["threats"]} == {"open"}
    safecase("assess", "--only", "SC-04", "--offline")
    after = json.loads(safecase("threats", "list", "--format", "json").out)
    answers = {c["id"]: c["state"] for row in after["threats"] for c in row["answers"]}
    assert answers["SC-04"] in {"supported", "contested"}


def test_explain_says_why_and_why_not(chat: Path, safecase: Callable[..., Ran]) -> None:
    why = safecase("threats", "list", "--explain", "t02")
    assert "rag.sources.trust is untrusted (safecase.yaml:6)" in why.out
    assert "AI-02" in why.out
    assert "models.training is none" in safecase("threats", "list", "--explain", "T50").out
    wrong = safecase("threats", "list", "--explain", "T999")
    assert wrong.code == 2
    assert "no such threat" in wrong.err


def test_other_formats(chat: Path, safecase: Callable[..., Ran]) -> None:
    log = json.loads(safecase("threats", "list", "--format", "sarif").out)
    run = log["runs"][0]
    atlas = next(one for one in run["taxonomies"] if one["name"] == "MITRE ATLAS")
    assert atlas["version"] == "5.6.0"
    assert {result["ruleId"] for result in run["results"]} >= {"T01", "T02"}
    assert all(
        result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] for result in run["results"]
    )
    assert "| T02 Indirect prompt injection" in safecase("threats", "list", "--format", "md").out
    safecase("threats", "list", "--format", "html", "-o", "t.html")
    page = (chat / "t.html").read_text()
    assert "<script" not in page
    assert "Indirect prompt injection" in page


def test_a_hostile_name_stays_text(chat: Path, safecase: Callable[..., Ran]) -> None:
    (chat / "safecase.yaml").write_text(CHAT.replace("{id: helpdesk,", "{id: helpdesk, name: '<script>|x',"))
    assert "<script>" not in safecase("threats", "list", "--format", "html").out
    assert "&lt;script>\\|x" in safecase("threats", "list", "--format", "md").out


def test_diff_of_two_manifests_and_of_a_revision(chat: Path, safecase: Callable[..., Ran]) -> None:
    git(chat, "init", "-q")
    git(chat, "add", ".")
    git(chat, "commit", "-qm", "one")
    (chat / "old.yaml").write_text(CHAT)
    mail = "tools: [{id: mail, effect: send, approval: none, egress: true, origin: own}]"
    (chat / "safecase.yaml").write_text(CHAT.replace("tools: []", mail))
    for arguments in (("old.yaml", "safecase.yaml"), ("--since", "HEAD")):
        told = json.loads(safecase("threats", "diff", *arguments, "--format", "json").out)
        assert {"T25", "T26", "T27"} <= {row["id"] for row in told["threats_gained"]}
        assert told["threats_lost"] == []
        assert "tools.effect" in {key for key, _, _ in told["facts_changed"]}
    assert safecase("threats", "diff", "--since", "HEAD", "--exit-code").code == 1
    assert "### Threats gained" in safecase("threats", "diff", "--since", "HEAD", "--format", "md").out
    assert "no threat and no control" in safecase("threats", "diff", "old.yaml", "old.yaml").out
    assert safecase("threats", "diff", "old.yaml").code == 2


def test_discover_against_a_manifest(chat: Path, safecase: Callable[..., Ran]) -> None:
    (chat / "app.py").write_text("import anthropic\n\nbot = anthropic.Anthropic()\n# from openai import OpenAI\n")
    told = json.loads(safecase("threats", "discover", "--format", "json").out)
    found = {(row["name"], row["path"], row["line"]) for row in told["components"]}
    assert ("anthropic", "app.py", 1) in found or ("anthropic", "app.py", 3) in found
    assert not any("openai" in name for name, _, _ in found)
    against = safecase("threats", "discover", "--against", "safecase.yaml")
    assert against.code == 1
    assert "qdrant" in against.out  # declared, and found nowhere
    bom = json.loads(safecase("threats", "discover", "--format", "cyclonedx").out)
    assert bom["bomFormat"] == "CycloneDX"
    assert any(c["evidence"]["occurrences"][0]["location"] == "app.py" for c in bom["components"])
    assert safecase("threats", "discover", "nowhere").code == 2


def test_editions_follow_the_map_in_one_step(safecase: Callable[..., Ran]) -> None:
    told = json.loads(safecase("threats", "editions", "LLM03:2025", "LLM04:2025", "--format", "json").out)
    assert told["LLM03:2025"]["moved"] == {"llm_2025_to_2026": ["LLM04:2026"]}
    assert told["LLM04:2025"]["moved"] == {"llm_2025_to_2026": ["LLM05:2026"]}
    assert "owasp-llm" in safecase("threats", "editions").out
    assert safecase("threats", "editions", "LLM99:2025").code == 2


def test_paths_and_what_closes_them(chat: Path, safecase: Callable[..., Ran]) -> None:
    told = json.loads(safecase("threats", "paths", "--format", "json").out)
    assert "source web>out by html" in {row["id"] for row in told["paths"]}
    assert told["proven"]
    assert all(set(row["cuts"]) & set(told["fewest_cuts"]) for row in told["paths"])
    text = safecase("threats", "paths").out
    assert "no smaller set does" in text
    assert max(map(len, text.splitlines())) <= 80
    (chat / "safecase.yaml").write_text(CHAT.replace("{to: html}", "{to: human}"))
    assert safecase("threats", "paths", "--format", "mermaid").out.startswith("flowchart LR")


def test_diagram_for_a_readme_and_for_other_programs(chat: Path, safecase: Callable[..., Ran]) -> None:
    hostile = CHAT.replace("{id: helpdesk,", """{id: helpdesk, name: 'a"] --> b; click n0 "x" <b>',""")
    (chat / "safecase.yaml").write_text(hostile)
    lines = safecase("threats", "diagram").out.splitlines()
    assert lines[0] == "flowchart LR"
    named = next(line for line in lines if "click" in line)
    assert named.count('"') == 2
    assert "<" not in named
    assert sum(line.strip() == "end" for line in lines) == sum("subgraph" in line for line in lines)
    assert any("-.->" in line for line in lines)
    told = json.loads(safecase("threats", "diagram", "--format", "otm").out)
    assert told["otmVersion"] == "0.2.0"
    zones = {zone["id"] for zone in told["trustZones"]}
    parts = {part["id"]: part for part in told["components"]}
    assert {part["parent"]["trustZone"] for part in parts.values()} <= zones
    assert {end for flow in told["dataflows"] for end in (flow["source"], flow["destination"])} <= set(parts)
    hanging = {row["threat"] for part in parts.values() for row in part.get("threats", ())}
    assert hanging == {threat["id"] for threat in told["threats"]}
    assert all(isinstance(threat["risk"]["impact"], int) for threat in told["threats"])
    assert {m["riskReduction"] for m in told["mitigations"]} == {0}


def test_simulate_a_model(chat: Path, safecase: Callable[..., Ran]) -> None:
    pytest.importorskip("numpy", reason="the extra `risk` is not installed")
    (chat / "m.yaml").write_text("lef: {poisson: 0.1}\nlm: 1000000\nexceed: [100000]\n")
    arguments = ("threats", "simulate", "--model", "m.yaml", "--draws", "50000", "--seed", "7", "--format", "json")
    told = json.loads(safecase(*arguments).out)
    assert told["p_zero"] == pytest.approx(0.905, abs=0.005)
    assert list(told["exceed"]) == ["100000"]
    assert told == json.loads(safecase(*arguments).out)
    (chat / "m.json").write_text('{"lef": {"poisson": 0.1}, "lm": 1000000, "exceed": [100000]}')
    assert json.loads(safecase(*(x.replace("m.yaml", "m.json") for x in arguments)).out) == told
    text = safecase("threats", "simulate", "--model", "m.yaml", "--curve", "curve.svg")
    assert "a year without loss" in text.out
    assert (chat / "curve.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("lef: {poisson: -1}\nlm: 1\n", "m.yaml:1:16"),
        ("lef: {poisson: 1}\nlm: {pert: [1, 9, 3]}\n", "m.yaml:2:12"),
        ("lef: {poisson: 1}\nlm: .nan\n", "m.yaml:2:5"),
        ("portfolio: []\n", "m.yaml:1:12"),
        ("lef: {poisson: 1}\nlm: 1\nvuln: 2\n", "m.yaml:3"),
        ("[1, 2]\n", "m.yaml:1"),
        ("", "m.yaml"),
    ],
)
def test_a_wrong_model_names_file_line_and_field(
    model: str, told: str, chat: Path, safecase: Callable[..., Ran]
) -> None:
    pytest.importorskip("numpy", reason="the extra `risk` is not installed")
    (chat / "m.yaml").write_text(model)
    wrong = safecase("threats", "simulate", "--model", "m.yaml")
    assert wrong.code == 2
    assert told in wrong.err
    assert wrong.out == ""


def test_too_many_draws_are_refused(chat: Path, safecase: Callable[..., Ran]) -> None:
    pytest.importorskip("numpy", reason="the extra `risk` is not installed")
    (chat / "m.yaml").write_text("lef: {poisson: 1}\nlm: 1\n")
    for draws in ("0", "100000000000"):
        assert safecase("threats", "simulate", "--model", "m.yaml", "--draws", draws).code == 2


def test_compare_counts_no_control_that_nothing_proves(chat: Path, safecase: Callable[..., Ran]) -> None:
    pytest.importorskip("numpy", reason="the extra `risk` is not installed")
    (chat / "safecase.yaml").write_text(CHAT + RISK)
    told = json.loads(safecase("threats", "compare", "--format", "json").out)
    assert told["uncounted"] == ["AI-02"]
    assert told["ale_before"] == told["ale_after"]
    error = 4 * told["risk_of_not_using_error"]
    assert told["risk_of_not_using"] == pytest.approx(3000 - 500 - 10 - 700 + 100, abs=error)
    turning = {row["input"]: row["break_even"] for row in told["turning"]}
    assert turning["handling"] == pytest.approx(3000 - told["risk_of_not_using"])
    assert turning["alternative"] == pytest.approx(-100 + told["risk_of_not_using"])
    assert turning["outage.lef"] == pytest.approx(2 * (1 + told["risk_of_not_using"] / 200), rel=0.02)
    text = safecase("threats", "compare").out
    assert "nothing proves it" in text
    assert max(map(len, text.splitlines())) <= 90


def test_a_fault_in_the_manifest_s_money_has_its_line(chat: Path, safecase: Callable[..., Ran]) -> None:
    pytest.importorskip("numpy", reason="the extra `risk` is not installed")
    (chat / "safecase.yaml").write_text(CHAT + RISK.replace("lm: 100}", "lm: -100}"))
    for verb in ("simulate", "compare"):
        wrong = safecase("threats", verb)
        assert wrong.code == 2
        assert "safecase.yaml:15" in wrong.err
        assert "risk.scenarios.1.lm" in wrong.err
    (chat / "safecase.yaml").write_text(CHAT)
    assert "says nothing of money" in safecase("threats", "simulate").err
