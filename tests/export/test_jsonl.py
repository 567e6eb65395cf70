"""Lines of JSON: one claim each, the same as in the JSON of the case."""

from __future__ import annotations

import json

from hypothesis import given

from safecase.export import render
from safecase.vocabulary import Case
from tests.export import hostile
from tests.export.sample import sample


def test_a_line_is_a_claim_as_the_json_tells_it() -> None:
    told = json.loads(render(sample(), "json"))
    lines = [json.loads(line) for line in render(sample(), "jsonl").splitlines()]
    own = [{key: value for key, value in line.items() if not key.startswith("case_")} for line in lines]
    assert own == told["claims"]
    assert {(line["case_service"], line["case_verdict"]) for line in lines} == {("support-bot", "fails")}


def test_each_line_says_what_the_gate_said() -> None:
    for line in render(sample(), "jsonl", extra={"allowed": False}).splitlines():
        assert json.loads(line)["case_allowed"] is False


@hostile.FEW
@given(hostile.cases(), hostile.answers)
def test_there_are_as_many_lines_as_claims(case: Case, answer: dict[str, object] | None) -> None:
    content = render(case, "jsonl", extra=answer)
    assert content.count(b"\n") == len(case.claims)
    assert all(json.loads(line)["control"] is not None for line in content.split(b"\n") if line)
