from __future__ import annotations

import contextlib
import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import ManifestError
from safecase.readers.suite_asserts import KINDS
from safecase.readers.suites import Row, read, read_suite

YAML = b"""
# what visitors ask
rows:
  - id: opens
    input: When do you open?
    asserts: [{contains: "9:00"}, {not_contains: noon}]
    slice: hours
  - input: What is a ticket?
    context: [The price list, "A ticket is 12.50."]
    expected: 12.50
    weight: 2
  - id: turns
    messages:
      - {role: system, content: Be brief.}
      - {role: user, content: And groups?}
    asserts:
      - regex: "\\\\b10\\\\b"
      - number: {value: 12.5, tolerance: 0.1}
      - json_path: {path: "$.a[0]['b c']", equals: 3}
"""


def faults(content: bytes, file: str = "set.yaml") -> list[tuple[str, str]]:
    with pytest.raises(ManifestError) as refused:
        read(content, file)
    assert all(fault.mend for fault in refused.value.faults)
    return [(str(fault.place), fault.message) for fault in refused.value.faults]


def plain(rows: tuple[Row, ...]) -> list[object]:
    return [(row.id, row.conversation, row.asserts, row.slices, row.weight) for row in rows]


def test_a_yaml_set_is_read() -> None:
    opens, ticket, turns = read(YAML, "set.yaml")
    assert (opens.id, opens.slices, [one.kind for one in opens.asserts]) == (
        "opens",
        ("hours",),
        ["contains", "not_contains"],
    )
    assert str(opens.place) == "set.yaml:4:5"
    assert ticket.id == "2"
    assert ticket.weight == 2
    assert ticket.conversation[0].text == "The price list\n\nA ticket is 12.50.\n\nWhat is a ticket?"
    assert (ticket.asserts[0].kind, ticket.asserts[0].value) == ("icontains", "12.5")
    assert [message.role for message in turns.conversation] == ["system", "user"]
    assert turns.asserts[2].equals == 3


def test_a_bare_list_is_a_set_too() -> None:
    assert [row.id for row in read(b"- {input: a, expected: b}\n- {input: c, expected: d}\n", "set.yml")] == ["1", "2"]


def test_json_lines_and_tables_say_the_same() -> None:
    rows = [
        {"id": "a", "input": "When?", "asserts": [{"contains": "9:00"}], "slice": "hours"},
        {"id": "b", "input": "What, and how?", "expected": "so", "weight": 2.0},
    ]
    lines = read("\n".join(json.dumps(row) for row in rows).encode(), "set.jsonl")
    table = read(
        b'id,input,contains,expected,slice,weight\na,When?,9:00,,hours,\nb,"What, and how?",,so,,2\n', "set.csv"
    )
    assert plain(lines) == plain(table) == plain(read(json.dumps(rows).encode(), "set.yaml"))
    assert str(table[1].place) == "set.csv:3"
    assert str(lines[1].place) == "set.jsonl:2"


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    content = b"""rows:
  - {id: a, input: x}
  - {id: a, input: x, expected: y, colour: red}
  - {id: c, input: x, asserts: [{matches: y}]}
  - {id: d, input: x, asserts: [{regex: "("}], weight: -1}
  - {id: e, messages: [{role: user, content: x}, {role: robot, content: y}], expected: z}
  - 5
  - {id: f, input: x, expected: y}
  - {id: f, input: x, expected: y}
"""
    found = faults(content)
    assert [place.split(":")[1] for place, _ in found] == ["2", "3", "4", "5", "5", "6", "7", "9"]
    assert "`colour` is not known" in found[1][1]


@pytest.mark.parametrize(
    ("content", "file", "told"),
    [
        (b"", "a.yaml", "empty"),
        (b"rows: []", "a.yaml", "no row"),
        (b"rows: 5", "a.yaml", "a list of rows"),
        (b"text", "a.yaml", "a list of rows"),
        (b"", "a.jsonl", "no row"),
        (b"{", "a.jsonl", "no JSON"),
        (b"[" * 10_000, "a.jsonl", "no JSON"),
        (b"\xff", "a.jsonl", "not UTF-8"),
        (b"\xff", "a.csv", "not UTF-8"),
        (b"id,input,expected\n1,2,3,4\n", "a.csv", "cells"),
        (b'id,input,expected\n1,"x', "a.csv", "no table"),
        (b"input,expected,weight\nx,y,heavy\n", "a.csv", "weight"),
        (b"input,expected\n" + b"x,y\n" * 10_001, "a.csv", "10,000 rows"),
        (b"x" * 8_000_001, "a.csv", "8 MB"),
        (b'- {input: x, asserts: [{regex: "' + b"a" * 501 + b'"}]}', "a.yaml", "500"),
        (b"- {input: x, asserts: [{json_path: answer}]}", "a.yaml", "JSON path"),
        (b"- {input: x, asserts: [{number: {value: .nan}}]}", "a.yaml", "finite"),
        (b"- {input: x, messages: [], expected: y}", "a.yaml", "either"),
        (b"- {input: x, context: 5, expected: y}", "a.yaml", "context"),
        (b"- {id: [1], input: x, expected: y}", "a.yaml", "no text"),
        (b"- {input: x, asserts: [{number: {value: 1, near: 2}}]}", "a.yaml", "near"),
    ],
)
def test_a_set_that_is_wrong_is_refused_with_what_is_wrong(content: bytes, file: str, told: str) -> None:
    assert told in faults(content, file)[0][1]


@given(st.binary(max_size=300), st.sampled_from(["a.yaml", "a.jsonl", "a.csv"]))
def test_any_bytes_give_rows_or_faults(content: bytes, file: str) -> None:
    with contextlib.suppress(ManifestError):
        assert read(content, file)


ROWISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "input", "messages", "asserts", "expected", "context", "weight", "regex", "number", "role"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(ROWISH, max_size=3))
def test_any_json_gives_rows_or_faults(rows: list[object]) -> None:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    with contextlib.suppress(ManifestError):
        assert read(content, "a.jsonl")


WHOLE = """
threshold: 0.8
slice_threshold: 0.6
repeats: 3
asserts: [{latency: 2}]
rows:
  - id: price
    input: What is a ticket?
    context: A ticket is 12.50 EUR.
    sources: [Groups pay less.]
    reference: It is 12.50 EUR.
    slice: {language: en, topic: prices}
    tags: [urgent, urgent]
    asserts:
      - similar: 0.7
      - similar: {to: Twelve fifty., by: ngrams}
      - grounded: true
      - cites: 2
      - json_schema: {type: object, required: [price]}
      - tool_call: {name: look_up, arguments: {what: ticket}}
      - tool_call: look_up
      - tool_order: [find, look_up]
      - not_tool_call: book
      - cost: 0.01
      - tokens: 500
      - refused: false
      - python: polite.py:score
"""


def test_a_set_says_what_holds_for_all_its_rows() -> None:
    suite = read_suite(WHOLE.encode(), "set.yaml")
    (row,) = suite.rows
    assert (suite.threshold, suite.slice_threshold, suite.repeats) == (0.8, 0.6, 3)
    assert row.slices == ("language=en", "topic=prices", "urgent")
    assert row.sources == ("A ticket is 12.50 EUR.", "Groups pay less.")
    assert row.conversation[-1].text == "A ticket is 12.50 EUR.\n\nWhat is a ticket?"
    told = {(one.kind, one.value) for one in row.asserts}
    assert ("latency", 2.0) in told
    assert ("similar", "It is 12.50 EUR.") in told
    assert ("tool_order", "find, look_up") in told
    assert next(one for one in row.asserts if one.by == "ngrams").value == "Twelve fifty."


def test_a_row_that_wants_something_else_is_another_row() -> None:
    first, second = read(b"- {input: a, expected: b}\n- {input: a, expected: c}\n", "set.yaml")
    (third,) = read(b"- {input: a, expected: b, weight: 2, tags: [x]}\n", "set.yaml")
    assert first.digest != second.digest
    assert first.digest == third.digest
    assert first.prompt == second.prompt
    # A saved result must be comparable with what a later version writes.
    assert first.digest == "4c03e06928a5efac965abc366b5a6baa"


def test_a_table_has_asserts_slices_and_tags_in_columns() -> None:
    content = b"input,similar,reference,slice.language,slice,tags,number,grounded,sources\n"
    content += b'When?,0.5,At nine.,en,hours,"a, b",9,true,We open at nine.\n'
    (row,) = read(content, "set.csv")
    assert row.slices == ("language=en", "slice=hours", "a", "b")
    assert [(one.kind, one.value) for one in row.asserts] == [
        ("number", 9.0),
        ("similar", "At nine."),
        ("grounded", "yes"),
    ]


def test_wrong_columns_are_told_once_and_with_the_nearest_known_one() -> None:
    with pytest.raises(ManifestError) as refused:
        read(b"id,question,contain\n" + b"a,b,c\n" * 1000, "set.csv")
    told = [(str(fault.place), fault.message, fault.mend) for fault in refused.value.faults]
    assert [place for place, _, _ in told] == ["set.csv:1"] * 4
    assert "`question` is not known" in told[0][1]
    assert told[1][2] == "did you mean `contains`?"
    assert "`input` is missing" in told[2][1]


@pytest.mark.parametrize(
    ("one", "told"),
    [
        ("json_schema: {$ref: 'http://schemas.example/x'}", "no JSON Schema: Resource"),
        ("json_schema: {type: 5}", "no JSON Schema"),
        ("json_schema: [1]", "a JSON Schema is wanted"),
        ("json_schema: " + "{a: " * 70 + "1" + "}" * 70, "deep"),
        ("similar: {at_least: 0.5}", "a text to be similar to"),
        ("similar: {to: x, by: magic}", "`by` is magic"),
        ("similar: {to: x, at_least: 2}", "up to 1"),
        ("grounded: false", "`grounded` is false"),
        ("cites: -1", "0 or more"),
        ("tool_call: {arguments: {}}", "a tool's name"),
        ("tool_order: [1]", "names of tools"),
        ("latency: soon", "a number is wanted"),
        ("latency: -1", "0 or more"),
        ("cost: .inf", "finite"),
        ("python: ../x.py", "beside the test set"),
        ("python: /etc/x.py", "beside the test set"),
        ("python: x.sh", "beside the test set"),
    ],
)
def test_an_assert_that_cannot_be_meant_is_refused(one: str, told: str) -> None:
    (found,) = faults(f"- input: x\n  asserts:\n    - {one}\n".encode())
    assert told in found[1]
    assert found[0].startswith("set.yaml:")


@pytest.mark.parametrize(
    ("top", "told"),
    [
        ("threshold: 2", "from 0 to 1"),
        ("repeats: 0", "from 1 to 100"),
        ("colour: red", "`colour` is not known"),
        ("asserts: {contains: x}", "no list"),
    ],
)
def test_what_holds_for_all_rows_may_be_wrong_too(top: str, told: str) -> None:
    (found,) = faults(f"{top}\nrows: [{{input: x, expected: y}}]\n".encode())
    assert told in found[1]
    assert found[0].startswith("set.yaml:1")


def test_tags_of_python_objects_and_bombs_are_refused() -> None:
    assert "tag" in faults(b'- {input: !!python/object/apply:os.system ["id"], expected: x}')[0][1]
    layers = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    layers += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 9))
    assert "aliases" in faults(f"{layers}rows: [*a8]\n".encode())[0][1]


def test_the_example_of_the_documentation_is_a_set() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    example = page.split("    # tests/visits.yaml\n")[1].split("\nJSON lines")[0]
    suite = read_suite(textwrap.dedent(example).encode(), "visits.yaml")
    assert [row.id for row in suite.rows] == ["ticket", "turns"]
    assert all(f"`{kind}" in page for kind in KINDS)


def test_all_wrong_asserts_of_a_row_are_told_and_a_near_word_is_offered() -> None:
    with pytest.raises(ManifestError) as raised:
        read(b"- {input: x, asserts: [{contain: a}, {regex: '['}, {number: twelve}]}\n", "set.yaml")
    assert [fault.message.partition(":")[0] for fault in raised.value.faults] == [
        "`contain` is not known here",
        "no pattern",
        "a number is wanted",
    ]
    assert raised.value.faults[0].mend == "did you mean `contains`?"


def test_a_table_may_be_separated_by_semicolons_or_tabs() -> None:
    for sign in ";\t":
        (row,) = read(f"input{sign}expected\nWhen, please?{sign}nine\n".encode(), "set.csv")
        assert (row.conversation[0].text, row.asserts[0].value) == ("When, please?", "nine")
