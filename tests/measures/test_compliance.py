"""The law is sorted by facts: what is not said decides nothing, and a slip of the pen is not taken for a no."""

import json
import re
from pathlib import Path

import pytest

from safecase import catalogue
from safecase.measures.compliance.checks.documentation_complete import PARTS, documentation_complete
from safecase.measures.compliance.checks.practices_allowed import practices_allowed
from safecase.measures.compliance.checks.regimes_known import regimes_known
from safecase.measures.compliance.checks.role_consistent import role_consistent
from safecase.measures.compliance.law_words import KNOWN
from safecase.vocabulary import Finding, Place
from tests.measures.looking import looked, written

PUBLIC = "data: [{id: d, classes: [public]}]\n"
DATA = Path(catalogue.__file__).parent / "data"
CODE = re.compile(r"[A-Z]{2,3}(?:-[A-Z]{2,3})?")


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
    assert [(f.rule, f.place.line if f.place else 0) for f in failed] == [("domain", 2)]
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


PROSE = "The team of the garden wrote down here what was done, by whom, on which day, and where one finds the proof."


def documented(folder: Path, text: str) -> dict[str, Finding]:
    named = "compliance: {documents: {technical: doc.md}}\n"
    findings = looked(documentation_complete, written(folder, {"doc.md": text}, named))
    assert all(f.mend for f in findings if f.verdict != "pass")
    return {f.key: f for f in findings}


def whole(prose: str = PROSE) -> str:
    return "# Documentation\n\n" + "".join(f"## {words[0].capitalize()}\n\n{prose}\n\n" for words in PARTS.values())


def test_a_heading_of_its_own_with_prose_makes_a_part(tmp_path: Path) -> None:
    assert {f.verdict for f in documented(tmp_path, whole()).values()} == {"pass"}
    assert {f.verdict for f in documented(tmp_path, whole().replace("\n", "\r\n")).values()} == {"pass"}


def test_one_heading_that_lists_all_words_is_one_part(tmp_path: Path) -> None:
    every = ", ".join(word for words in PARTS.values() for word in words)[:290]
    found = documented(tmp_path, f"# {every}\n\n{PROSE * 20}\n")
    assert [f.verdict for f in found.values()].count("pass") == 1
    shared = [f for f in found.values() if "heading of another part" in f.message]
    assert len(shared) > 5


@pytest.mark.parametrize(
    "prose",
    [
        f"<!-- {PROSE} -->",
        f"<!--\n{PROSE}\n\n{PROSE}\n-->",
        f"```\n{PROSE}\n```",
        f"~~~text\n{PROSE}\n~~~~",
        "TBD",
        "To do: the team writes here what was done, by whom, on which day, and where one finds the proof of it.",
        "…",
        "TBD. " * 20,
        "... " * 20,
        "TODO(ada) describe what was done, by whom, and when, and where the evidence for all of it is kept by us.",
        "To be written by the team of the garden before the release, with all that was done and by whom, and when.",
        "[Describe here what the system is for, who uses it, where it stands, and what it must never do to anybody.]",
        "<p class='what was done by whom on which day and where one finds all of the proof of that'></p>",
        "word " * 30,
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
    ],
)
def test_comments_code_and_placeholders_are_no_prose(tmp_path: Path, prose: str) -> None:
    assert {f.verdict for f in documented(tmp_path, whole(prose)).values()} == {"fail"}


@pytest.mark.parametrize(
    "prose",
    [
        "What operators have to do is to be completed before each shift: they look at the queue, and sign the book.",
        "- Ada checks each release by hand\n- Ben signs what she checked\n- Cleo keeps the books, logs and so on ...\n",
        f"{PROSE}\n\n```\nmake all\n```\n\n<!-- TBD: more -->",
        f"The sign `<!--` begins a comment in our pages. {PROSE}",
    ],
)
def test_prose_beside_code_and_words_like_placeholders_is_prose(tmp_path: Path, prose: str) -> None:
    assert {f.verdict for f in documented(tmp_path, whole(prose)).values()} == {"pass"}


def test_headings_inside_of_code_fences_and_comments_are_none(tmp_path: Path) -> None:
    for before, after in (("```markdown\n", "```\n"), ("~~~\n", "~~~\n"), ("<!--\n", "-->\n"), ("```\n", "")):
        found = documented(tmp_path, before + whole() + after)
        assert {(f.verdict, f.place.line if f.place else 0) for f in found.values()} == {("fail", 1)}


def test_prose_under_lower_headings_counts_once(tmp_path: Path) -> None:
    text = whole().replace(
        f"## Security\n\n{PROSE}", f"## Security\n\n### Data protection\n\n{PROSE}\n\n### Zones\n\n{PROSE}"
    )
    assert {f.verdict for f in documented(tmp_path, text).values()} == {"pass"}
    title = whole().replace("# Documentation", "# Overview of monitoring", 1)
    alone = title.replace(f"## Monitoring\n\n{PROSE}", "")
    assert [key for key, f in documented(tmp_path, alone).items() if f.verdict == "fail"] == [
        "how it is monitored after release"
    ]


def test_lines_are_counted_where_comments_stand_before(tmp_path: Path) -> None:
    found = documented(tmp_path, f"<!-- one\ntwo -->\n```\ncode\n```\n## Security\n{PROSE}\n")
    assert found["how it is kept secure"].place == Place(file="doc.md", line=6)


def test_hostile_documents_are_read_in_time(tmp_path: Path) -> None:
    for text in (
        "`" * 500_000,
        "x`" * 250_000,
        "<!--" * 100_000,
        "```\n" * 100_000,
        "# data\n" * 50_000,
        "<a" * 200_000,
    ):
        assert "fail" in {f.verdict for f in documented(tmp_path, text).values()}


@pytest.mark.parametrize(
    ("written_as", "near"),
    [
        ("XX", ""), ("EN", "EU"), ("Europe", "EU"), ("eu", "EU"), ("UK", "GB"), ("USA", "US"), ("Germany", "DE"),
        ("DE-BY", "DE"), ("US-XX", "US-"), ("us-ca", "US-CA"), ("Sweeden", "SE"), ("California", "US-CA"),
        ("Atlantis", ""), ("E U", "EU"),
    ],
)  # fmt: skip
def test_a_place_that_no_law_knows_is_unknown_with_the_nearest(tmp_path: Path, written_as: str, near: str) -> None:
    blocks = f'service: {{id: a, jurisdictions: ["{written_as}"], domain: credit}}\nai: {{kind: [tabular]}}\n'
    (found,) = [f for f in looked(regimes_known, manifest(tmp_path, blocks)) if f.rule == "place"]
    assert (found.verdict, found.key) == ("unknown", written_as)
    assert f"write {near}" in found.mend


def test_places_of_the_catalogue_and_of_iso_are_known(tmp_path: Path) -> None:
    words = "".join(file.read_text() for file in sorted(DATA.glob("*.yaml")))
    lists = re.findall(r"service\.jurisdictions (?:in|==) (\([^)]*\)|\w+)", words)
    named = {code for some in lists for code in CODE.findall(some)}
    assert {"EU", "NO", "US-NYC", "KR"} <= named
    known = [*sorted(named), "GB", "CH", "US-WA", "CA", "CA-QC"]
    blocks = f"service: {{id: a, jurisdictions: {json.dumps(known)}, domain: credit}}\nai: {{kind: [tabular]}}\n"
    assert "place" not in [f.rule for f in looked(regimes_known, manifest(tmp_path, blocks))]


@pytest.mark.parametrize(
    ("written_as", "near"),
    [
        ("social_scorring", "social_scoring"),
        ("Social_Scoring", "social_scoring"),
        ("predict_crimes", "predicts_crime"),
        ("crime_prediction", "predicts_crime"),
        ("manipulation", "manipulates"),
        ("scraping_faces", "scrapes_faces"),
        ("biometrics", "biometric"),
        ("safeguard_ncii_csam", "safeguards_ncii_csam"),
    ],
)
def test_a_misspelt_practice_is_named_with_the_nearest_key(tmp_path: Path, written_as: str, near: str) -> None:
    blocks = f"service: {{id: a, jurisdictions: [EU], domain: other}}\nai: {{kind: [tabular]}}\n{PUBLIC}"
    findings = looked(practices_allowed, manifest(tmp_path, blocks + f"law: {{{written_as}: true}}\n"))
    (found,) = [f for f in findings if f.rule == "key"]
    assert (found.verdict, found.key) == ("unknown", written_as)
    assert near in found.mend
    assert found.place
    assert found.place.line == 5


def test_other_facts_of_the_law_are_no_misspelt_practices(tmp_path: Path) -> None:
    law = dict.fromkeys(KNOWN, True) | {"house_rules": True, "notified_body": "none"}
    findings = looked(practices_allowed, manifest(tmp_path, f"service: {{id: a}}\nlaw: {json.dumps(law)}\n"))
    assert "key" not in [f.rule for f in findings]


def test_a_quoted_false_excludes_no_practice_and_admits_none(tmp_path: Path) -> None:
    blocks = f"service: {{id: a, jurisdictions: [EU], domain: other}}\nai: {{kind: [tabular]}}\n{PUBLIC}"
    law = 'law: {social_scoring: "false", predicts_crime: no, manipulates: "true"}\n'
    found = {f.key: f.verdict for f in looked(practices_allowed, manifest(tmp_path, blocks + law))}
    assert found["law.social_scoring"] == found["law.predicts_crime"] == "unknown"
    assert found["law.manipulates"] == "fail"


@pytest.mark.parametrize(
    ("blocks", "keys"),
    [
        ("service: {id: a, role: deployer}\nmodels: [{id: m, origin: own}]\n", {"models.0.origin": "fail"}),
        (
            "service: {id: a, role: deployer}\nmodels: [{id: m, origin: own, training: own}]\n",
            {"models.0.training": "fail"},
        ),
        ('service: {id: a, role: both}\nlaw: {art_6_3: "false"}\n', {"law.art_6_3": "unknown"}),
        ("service: {id: a, role: both}\nlaw: {org: {nis2: no}}\n", {"law.org.nis2": "unknown"}),
        ('service: {id: a, role: deployer}\nlaw: {rebrands: "true"}\n', {"law.rebrands": "unknown"}),
        ("service: {id: a, role: deployer}\nlaw: {repurposes: 1}\n", {"law.repurposes": "unknown"}),
        ("service: {id: a, role: deployer}\nlaw: {rebrand: true}\n", {"law.rebrand": "unknown"}),
        ("service: {id: a, role: deployer}\nlaw: {rebrands: false, decision: none, released: null}\n", {"": "pass"}),
        ("service: {id: a, role: provider}\nmodels: [{id: m, origin: own}]\n", {"": "pass"}),
        ("service: {id: a, role: deployer}\nmodels: [{id: m, origin: vendor}]\n", {"": "pass"}),
    ],
)
def test_words_that_decide_the_role_are_taken_as_they_are_meant_or_not_at_all(
    tmp_path: Path, blocks: str, keys: dict[str, str]
) -> None:
    findings = looked(role_consistent, manifest(tmp_path, blocks))
    assert {f.key: f.verdict for f in findings} == keys
    assert all(f.mend for f in findings if f.verdict != "pass")
