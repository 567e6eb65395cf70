"""What `eval.grounded` makes of services that are neither wholly right nor wholly wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.measures.testing.checks.answers_grounded import answers_grounded
from safecase.vocabulary import Finding
from tests.measures.looking import looked, written
from tests.targets.servers import Request, Response, completion, said, serving

PASSAGE = "A ticket is 12.50 EUR."


def rows(n: int, more: str = f"sources: ['{PASSAGE}']") -> str:
    return "".join(f"- {{id: r{i}, input: 'Day {i}, please?', expected: x, {more}}}\n" for i in range(n))


def findings(folder: Path, answer: Callable[[Request], Response], suite: str, threshold: float = 0.8) -> list[Finding]:
    with serving(answer) as url:
        manifest = (
            f"ai: {{kind: llm}}\ndeployment: {{endpoint: {{url: '{url}'}}}}\n"
            f"testing: {{suites: [{{id: visits, file: set.yaml, threshold: {threshold}}}]}}\n"
        )
        return looked(answers_grounded, written(folder, {"set.yaml": suite}, manifest))


def found(folder: Path, answer: Callable[[Request], Response], suite: str) -> Finding:
    (one,) = findings(folder, answer, suite)
    return one


def always(text: str) -> Callable[[Request], Response]:
    return lambda _: completion(text)


def test_only_what_rests_on_sources_is_asked_and_whatever_else_a_row_wants_does_not_matter(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(said(request))
        return completion("It is €12.50 [1].")

    one = found(tmp_path, answer, rows(20) + "- {id: other, input: Who?, expected: x}\n")
    assert one.verdict == "pass"
    assert "20 of 20 answers rest on their sources (100 %, 95 % interval 84 to 100 %; 80 % is wanted)" in one.message
    assert len(asked) == 20


def test_what_was_made_up_is_told(tmp_path: Path) -> None:
    one = found(tmp_path, always("It is 15.50 EUR, says Lady Anne."), rows(20))
    assert (one.verdict, one.place and one.place.file) == ("fail", "set.yaml")
    assert "60 of 80 numbers, names, quotations and citations are made up" in one.message
    assert "r0: grounded: the number 15.50, the name Lady, the name Anne" in one.message


def test_answers_that_state_nothing_prove_nothing(tmp_path: Path) -> None:
    one = found(tmp_path, always("I do not know."), rows(30))
    assert one.verdict == "unknown"
    assert "30 of 30 answers state nothing" in one.message

    def some(request: Request) -> Response:
        return completion("I do not know." if said(request)[4] in "45" else "12.50 EUR")

    one = found(tmp_path, some, rows(30))
    assert one.verdict == "pass"
    assert "28 of 28 answers rest" in one.message
    assert "2 answers state nothing" in one.message


@pytest.mark.parametrize(
    ("suite", "answer", "told"),
    [
        (rows(5), always("12.50 EUR"), "5 of 5"),
        (rows(20), lambda _: Response(500), "20 of 20 rows got no answer"),
        (rows(20, "weight: 1"), always("12.50 EUR"), "no row says what its answer may rest on"),
        ("- {inputs: x}\n", always("12.50 EUR"), "`inputs` is not known here"),
    ],
    ids=["few", "down", "no sources", "broken"],
)
def test_what_cannot_be_said_is_unknown(
    suite: str, answer: Callable[[Request], Response], told: str, tmp_path: Path
) -> None:
    ones = findings(tmp_path, answer, suite, threshold=0.9)
    assert {one.verdict for one in ones} == {"unknown"}
    assert told in ones[0].message
    assert ones[0].mend


def test_without_an_endpoint_nothing_is_asked(tmp_path: Path) -> None:
    (one,) = looked(answers_grounded, written(tmp_path, {}, "ai: {kind: llm}\n"))
    assert one.verdict == "unknown"
    assert "no endpoint" in one.message
