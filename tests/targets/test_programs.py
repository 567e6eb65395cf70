"""Functions and programs as targets: each in processes of its own, whatever it does there."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from safecase.errors import UsageError
from safecase.readers.conversations import said
from safecase.targets.described import open_described, read_target
from safecase.targets.programs import command_of
from safecase.targets.target import Ask, Reply, Unanswered
from tests.targets.asking import fault, replies, reply

BOT = """
import asyncio, os, sys, time

def answer(prompt):
    print("a word to the person at the screen")
    if prompt == "crash":
        os._exit(7)
    if prompt == "say why":
        sys.exit("the weights are missing")
    if prompt == "hang":
        time.sleep(60)
    if prompt == "raise":
        raise ValueError("no such plant")
    if prompt == "number":
        return 3
    if prompt == "flood":
        os.write(2, b"x" * 300_000)
        return "y" * 3_000_000
    return f"heard {prompt}"

async def later(text, temperature=0.5):
    await asyncio.sleep(0)
    calls = [{"name": "mail", "arguments": {"to": "bob"}}]
    return {"text": f"{text} at {temperature}", "tokens_out": 4, "calls": calls}

def whole(**question):
    return f"{question['identity']} {question['session']} {question['messages'][0]['content']}"

class Bot:
    turns = 0
    def answer(self, prompt):
        self.turns += 1
        return f"turn {self.turns}"
bot = Bot()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bot.py").write_text(BOT)
    return tmp_path


def test_a_function_answers_by_its_module_or_its_file(folder: Path) -> None:
    assert reply({"python": "bot:answer"}, "Hi", folder).text == "heard Hi"
    assert reply({"python": "bot.py:answer"}, "Hi", folder).text == "heard Hi"


def test_an_asynchronous_function_may_tell_more(folder: Path) -> None:
    came = reply({"python": "bot.py:later"}, "Hi", folder)
    assert (came.text, came.tokens_out) == ("Hi at 0.5", 4)
    assert (came.calls[0].tool, came.calls[0].arguments) == ("mail", '{"to":"bob"}')


def test_a_function_may_take_all_that_is_known(folder: Path) -> None:
    file = {"python": "bot.py:whole", "identities": ["ada", "bob"]}
    first = Ask(conversation=said("Hi"), session="s1")
    second = Ask(conversation=said("Ho"), session="s1", identity="bob")
    assert [one.text for one in replies(file, [first, second], folder) if isinstance(one, Reply)] == [
        "ada s1 Hi",
        "bob s1 Ho",
    ]


def test_a_session_stays_with_the_process_that_remembers_it(folder: Path) -> None:
    asks = [Ask(conversation=said("x"), session="one") for _ in range(3)]
    came = replies({"python": "bot.py:bot.answer", "processes": 3}, asks, folder)
    assert [one.text for one in came if isinstance(one, Reply)] == ["turn 1", "turn 2", "turn 3"]


@pytest.mark.parametrize(
    ("said_", "kind", "message"),
    [
        ("crash", "connection", "ended with 7"),
        ("say why", "connection", "the weights are missing"),
        ("raise", "bad_response", "ValueError: no such plant"),
        ("number", "bad_response", "returned int"),
        ("flood", "bad_response", "more than 2 MB"),
    ],
)
def test_what_goes_wrong_is_one_answer_less(said_: str, kind: str, message: str, folder: Path) -> None:
    bad, good = replies({"python": "bot.py:answer", "processes": 1}, [said_, "Hi"], folder)
    assert isinstance(bad, Unanswered)
    assert bad.fault == kind
    assert message in bad.message
    assert isinstance(good, Reply)
    assert good.text == "heard Hi"


def test_a_hanging_function_is_ended_and_the_others_answer_meanwhile(folder: Path) -> None:
    (folder / "t.yaml").write_text("python: bot.py:answer\nprocesses: 4\ntimeout_s: 1.5\n")

    async def whole() -> list[Reply | BaseException]:
        target = open_described(read_target(folder / "t.yaml"), folder, owned=(), at_once=4)
        try:
            asks = [target.ask(Ask(conversation=said(text))) for text in ("hang", "a", "b", "c")]
            return await asyncio.gather(*asks, return_exceptions=True)
        finally:
            await target.close()

    started = time.monotonic()
    bad, *good = asyncio.run(whole())
    assert time.monotonic() - started < 10
    assert isinstance(bad, Unanswered)
    assert bad.fault == "timeout"
    assert [one.text for one in good if isinstance(one, Reply)] == ["heard a", "heard b", "heard c"]


def test_a_function_that_is_not_there_is_told(folder: Path) -> None:
    assert "has no attribute 'nothing'" in fault({"python": "bot.py:nothing"}, "x", folder).message
    assert "No module named 'bolt'" in fault({"python": "bolt:answer"}, "x", folder).message
    with pytest.raises(UsageError, match="names no function"):
        command_of("bot.py:")


def program(folder: Path, code: str) -> dict[str, object]:
    (folder / "program.py").write_text(
        f"import sys, json\nfor line in sys.stdin:\n    {code}\n    sys.stdout.flush()\n"
    )
    return {"command": [sys.executable, "program.py"]}


def test_any_program_answers_in_lines_of_json(folder: Path) -> None:
    file = program(folder, "print(json.dumps({'text': json.loads(line)['prompt'].upper(), 'refused': True}))")
    came = reply(file, "Hi", folder)
    assert (came.text, came.refused_by_filter) == ("HI", True)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("print('hello')", "bad_response", "no JSON"),
        ("print('[' * 100000)", "bad_response", "no JSON"),
        ("print('[1]')", "bad_response", "no text"),
        ("print(json.dumps({'text': None}))", "bad_response", "no text"),
        ("print(json.dumps({'error': 'too busy', 'again_s': 3}))", "rate_limited", "too busy"),
        ("sys.stdout.write('{'); sys.exit(0)", "connection", "ended with 0"),
    ],
)
def test_a_line_that_is_no_answer_says_why(code: str, kind: str, message: str, folder: Path) -> None:
    found = fault(program(folder, code), "x", folder)
    assert found.fault == kind
    assert message in found.message


def test_a_program_that_cannot_be_run_is_told(folder: Path) -> None:
    assert "cannot be run" in fault({"command": ["./nothing"]}, "x", folder).message
