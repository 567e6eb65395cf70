"""Recorded transcripts, and answers that are kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from safecase.errors import UsageError
from safecase.readers.conversations import Message, said
from safecase.targets.cached import Cached, cache_file
from safecase.targets.recorded import RecordedTarget
from safecase.targets.target import Ask, Reply, Unanswered
from tests.targets.asking import fault, replies, reply


def recorded(folder: Path, *rows: object) -> dict[str, str]:
    (folder / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"transcript": "talk.jsonl"}


def test_what_was_answered_is_answered_again_in_turn(tmp_path: Path) -> None:
    file = recorded(tmp_path, {"prompt": "Hi", "reply": "one"}, {"prompt": "Hi", "reply": "two"}, {"left_out": 3})
    came = replies(file, ["Hi", "Hi", "Hi"], tmp_path)
    assert [one.text for one in came if isinstance(one, Reply)] == ["one", "two", "one"]


def test_a_conversation_of_several_turns_is_read_from_our_own_transcripts(tmp_path: Path) -> None:
    row = {
        "attempt": 1,
        "messages": [{"role": "user", "content": "a"}],
        "then": ["c"],
        "earlier": [{"reply": "b"}],
        "reply": "d",
        "refused_by_filter": True,
        "calls": [["mail", "{}"]],
    }
    file = recorded(tmp_path, row)
    turns = (Message(role="user", text="a"), Message(role="assistant", text="b"), Message(role="user", text="c"))
    first, second = replies(file, ["a", Ask(conversation=turns)], tmp_path)
    assert isinstance(first, Reply)
    assert first.text == "b"
    assert isinstance(second, Reply)
    assert (second.text, second.refused_by_filter, second.calls[0].tool) == ("d", True, "mail")


def test_users_have_answers_of_their_own(tmp_path: Path) -> None:
    file = recorded(tmp_path, {"prompt": "x", "reply": "all"}, {"prompt": "x", "identity": "bob", "reply": "bob's"})
    assert reply(file, "x", tmp_path).text == "all"
    assert reply(file, Ask(conversation=said("x"), identity="bob"), tmp_path).text == "bob's"
    assert reply(file, Ask(conversation=said("x"), identity="eve"), tmp_path).text == "all"


def test_what_was_not_said_then_has_no_answer(tmp_path: Path) -> None:
    file = recorded(tmp_path, {"prompt": "Hi", "reply": "one"}, {"prompt": "Ho", "error": "it was down"})
    assert "no such conversation" in fault(file, "Hello", tmp_path).message
    assert "it was down" in fault(file, "Ho", tmp_path).message


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"messages": 3, "reply": ""}', '{"prompt": "x"}', "[" * 100_000])
def test_what_is_no_transcript_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(UsageError, match=r"transcript|no replies"):
        RecordedTarget(tmp_path / "t.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        RecordedTarget(tmp_path / "nothing.jsonl")


class Counting:
    """A target that counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, asked: Ask) -> Reply:
        if asked.conversation[0].text == "down":
            raise Unanswered("connection", "down")
        self.asked += 1
        return Reply(text=f"answer {self.asked} " + "x" * 1000)

    async def close(self) -> None:
        pass


def numbers(file: Path, *asks: Ask, name: str = "one", most_bytes: int = 1_000_000) -> list[str]:
    async def whole() -> list[str]:
        target = Cached(Counting(), name, file=file, most_bytes=most_bytes)
        found = [(await target.ask(one)).text.split()[1] for one in asks]
        await target.close()
        return found

    return asyncio.run(whole())


def test_the_same_question_is_asked_once_also_by_the_next_run(tmp_path: Path) -> None:
    asked = Ask(conversation=said("x"), seed=1)
    file = tmp_path / "answers.sqlite"
    assert numbers(file, asked, asked) == ["1", "1"]
    assert numbers(file, asked) == ["1"]
    assert numbers(file, Ask(conversation=said("y")), asked) == ["1", "1"]
    assert numbers(file, asked, name="two") == ["1"]
    assert file.stat().st_mode & 0o077 == 0


def test_samples_of_a_question_stay_apart_unless_nothing_is_left_to_chance(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    samples = [Ask(conversation=said("x"), session=f"s{number}") for number in range(3)]
    assert numbers(file, *samples, *samples) == ["1", "2", "3", "1", "2", "3"]
    sure = [Ask(conversation=said("z"), session=f"s{number}", temperature=0.0) for number in range(3)]
    assert numbers(file, *sure) == ["1", "1", "1"]


def test_a_cache_stays_small_and_a_broken_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    many = [Ask(conversation=said(str(number))) for number in range(50)]
    numbers(file, *many, most_bytes=10_000)
    assert numbers(file, many[-1], name="one") == ["50"]
    assert numbers(file, many[0], name="one") == ["1"]
    file.write_bytes(b"no database at all" * 100)
    assert numbers(file, many[0], many[0]) == ["1", "2"]


def test_where_no_answer_came_none_is_kept(tmp_path: Path) -> None:
    with pytest.raises(Unanswered):
        numbers(tmp_path / "a.sqlite", Ask(conversation=said("down")))


def test_answers_lie_where_the_user_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "answers.sqlite"
