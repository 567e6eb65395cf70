"""Results of test sets in all their forms, whatever stands in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.export.evaluations import as_json, as_junit, as_text, compared_junit, compared_text, exit_code
from safecase.export.evaluations_html import render, render_comparison
from safecase.measures.testing.suites.comparing import compare
from safecase.measures.testing.suites.results import Answer, Result, RowResult, SliceResult, Verdict
from safecase.vocabulary import Place
from tests.export.hostile import FEW, NASTY

ANY = st.sampled_from([text.replace("\ud800", "") for text in NASTY]) | st.text(max_size=40)


@st.composite
def results(draw: st.DrawFn) -> Result:
    rows = tuple(
        RowResult(
            id=f"{number}{draw(ANY)}",
            place=Place(file=draw(ANY), line=number),
            question=draw(ANY),
            answers=tuple(
                Answer(
                    verdict=draw(st.sampled_from(("pass", "fail", "error"))),
                    text=draw(ANY),
                    lacks=(draw(ANY),),
                    error=draw(ANY),
                    calls=((draw(ANY), draw(ANY)),),
                )
                for _ in range(draw(st.integers(0, 2)))
            ),
            slices=(draw(ANY),),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    return Result(
        suite=draw(ANY),
        target=draw(ANY),
        verdict=draw(st.sampled_from(("pass", "fail", "too_few"))),
        reason=draw(ANY),
        share=0.5,
        low=0.25,
        high=0.75,
        n=len(rows),
        rows=rows,
        threshold=0.9,
        slices=(SliceResult(name=draw(ANY), share=0.5, low=0.0, high=1.0, n=draw(st.integers(0, 20))),),
    )


@FEW
@given(results(), st.integers(50, 120))
def test_text_holds_its_width_and_no_controls(found: Result, width: int) -> None:
    told = as_text(found, width=width) + compared_text(compare(found, found), width=width)
    assert all(len(line) <= width for line in told.split("\n"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)


@FEW
@given(results())
def test_junit_is_xml_and_says_what_the_verdict_says(found: Result) -> None:
    (suite,) = ET.fromstring(as_junit(found))
    wrong = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    assert (wrong == 0) is (found.verdict == "pass")
    assert len(suite) == int(suite.attrib["tests"]) == len(found.rows) + 1


@FEW
@given(results())
def test_the_page_holds_no_script_and_nothing_from_outside(found: Result) -> None:
    page = render(found).decode() + render_comparison(compare(found, found)).decode()
    tags = {tag.lower() for tag in re.findall(r"<([a-zA-Z]+)", page)}
    assert not tags & {"script", "img", "iframe", "link", "object", "a"}
    assert "default-src 'none'" in page
    assert page.startswith(render(found).decode())


@FEW
@given(results())
def test_any_result_is_json(found: Result) -> None:
    assert as_json(found).endswith(b"}\n")


def test_a_comparison_is_junit_too() -> None:
    row = RowResult(id="a", place=Place(file="s"), question="?", answers=(Answer(verdict="pass"),), digest="d")
    wrong = RowResult(id="a", place=Place(file="s"), question="?", answers=(Answer(verdict="fail"),), digest="d")
    old = Result("s", "t", "pass", "", 1.0, 0.0, 1.0, 1, (row,), 0.9)
    new = Result("s", "u", "fail", "", 0.0, 0.0, 1.0, 1, (wrong,), 0.9)
    (suite,) = ET.fromstring(compared_junit(compare(old, new)))
    assert [(test.attrib["name"], [inside.tag for inside in test]) for test in suite] == [
        ("verdict", ["error"]),
        ("a", ["failure"]),
    ]


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("too_few", 3)])
def test_the_verdict_gives_the_exit_code(verdict: Verdict, code: int) -> None:
    assert exit_code(Result("s", "t", verdict, "", 0.0, 0.0, 1.0, 0, (), 0.9)) == code
