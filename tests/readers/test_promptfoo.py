"""What stands in promptfoo's files, as rows of ours or refused with a sentence."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import ManifestError, SafecaseError
from safecase.readers.suites import Suite, read, read_suite

CONFIG = """
description: Visits
prompts: ["You are a guide. {{question}}", "file://chat.json"]
providers: [openai:some-model]
evaluateOptions: {repeat: 2, maxConcurrency: 4}
defaultTest:
  vars: {tone: kind}
  assert: [{type: latency, threshold: 5000}]
tests:
  - description: opening
    vars: {question: When do you open?}
    assert: [{type: icontains, value: nine}, {type: not-contains, value: noon, weight: 2}]
  - vars: {question: [What is a ticket?, What does it cost?], price: 12}
    metadata: {topic: prices}
    assert: [{type: contains-any, value: ["{{price}}.50", twelve]}, {type: contains, value: measured, weight: 0}]
"""
CHAT = b'[{"role": "system", "content": "Be {{tone}}."}, {"role": "user", "content": "{{question}}"}]'


def beside(name: str) -> bytes:
    return {"chat.json": CHAT, "cases.csv": b"question,__expected\nWhen?,contains: nine\n"}[name]


def one(asserts: str) -> str:
    return f"prompts: ['{{{{q}}}}']\ntests:\n  - vars: {{q: When?}}\n    assert: [{asserts}]\n"


def faults(text: str, file: str = "promptfooconfig.yaml") -> list[SafecaseError]:
    with pytest.raises(ManifestError) as raised:
        read(text.encode(), file)
    return list(raised.value.faults)


def test_each_prompt_with_each_test_is_a_row() -> None:
    suite = read_suite(CONFIG.encode(), "promptfooconfig.yaml", beside)
    assert [row.id for row in suite.rows] == [
        "opening / prompt 1",
        "opening / prompt 2",
        "2 / prompt 1 / 1",
        "2 / prompt 1 / 2",
        "2 / prompt 2 / 1",
        "2 / prompt 2 / 2",
    ]
    first, second = suite.rows[:2]
    assert first.conversation[0].text == "You are a guide. When do you open?"
    assert [(turn.role, turn.text) for turn in second.conversation] == [
        ("system", "Be kind."),
        ("user", "When do you open?"),
    ]
    assert [(one.kind, one.value) for one in first.asserts] == [
        ("latency", 5.0),
        ("icontains", "nine"),
        ("not_regex", "noon"),
    ]
    assert [(one.kind, one.value) for one in suite.rows[2].asserts] == [("latency", 5.0), ("regex", r"12\.50|twelve")]
    assert suite.rows[2].slices == ("topic=prices",)
    assert str(suite.rows[2].place) == "promptfooconfig.yaml:13:5"
    assert suite.repeats == 2
    assert "providers are not asked" in suite.note


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("{type: equals, value: nine}", [("equals", "nine")]),
        ("{type: equals, value: {a: 1}}", [("json_schema", '{"const":{"a":1}}')]),
        ("{type: not-equals, value: a.b}", [("not_regex", r"\A\s*a\.b\s*\Z")]),
        ("{type: contains-all, value: [a, b]}", [("contains", "a"), ("contains", "b")]),
        ("{type: not-icontains-any, value: [a, b]}", [("not_contains", "a"), ("not_contains", "b")]),
        ("{type: icontains-any, value: [a, b]}", [("regex", "(?i)a|b")]),
        ("{type: starts-with, value: We}", [("regex", r"\AWe")]),
        ("{type: not-regex, value: '[0-9]+'}", [("not_regex", "[0-9]+")]),
        ("{type: is-json}", [("json_schema", "{}")]),
        ("{type: is-refusal}", [("refused", "yes")]),
        ("{type: not-is-refusal}", [("refused", "no")]),
        ("{type: cost, threshold: 0.01}", [("cost", 0.01)]),
        ("{type: similar, value: At nine., threshold: 0.8}", [("similar", "At nine.")]),
    ],
)
def test_usual_asserts_are_ours(said: str, wanted: list[tuple[str, Any]]) -> None:
    (row,) = read(one(said).encode(), "p.yaml")
    assert [(one.kind, one.value) for one in row.asserts] == wanted


@pytest.mark.parametrize(
    ("text", "told", "mend"),
    [
        (one("{type: llm-rubric, value: polite}"), "`llm-rubric` wants a judge model", "borrow promptfoo"),
        (one("{type: javascript, value: output}"), "`javascript` is code for promptfoo", "python: checks.py"),
        (one("{type: rouge-n, value: x}"), "the assert `rouge-n` is not known", "contains-any"),
        (one("{type: contains, value: x, transform: y}"), "`transform` is not known", "leave it out"),
        (one("{type: not-contains-all, value: [x]}"), "`not-contains-all` cannot be said so", "leave it out"),
        (one("{type: latency}"), "in milliseconds", "threshold: 5000"),
        (one("{type: cost}"), "a number is wanted", ""),
        (one("{value: x}"), "an assert has a `type`", "contains"),
        (one(""), "nothing says what a right answer holds", ""),
        (one("{type: contains, value: '{{z}}'}"), "`{{z}}` is not among the variables", "vars"),
        (one("{type: contains, value: '{{ q | upper }}'}"), "more than names of variables", "write what it gives"),
        ("tests: file://cases.csv\n", "stands in another file", "write it into this one"),
        ("tests: [{vars: 5}]\n", "its `vars` a mapping", "write it into this file"),
        ("tests: [{vars: {a: b, c: d}, assert: [{type: is-json}]}]\n", "nothing says what is asked", "prompts"),
        ("tests: 5\n", "`tests` is no list", ""),
        ("prompts: [5]\ntests: []\n", "a prompt is a text", ""),
        ("scenarios: []\ntests: []\n", "`scenarios` is not known here", "leave it out"),
    ],
)
def test_what_cannot_be_said_here_is_refused_with_its_place(text: str, told: str, mend: str) -> None:
    (fault,) = faults(text)
    assert told in fault.message
    assert mend in fault.mend
    assert fault.place is not None
    assert fault.place.line


def test_what_is_wrong_in_a_test_is_told_once_and_not_for_each_prompt() -> None:
    text = CONFIG.replace("file://chat.json", "Hello. {{question}}").replace("type: icontains", "type: g-eval")
    assert len(faults(text)) == 1


def test_a_table_of_tests_needs_no_configuration() -> None:
    rows = ('When?,"contains-any: 9,nine",latency(2000),first', "Yes?,Yes.,,")
    table = "\n".join(("question,__expected1,__expected2,__description", *rows))
    first, second = read(table.encode(), "tests.csv")
    assert (first.id, first.conversation[0].text, second.id) == ("first", "When?", "2")
    assert [(one.kind, one.value) for one in first.asserts] == [("regex", "9|nine"), ("latency", 2.0)]
    assert [(one.kind, one.value) for one in second.asserts] == [("equals", "Yes.")]


def test_tests_may_stand_beside_the_configuration() -> None:
    suite: Suite = read_suite(b"prompts: ['{{question}}']\ntests: file://cases.csv\n", "p.yaml", beside)
    assert [(row.conversation[0].text, row.asserts[0].value, str(row.place)) for row in suite.rows] == [
        ("When?", "nine", "cases.csv:2")
    ]


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["file://x.csv", "{{a}}", "regex"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["vars", "assert", "type", "value", "threshold", "raw", "role", "a"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["tests", "prompts", "defaultTest", "evaluateOptions"]), _ANY, min_size=1))
def test_any_configuration_is_read_or_refused(config: dict[str, Any]) -> None:
    with contextlib.suppress(ManifestError):
        read_suite(msgspec.json.encode(config | {"tests": config.get("tests")}), "p.yaml", beside=_absent)


def _absent(name: str) -> bytes:
    raise FileNotFoundError(2, "no such file", name)
