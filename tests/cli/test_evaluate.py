"""`safecase testing evaluate` and `compare`, against a real server."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.targets.servers import Request, Response, completion, said, serving

ROWS = "".join(
    json.dumps(
        {
            "id": f"r{i}",
            "input": f"When do you open on day {i}?",
            "asserts": [{"contains": "9:00"}],
            "slice": {"half": "even" if i % 2 == 0 else "odd"},
        }
    )
    + "\n"
    for i in range(60)
)


def answers(request: Request) -> Response:
    # The model "old" is always right; "new" is wrong on days that can be divided by three.
    day = int(said(request).removesuffix("?").split()[-1])
    wrong = request.body.get("model") == "new" and day % 3 == 0
    return completion("We open at noon." if wrong else "We open at 9:00.")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "visits.jsonl").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    with serving(answers) as base:
        yield base


def test_a_service_that_is_right_passes(url: str, safecase: Callable[..., Ran]) -> None:
    ran = safecase("testing", "evaluate", "visits.jsonl", "--target", url, "--model", "old")
    assert ran.code == 0
    assert ran.out.startswith(
        f"visits.jsonl on {url}, model old: pass\n  60 of 60 rows pass, 100 % (95 %: 94 to 100 %)"
    )
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_one_that_is_not_fails_and_the_answers_show_it(url: str, safecase: Callable[..., Ran]) -> None:
    ran = safecase("testing", "evaluate", "visits.jsonl", "--target", url, "--model", "new")
    assert ran.code == 1
    assert "lacks: contains 9:00" in ran.out
    assert "answer: We open at noon." in ran.out
    assert "half=even" in ran.out


def test_results_are_written_in_four_forms(url: str, safecase: Callable[..., Ran]) -> None:
    for form in ("text", "json", "junit", "html"):
        ran = safecase(
            "testing", "evaluate", "visits.jsonl", "--target", url, "--model", "new", "--format", form, "-o", form
        )
        assert (ran.code, ran.out) == (1, "")
        assert "visits.jsonl: fail" in ran.err
    assert json.loads(Path("json").read_bytes())["verdict"] == "fail"
    (suite,) = ET.parse("junit").getroot()
    assert suite.attrib["failures"] == "21"
    assert suite[0].attrib["name"] == "verdict"
    page = Path("html").read_text()
    assert "<script" not in page
    assert "src=" not in page


def test_two_results_are_compared(url: str, safecase: Callable[..., Ran]) -> None:
    for model in ("old", "new"):
        safecase(
            "testing", "evaluate", "visits.jsonl", "--target", url, "--model", model, "--format", "json", "-o", model
        )
    ran = safecase("testing", "compare", "old", "new")
    assert ran.code == 1
    assert "worse: 20 rows" in ran.out
    assert "before: We open at 9:00." in ran.out
    assert safecase("testing", "compare", "new", "old").code == 0
    assert safecase("testing", "compare", "old", "old", "--margin", "0.1").code == 0
    assert safecase("testing", "compare", "old", "old", "--margin", "0.001").code == 3
    assert json.loads(safecase("testing", "compare", "old", "new", "--format", "json").out)["verdict"] == "worse"
    assert 'failures="21"' in safecase("testing", "compare", "old", "new", "--format", "junit").out
    page = safecase("testing", "compare", "old", "new", "--format", "html").out
    assert "Worse: 20 rows" in page
    assert page.count("<details") == 20


def test_two_targets_are_asked_and_compared(url: str, safecase: Callable[..., Ran]) -> None:
    for model in ("old", "new"):
        Path(f"{model}.yaml").write_text(f"base_url: {url}\nmodel: {model}\n")
    ran = safecase("testing", "compare", "old.yaml", "new.yaml", "--suite", "visits.jsonl")
    assert ran.code == 1
    assert "new.yaml" in ran.out.splitlines()[0]


def test_a_set_of_the_manifest_is_asked_of_its_endpoint(url: str, safecase: Callable[..., Ran]) -> None:
    suites = "suites: [{id: visits, file: visits.jsonl, threshold: 0.5, repeats: 2}]"
    endpoint = f"endpoint: {{url: '{url}', model: new}}"
    Path("safecase.yaml").write_text(
        f"safecase: 1\nservice: {{id: x}}\ndeployment: {{{endpoint}}}\ntesting: {{{suites}}}\n"
    )
    ran = safecase("testing", "evaluate", "visits")
    assert ran.code == 0
    assert "50 % is wanted" in ran.out
    assert "120 calls" in ran.out
    assert safecase("testing", "evaluate", "visits", "--manifest", "safecase.yaml", "--threshold", "0.9").code == 1
    Path("safecase.yaml").write_text("safecase: 1\nservice: {id: x}\n")
    assert "declares no endpoint" in safecase("testing", "evaluate", "visits").err


def test_a_dry_run_asks_nothing_and_says_what_could_be_shown(safecase: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("input,expected\n" + "".join(f"day {i}?,nine\n" for i in range(20)))
    ran = safecase("testing", "evaluate", str(tmp_path / "v.csv"), "--target", "http://127.0.0.1:9/v1", "--dry-run")
    assert ran.code == 0
    assert "20 rows, 20 calls" in ran.out
    assert "it cannot pass: so many rows show 83.9 % at the most" in ran.out


def test_code_is_run_only_where_it_is_allowed(url: str, safecase: Callable[..., Ran]) -> None:
    Path("v.jsonl").write_text('{"input": "When on day 1?", "asserts": [{"python": "mine.py"}]}')
    Path("mine.py").write_text("def check(answer, row): return '9:00' in answer")
    asked = ("testing", "evaluate", "v.jsonl", "--target", url, "--threshold", "0.1")
    ran = safecase(*asked)
    assert ran.code == 2
    assert "--allow-code" in ran.err
    assert safecase(*asked, "--allow-code").code == 0


def test_what_answers_cannot_be_judged_without_is_told_before_a_call(url: str, safecase: Callable[..., Ran]) -> None:
    Path("v.jsonl").write_text('{"input": "When on day 1?", "asserts": [{"cost": 1}]}')
    ran = safecase("testing", "evaluate", "v.jsonl", "--target", url)
    assert ran.code == 2
    assert "add --price" in ran.err


def test_a_configuration_of_promptfoo_is_asked_with_the_files_beside_it(url: str, safecase: Callable[..., Ran]) -> None:
    Path("p.yaml").write_text("prompts: [file://ask.txt]\ntests: file://days.csv\n")
    Path("ask.txt").write_text("When do you open on day {{day}}?\n")
    Path("days.csv").write_text("day,__expected\n" + "".join(f"{i},contains: 9:00\n" for i in range(1, 41)))
    ran = safecase("testing", "evaluate", "p.yaml", "--target", url)
    assert (ran.code, "40 of 40 rows pass" in ran.out) == (0, True)
    assert "its providers are not asked" in ran.err
    Path("p.yaml").write_text("prompts: [file://../ask.txt]\ntests: file://days.csv\n")
    ran = safecase("testing", "evaluate", "p.yaml", "--target", url)
    assert (ran.code, "it is in no folder below" in ran.err) == (2, True)


def test_a_target_that_is_down_is_no_pass(safecase: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text(ROWS)
    ran = safecase(
        "testing", "evaluate", str(tmp_path / "v.jsonl"), "--target", "http://127.0.0.1:9/v1", "--calls", "5"
    )
    assert ran.code == 3
    assert "none of 60 rows was judged" in ran.out


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"[1, 2", b'{"choices": 5}', b"\xff\xfe\x00", b"", b"[" * 100_000]
)
def test_a_target_that_says_what_is_no_answer_gives_errors(
    body: bytes, safecase: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "v.jsonl").write_text("\n".join(ROWS.splitlines()[:3]))
    with serving(lambda _: Response(200, body)) as base:
        ran = safecase("testing", "evaluate", str(tmp_path / "v.jsonl"), "--target", base)
    assert ran.code == 3
    assert "none of 3 rows was judged" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("gone.yaml", "--target", "http://127.0.0.1:9/v1"), 2, "cannot be read"),
        (("v.csv", "--target", "http://127.0.0.1:9/v1"), 2, "`question` is not known"),
        (("v.jsonl", "--target", "http://127.0.0.1:9/v1", "--manifest", "x"), 2, "both given"),
        (("v.jsonl",), 2, "nothing says whom to ask"),
        (("v.jsonl", "--target", "gone.yaml"), 2, "cannot be read"),
        (("v.jsonl", "--target", "http://example.com/v1"), 3, "--i-own-this-target"),
    ],
)
def test_wrong_use_is_told(
    arguments: tuple[str, ...],
    code: int,
    told: str,
    safecase: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v.jsonl").write_text(ROWS)
    Path("v.csv").write_text("question,expected\na,b\n")
    ran = safecase("testing", "evaluate", *arguments)
    assert ran.code == code
    assert told in ran.err
    assert "Traceback" not in ran.err
