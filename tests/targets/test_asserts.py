"""What an answer must hold, one assert at a time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from safecase.readers.conversations import Called, said
from safecase.readers.suite_asserts import Assert, asserts_of
from safecase.readers.suites import Row
from safecase.targets.apart import answered
from safecase.targets.asserts import Checked, Means, judged
from safecase.targets.target import Reply
from safecase.vocabulary import Place


def checked(wanted: dict[str, Any], reply: Reply | str, means: Means | None = None, *sources: str) -> Checked:
    (one,) = asserts_of({"asserts": [wanted]}, "We open at nine.")
    row = Row(id="1", conversation=said("When?"), asserts=(one,), place=Place(file="s.yaml"), sources=sources)
    ((*_, found),) = judged([(row, reply if isinstance(reply, Reply) else Reply(reply))], means)
    return found


CALLS = Reply(
    "", calls=(Called(tool="find", arguments='{"day": "Monday", "n": 2, "x": {"y": 1, "z": 2}}'), Called("book", "{"))
)


@pytest.mark.parametrize(
    ("wanted", "reply", "holds"),
    [
        ({"json_schema": {"type": "object", "required": ["a"]}}, '```json\n{"a": 1}\n```', True),
        ({"json_schema": {"type": "object", "required": ["a"]}}, '{"b": 1}', False),
        ({"json_schema": {"type": "object"}}, "no json", False),
        ({"json_schema": {"type": "array"}}, "[" * 5000, False),
        ({"json_schema": {"type": "array"}}, "[" * 100 + "]" * 100, False),
        ({"json_schema": {"pattern": "^(a+)+$"}}, '"' + "a" * 60 + '!"', False),
        ({"tool_call": "find"}, CALLS, True),
        ({"tool_call": {"name": "find", "arguments": {"day": "Monday", "x": {"y": 1}}}}, CALLS, True),
        ({"tool_call": {"name": "find", "arguments": {"day": "Friday"}}}, CALLS, False),
        ({"tool_call": {"name": "book", "arguments": {"day": "Monday"}}}, CALLS, False),
        ({"tool_call": "cancel"}, CALLS, False),
        ({"not_tool_call": "cancel"}, CALLS, True),
        ({"not_tool_call": "book"}, CALLS, False),
        ({"tool_order": ["find", "book"]}, CALLS, True),
        ({"tool_order": ["book", "find"]}, CALLS, False),
        ({"latency": 1}, Reply("x", seconds=0.5), True),
        ({"latency": 1}, Reply("x", seconds=1.5), False),
        ({"tokens": 10}, Reply("x", tokens_in=5, tokens_out=5), True),
        ({"tokens": 10}, Reply("x", tokens_in=5, tokens_out=6), False),
        ({"tokens": 10}, "x", None),
        ({"cost": 1}, Reply("x", tokens_in=5), None),
        ({"similar": 0.3}, "We open at nine.", None),
        ({"refused": True}, "No.", None),
        ({"python": "polite.py"}, "x", None),
    ],
)
def test_an_assert_holds_or_not_or_cannot_be_judged(
    wanted: dict[str, Any], reply: Reply | str, holds: bool | None
) -> None:
    found = checked(wanted, reply)
    assert found.holds is holds
    assert bool(found.why) is (holds is not True)


def test_the_cost_is_known_from_a_price() -> None:
    reply = Reply("x", tokens_in=600, tokens_out=400)
    assert checked({"cost": 0.5}, reply, Means(price_per_1000_tokens=0.4)).holds
    assert not checked({"cost": 0.3}, reply, Means(price_per_1000_tokens=0.4)).holds


def test_an_answer_is_grounded_in_its_sources() -> None:
    source = "The garden opens at 9:00. A ticket is 12.50 EUR."
    assert checked({"grounded": True}, "It opens at 9 am [1].", None, source).holds
    made_up = checked({"grounded": True}, "It opens at 8 am and costs 3 EUR.", None, source)
    assert made_up.why == "grounded: the number 8 am, the number 3 stands in no source it may rest on"
    assert checked({"cites": True}, "It opens at 9:00 [1].", None, source).holds
    assert checked({"cites": 2}, "It opens at 9:00 [1].", None, source).why == "cites 2: it cites 1 times"
    assert not checked({"cites": 1}, "It opens at 8:00 [1].", None, source).holds


def test_similarity_is_what_it_is_given() -> None:
    asked: list[Assert] = []

    def similar(one: Assert, text: str) -> float:
        asked.append(one)
        return 0.6

    assert checked({"similar": 0.5}, "x", Means(similar=similar)).score == 0.6
    assert asked[0].value == "We open at nine."
    assert not checked({"similar": 0.7}, "x", Means(similar=similar)).holds


def test_an_empty_answer_never_passes() -> None:
    row = Row(
        id="1",
        conversation=said("?"),
        asserts=(Assert(kind="not_contains", value="noon"), Assert(kind="grounded", value="yes")),
        place=Place(file="s.yaml"),
    )
    ((first, *others),) = judged([(row, Reply(" \n"))])
    assert (first.holds, first.why) == (False, "the answer is empty")
    assert all(one.holds for one in others)


CODE = """
import os, time
print("this is no answer")
def check(answer, row): return "" if row["reference"] == "r" and answer == "good" else "it is not good"
def score(answer, row): return 0.75
def raises(answer, row): raise ValueError("\\x1b[31mno")
def ends(answer, row): os._exit(3)
def hangs(answer, row): time.sleep(60)
def odd(answer, row): return [1]
def secret(answer, row): return str(sorted(os.environ))
"""


@pytest.mark.parametrize(
    ("value", "holds", "why"),
    [
        ("mine.py", True, ""),
        ({"file": "mine.py:score", "at_least": 0.7}, True, ""),
        ({"file": "mine.py:score", "at_least": 0.8}, False, "0.75, and 0.8 is wanted"),
        ("mine.py:raises", None, "ValueError: \\x1b[31mno"),
        ("mine.py:ends", None, "or it ended"),
        ("mine.py:odd", None, "neither yes or no"),
        ("mine.py:gone", None, "has no attribute"),
        ("gone.py", None, "there is no gone.py"),
        ("broken.py", None, "SyntaxError"),
        ("linked.py", None, "there is no linked.py"),
    ],
)
def test_code_says_what_it_thinks(tmp_path: Path, value: Any, holds: bool | None, why: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "mine.py").write_text(CODE)
    (folder / "broken.py").write_text("def check(:")
    (tmp_path / "outside.py").write_text(CODE)
    (folder / "linked.py").symlink_to(tmp_path / "outside.py")
    ((one,), row) = (tuple(asserts_of({"asserts": [{"python": value}]}, "")), said("When?"))
    asked = Row(id="1", conversation=row, asserts=(one,), place=Place(file="s.yaml"), reference="r")
    ((found,),) = judged([(asked, Reply("good"))], Means(code=folder))
    assert found.holds is holds
    assert why in found.why


def test_code_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFECASE_SIGNING_KEY", "sesame")
    (tmp_path / "mine.py").write_text(CODE)
    found = checked({"python": "mine.py:secret"}, "x", Means(code=tmp_path))
    assert found.holds is False
    assert "SAFECASE" not in found.why


def test_a_program_that_hangs_or_ends_takes_only_its_own_question() -> None:
    program = """
import os, sys, time
for line in sys.stdin:
    if "hang" in line: time.sleep(60)
    if "end" in line: os._exit(1)
    if "child" in line:
        if os.fork() == 0: time.sleep(60)
    print(line.strip().upper(), flush=True)
"""
    began = time.monotonic()
    found = answered(program, (), [b"a", b"hang", b"b", b"end", b"child", b"c"], seconds=0.5)
    assert found == [b"A\n", None, b"B\n", None, b"CHILD\n", b"C\n"]
    assert time.monotonic() - began < 10


def test_a_program_that_says_too_much_is_cut_off() -> None:
    assert answered("print('x' * 1000000)", (), [b"a"], seconds=5) == [None]
    assert answered("while True: print('y')", (), [b"a", b"b"], seconds=5) == [b"y\n", b"y\n"]
    assert answered("", (), [], seconds=5) == []
