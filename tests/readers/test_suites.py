from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import ManifestError
from safecase.readers.suites import Row, read

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
    return [(row.id, row.conversation, row.asserts, row.slice, row.weight) for row in rows]


def test_a_yaml_set_is_read() -> None:
    opens, ticket, turns = read(YAML, "set.yaml")
    assert (opens.id, opens.slice, [one.kind for one in opens.asserts]) == (
        "opens",
        "hours",
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
        (b"id,input\n1,2,3\n", "a.csv", "cells"),
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
