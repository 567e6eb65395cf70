"""What `eval.robust` makes of services that bear typing errors, and of those that do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.measures.testing.checks.noise_borne import in_a_hurry, noise_borne
from safecase.readers.suites import read
from safecase.vocabulary import Finding
from tests.measures.looking import looked, written
from tests.targets.servers import Request, Response, completion, said, serving


def rows(n: int) -> str:
    return "".join(f"- {{id: r{i}, input: 'Garden on day {i}?', expected: 'yes'}}\n" for i in range(n))


def found(folder: Path, answer: Callable[[Request], Response], suite: str) -> Finding:
    with serving(answer) as url:
        manifest = (
            f"ai: {{kind: llm}}\ndeployment: {{endpoint: {{url: '{url}'}}}}\n"
            "testing: {suites: [{id: visits, file: set.yaml}]}\n"
        )
        (one,) = looked(noise_borne, written(folder, {"set.yaml": suite}, manifest))
    return one


def strict(request: Request) -> Response:
    return completion("Yes." if said(request).startswith("Garden") else "What?")


def tolerant(_: Request) -> Response:
    return completion("Yes.")


@pytest.mark.parametrize(
    ("answer", "suite", "verdict", "told"),
    [
        (tolerant, rows(40), "pass", "0 points lost"),
        (tolerant, rows(10), "unknown", "0 points lost"),
        (strict, rows(20), "fail", "100 points lost"),
        (lambda _: completion("No."), rows(40), "unknown", "only 0 % of 40 rows are right as written"),
        (lambda _: Response(500), rows(10), "unknown", "got no answer"),
        (tolerant, "- {input: 営業時間, expected: x}\n", "unknown", "no row has words"),
        (tolerant, "- {input: 5}\n", "unknown", "nothing says"),
    ],
    ids=["tolerant", "few", "strict", "wrong", "down", "no words", "broken"],
)
def test_the_loss_decides_by_its_interval(
    answer: Callable[[Request], Response], suite: str, verdict: str, told: str, tmp_path: Path
) -> None:
    one = found(tmp_path, answer, suite)
    assert (one.verdict, told in one.message) == (verdict, True), one.message
    assert verdict == "pass" or one.mend


def test_only_the_question_is_typed_in_a_hurry() -> None:
    (row,) = read(b"- {input: When is it Open?, context: 'It Opens at Nine.', expected: x}\n", "set.yaml")
    assert in_a_hurry(row, 1).conversation[-1].text == "It Opens at Nine.\n\nwhn is it open"


def test_without_an_endpoint_nothing_is_asked(tmp_path: Path) -> None:
    manifest = "ai: {kind: llm}\ntesting: {suites: [{id: visits, file: set.yaml}]}\n"
    (one,) = looked(noise_borne, written(tmp_path, {"set.yaml": rows(1)}, manifest))
    assert (one.verdict, bool(one.mend)) == ("unknown", True)
