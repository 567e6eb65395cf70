"""The law is sorted by facts: what is not said decides nothing, and a slip of the pen is not taken for a no."""

from pathlib import Path

import pytest

from safecase.measures.compliance.checks.documentation_complete import PARTS, documentation_complete
from safecase.measures.compliance.checks.practices_allowed import practices_allowed
from safecase.measures.compliance.checks.regimes_known import regimes_known
from safecase.measures.compliance.checks.role_consistent import role_consistent
from safecase.vocabulary import Finding
from tests.measures.looking import looked, written

PUBLIC = "data: [{id: d, classes: [public]}]\n"


def manifest(folder: Path, text: str) -> Path:
    (folder / "safecase.yaml").write_text("safecase: 1\n" + text)
    return folder


def ai_act(findings: list[Finding]) -> str:
    return next(f.message for f in findings if f.rule == "ai-act")


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ("service: {id: a, jurisdictions: [US-CA], domain: credit}\nai: {kind: [tabular]}\n", "out-of-scope"),
        (f"service: {{id: a, jurisdictions: [EU], domain: credit}}\nai: {{kind: [tabular]}}\n{PUBLIC}", "high-risk"),
        (
            f"service: {{id: a, jurisdictions: [DE], domain: vehicle}}\nai: {{kind: [vision]}}\n{PUBLIC}",
            "high-risk-section-b",
        ),
        (
            "service: {id: a, jurisdictions: [EU], domain: customer_support, role: provider}\nai: {kind: [llm]}\n"
            "outputs: [{to: human}]\ndata: [{id: d, classes: [personal]}]\n",
            "transparency",
        ),
        ("service: {id: a, jurisdictions: [EU], domain: emotion.recognition}\nai: {kind: [vision]}\n", "prohibited"),
        ("service: {id: a, domain: credit}\nai: {kind: [tabular]}\n", "undetermined"),
        ("service: {id: a, jurisdictions: [EU]}\nai: {kind: [tabular]}\n", "undetermined"),
        ("service: {id: a, jurisdictions: [EU]}\nai: {kind: [none]}\n", "out-of-scope"),
    ],
)
def test_the_class_follows_from_the_facts(tmp_path: Path, blocks: str, said: str) -> None:
    assert said in ai_act(looked(regimes_known, manifest(tmp_path, blocks)))


def test_a_word_that_no_regime_knows_fails_with_the_nearest(tmp_path: Path) -> None:
    blocks = "service: {id: a, jurisdictions: [Europe, EU], domain: employment.recruiting}\nai: {kind: [tabular]}\n"
    failed = [f for f in looked(regimes_known, manifest(tmp_path, blocks)) if f.verdict == "fail"]
    assert [(f.rule, f.place.line if f.place else 0) for f in failed] == [("domain", 2), ("place", 2)]
    assert "employment.recruitment" in failed[0].mend


def test_an_open_regime_names_what_would_decide_it(tmp_path: Path) -> None:
    blocks = "service: {id: a, jurisdictions: [EU], domain: other, sector: retail}\nai: {kind: [tabular]}\n"
    findings = looked(regimes_known, manifest(tmp_path, blocks))
    gdpr = next(f for f in findings if f.key == "gdpr")
    assert gdpr.verdict == "unknown"
    assert "data.classes" in gdpr.message


def test_a_practice_that_is_not_excluded_is_unknown_and_one_that_is_said_fails(tmp_path: Path) -> None:
    blocks = f"service: {{id: a, jurisdictions: [EU], domain: other}}\nai: {{kind: [tabular]}}\n{PUBLIC}"
    findings = looked(
        practices_allowed, manifest(tmp_path, blocks + "law: {social_scoring: true, manipulates: false}\n")
    )
    assert {f.key.removeprefix("law."): f.verdict for f in findings} == {
        "social_scoring": "fail",
        "predicts_crime": "unknown",
        "manipulates": "pass",
        "scrapes_faces": "unknown",
    }


@pytest.mark.parametrize(
    ("blocks", "verdict"),
    [
        ("service: {id: a}\n", "unknown"),
        ("service: {id: a, role: deployer}\nmodels: [{id: m, training: none}]\n", "pass"),
        ("service: {id: a, role: deployer}\nlaw: {rebrands: true}\n", "fail"),
        ("service: {id: a, role: deployer}\ndeployment: {hosting: edge}\n", "fail"),
        ("service: {id: a, role: provider, users: {who: [staff]}}\n", "fail"),
        ("service: {id: a, role: both}\nmodels: [{id: m, training: own}]\n", "pass"),
    ],
)
def test_the_role_agrees_with_what_else_is_said(tmp_path: Path, blocks: str, verdict: str) -> None:
    assert {f.verdict for f in looked(role_consistent, manifest(tmp_path, blocks))} == {verdict}


def test_a_word_that_is_said_is_judged_and_an_area_that_is_not_said_is_open(tmp_path: Path) -> None:
    said = "service: {id: a, jurisdictions: [EU], domain: other}\nai: {kind: [tabular]}\n" + PUBLIC
    findings = looked(
        practices_allowed, manifest(tmp_path, said + "law: {biometric: emotion, manipulates: verification}\n")
    )
    failed = {f.key for f in findings if f.verdict == "fail"}
    assert failed == {"law.biometric", "law.manipulates"}
    unsaid = "service: {id: a, jurisdictions: [EU]}\nai: {kind: [tabular]}\n" + PUBLIC
    assert "near" in [f.rule for f in looked(practices_allowed, manifest(tmp_path, unsaid)) if f.verdict == "unknown"]


def test_documentation_is_looked_for_by_its_parts(tmp_path: Path) -> None:
    named = "compliance: {documents: {technical: doc.md}}\n"
    findings = looked(documentation_complete, written(tmp_path, {"doc.md": "# Title\n"}, named))
    assert len([f for f in findings if f.verdict == "fail"]) == len(PARTS)


def test_documentation_that_is_not_there_is_a_failure_that_names_the_key(tmp_path: Path) -> None:
    (only,) = looked(documentation_complete, written(tmp_path, {}))
    assert (only.verdict, only.rule) == ("fail", "file")
