"""JUnit XML: every CI server reads it, and nothing that could not be judged is a pass in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from safecase.export import render
from safecase.vocabulary import MEASURES, Case
from tests.export import hostile
from tests.export.sample import sample

XS = "{http://www.w3.org/2001/XMLSchema}"
SCHEMA = ET.parse(Path(__file__).parent / "schemas" / "junit-10.xsd").getroot()


def _allowed() -> dict[str, tuple[set[str], set[str], set[str]]]:
    """Read the schema: of each element its attributes, those it must have, and the elements that it may hold."""
    allowed = {}
    for element in SCHEMA.findall(f"{XS}element"):
        attributes = element.findall(f".//{XS}attribute")
        allowed[element.attrib["name"]] = (
            {a.attrib["name"] for a in attributes},
            {a.attrib["name"] for a in attributes if a.get("use") == "required"},
            {e.attrib["ref"] for e in element.iter(f"{XS}element") if "ref" in e.attrib},
        )
    return allowed


ALLOWED = _allowed()


def parsed(case: Case, **more: Any) -> ET.Element:
    """Render a case, parse it and hold it against the schema."""
    root = ET.fromstring(render(case, "junit", **more))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, needed, children = ALLOWED[element.tag]
        assert needed <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        tests = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(tests)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == sum(test.find(tag) is not None for test in tests)
    for attribute in ("tests", "failures", "errors"):
        assert int(root.attrib[attribute]) == sum(int(suite.attrib[attribute]) for suite in root)
    return root


def by_control(root: ET.Element) -> dict[str, ET.Element]:
    return {test.attrib["name"].split(" ")[0]: test for test in root.iter("testcase")}


def test_a_suite_is_a_measure_and_a_test_is_a_claim() -> None:
    root = parsed(sample())
    assert len(root) == len(MEASURES)
    assert len(by_control(root)) == len(sample().claims)
    assert by_control(root)["SC-02"].attrib == {
        "name": "SC-02 Every dependency is pinned by its digest",
        "classname": "support-bot.supply_chain",
    }


@pytest.mark.parametrize(
    ("control", "tag", "kind"),
    [
        ("TE-02", "failure", "contested"),
        ("IN-04", "error", "could-not-be-judged"),
        ("TM-01", "error", "nobody-looked"),
        ("VU-01", "error", "stale"),
        ("TR-01", "skipped", "not-applicable"),
    ],
)
def test_each_state_has_its_own_outcome(control: str, tag: str, kind: str) -> None:
    (outcome,) = by_control(parsed(sample()))[control]
    assert (outcome.tag, outcome.attrib["type"]) == (tag, kind)


def test_only_what_is_supported_or_accepted_passes() -> None:
    tests = by_control(parsed(sample()))
    passing = {name for name, test in tests.items() if not {e.tag for e in test} & {"failure", "error", "skipped"}}
    assert passing == {"SC-04", "PR-01", "MA-02", "CO-03", "PR-05"}
    (accepted,) = tests["PR-05"]
    assert accepted.tag == "system-out"
    assert (accepted.text or "").startswith("accepted by d.brandt until 2027-01-31: the gateway")


def test_a_failure_says_where_and_what_to_do() -> None:
    (failure,) = by_control(parsed(sample()))["SC-02"]
    assert failure.attrib["message"] == "`requests` has no hash (and 1 more)"
    assert "fail: `requests` has no hash (requirements.txt:3:1)\n  mend: pip-compile" in (failure.text or "")


def test_what_does_not_apply_says_which_fact_decided() -> None:
    (skipped,) = by_control(parsed(sample()))["TR-01"]
    assert skipped.attrib["message"] == "models.trained_here is false (safecase.yaml:16)"


@pytest.mark.parametrize(("allowed", "tag"), [(True, "system-out"), (False, "failure"), (None, "error")])
def test_the_gates_answer_is_a_test_of_its_own(allowed: bool | None, tag: str) -> None:
    deciding = {
        "control": "SC-02",
        "title": "Pinned",
        "severity": "high",
        "state": "contested",
        "why": "no hash",
        "mend": "pin it",
        "blocks": True,
    }
    extra = {
        "policy": {"profile": "strict", "source": "main", "known_gaps": 2},
        "allowed": allowed,
        "deciding": [deciding],
    }
    root = parsed(sample(), extra=extra)
    assert root[0].attrib["name"] == "Gate"
    (outcome,) = root[0].findall("testcase")[0]
    assert outcome.tag == tag
    assert "SC-02 Pinned: contested: no hash" in (outcome.text or "")


@hostile.FEW
@given(hostile.cases(), hostile.answers)
def test_whatever_a_claim_says_it_parses_and_counts_right(case: Case, answer: dict[str, object] | None) -> None:
    root = parsed(case, extra=answer)
    assert len(list(root.iter("testcase"))) == len(case.claims) + (answer is not None)
