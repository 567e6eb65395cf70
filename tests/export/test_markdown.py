"""Markdown: a comment that says what decides, fits, and holds nothing of others but text."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given

from safecase.export import markdown, render
from safecase.vocabulary import Case, Finding, Place
from tests.export import hostile
from tests.export.sample import CLAIMS, sample

OURS = re.compile(r"</?(details|summary)>")
CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)")


def page(case: Case, **more: Any) -> str:
    return render(case, "md", **more).decode()


TABLE = """\
| Measure | Verdict | fails | not judged | nobody looked | accepted | holds |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| Threat modelling | unproven |  |  | 1 |  |  |
| Training | nothing applies |  |  |  |  |  |
| Infrastructure | **fails** | 1 | 1 |  |  |  |
| Supply chain | **fails** | 1 |  |  |  | 1 |
| Testing | **fails** | 1 |  |  |  |  |
| Vulnerabilities | unproven |  | 1 |  |  |  |
| Protection | holds |  |  |  | 1 | 1 |
| Maintenance | holds |  |  |  |  | 1 |
| Compliance | holds |  |  |  |  | 1 |
"""


def test_it_says_the_verdict_then_the_nine_measures_then_what_decides_and_what_to_do() -> None:
    told = page(sample())
    assert told.startswith("## Support chatbot fails\n\n3 of 11 claims are contested")
    assert TABLE in told
    heads = [line for line in told.splitlines() if line.startswith(("#", "<details>"))]
    assert heads == [
        "## Support chatbot fails",
        "### What decides",
        "### What to do next",
        "<details><summary>We looked, and it could not be judged or is too old (2)</summary>",
        "<details><summary>Nobody looked yet (1)</summary>",
        "<details><summary>Accepted for a time (1)</summary>",
        "<details><summary>Notes (4)</summary>",
    ]
    assert "- **SC-02** (high) at `requirements.txt:3:1`: `requests` has no hash · mend: pip-compile" in told


def test_what_nobody_looked_at_is_named_by_measure_and_not_among_what_fails() -> None:
    told = page(sample())
    decides, _, rest = told.partition("### What to do next")
    assert "TM-01" not in decides
    assert "- **Threat modelling**: TM-01 Every threat that applies has an answer (medium)" in rest


def test_before_a_gate_its_answer_is_the_first_line_and_decides() -> None:
    deciding = {
        "control": "SC-02",
        "title": "Pinned",
        "severity": "high",
        "state": "contested",
        "why": "`requests` has no hash",
        "mend": "pin it",
        "blocks": True,
    }
    unknown = {
        "control": "TM-01",
        "title": "Answered",
        "severity": "medium",
        "state": "unsupported",
        "why": "nobody looked",
        "mend": "",
        "blocks": False,
    }
    extra = {
        "policy": {"profile": "standard", "source": "origin/main", "known_gaps": 3},
        "allowed": False,
        "deciding": [deciding, unknown],
    }
    told = page(sample(), extra=extra)
    assert told.startswith("## Support chatbot: no-go\n\nThe case fails: 3 of 11 claims are contested")
    assert "profile `standard`, rules from `origin/main`" in told
    assert "3 open claims are known to the baseline and do not block." in told
    assert "### What decides\n\n- **SC-02** Pinned (high): `requests` has no hash · mend: pin it\n" in told
    assert "### Not known yet, and the gate asks for it\n\n- **TM-01** Answered (medium): nobody looked\n" in told
    assert "<summary>We looked, and it fails (4)</summary>" in told


def test_a_comment_fits_and_says_what_found_no_room() -> None:
    found = tuple(
        Finding(check="a", subject=str(n), verdict="fail", message="ü" * 900, severity="high") for n in range(2000)
    )
    content = render(sample((msgspec.structs.replace(CLAIMS[0], findings=found),)), "md")
    assert len(content) <= markdown.MOST_BYTES
    told = content.decode()
    assert "(2000)</summary>" in told
    assert re.search(r"- \d+ more: `safecase show case` tells all", told)
    assert told.count("<details>") == told.count("</details>")


@pytest.mark.parametrize("text", ["\U0010ffff", "\U0001f600", "&", "`", "\x00`", "客", "*\u202e"])
def test_no_text_makes_a_comment_too_long(text: str) -> None:
    long = text * 2000
    found = Finding(
        check="a", subject="s", verdict="fail", message=long, mend=long, severity="high", place=Place(file=long)
    )
    claims = tuple(
        msgspec.structs.replace(CLAIMS[0], control=f"{text}{n}", title=long, findings=(found,) * 3) for n in range(60)
    )
    row = {"control": long, "title": long, "severity": "high", "state": "contested", "why": long, "mend": long}
    policy = {"profile": long, "source": long, "known_gaps": 0}
    extra = {"policy": policy, "allowed": False, "deciding": [{**row, "blocks": n % 2 == 0} for n in range(30)]}
    case = sample(claims, name=long, service=long, notes=(long,) * 30, questions=(long,) * 30, catalogue=long)
    for answer in (None, extra):
        assert len(render(case, "md", extra=answer)) <= markdown.MOST_BYTES


@pytest.mark.parametrize("text", hostile.NASTY)
def test_escaped_text_starts_nothing(text: str) -> None:
    told = markdown.escaped(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]<>|~#&$!]", told)
    assert not re.search(r"(?<!\w)@\w", told)
    assert not re.search(r"(?<!\\):(?=//)", told)
    assert not re.search(r"\bwww\.", told)
    assert "\n" not in told


def test_code_survives_backticks() -> None:
    assert markdown.code("a`b``c") == "```a`b``c```"
    assert markdown.code("`a") == "`` `a ``"
    assert markdown.code("") == ""
    assert markdown.prose("run `safecase demo` now") == "run `safecase demo` now"
    assert markdown.prose("one ` alone") == "one \\` alone"


@hostile.FEW
@given(hostile.cases(), hostile.answers)
def test_no_text_from_outside_is_markup(case: Case, answer: dict[str, object] | None) -> None:
    told = page(case, extra=answer)
    assert len(told.encode()) <= markdown.MOST_BYTES
    assert sum(line.startswith("#") for line in told.splitlines()) <= 4
    bare = [CODE.sub("", line) for line in told.splitlines()]
    assert sum(line.count("<details>") for line in bare) == sum(line.count("</details>") for line in bare)
    for line in bare:
        text = OURS.sub("", line)
        assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]!]", text), line
        assert not re.search(r"(?<!\w)@\w", text), line
