"""The loop that asks: as fast as the target bears, within the budget, each attempt exactly once, also over kills."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.errors import UsageError
from safecase.measures.testing.engine.budget import Limits
from safecase.measures.testing.engine.journal import Journal, Line
from safecase.measures.testing.engine.pace import BREAKS_AFTER, Pace
from safecase.measures.testing.engine.running import Attempt, Ended, run
from safecase.readers.conversations import Next, said
from safecase.targets.target import Ask, Reply, Unanswered


class Numbers:
    """Gives so many attempts, and remembers what came of them."""

    def __init__(self, most: int, then: tuple[Next, ...] = ()) -> None:
        self.most, self.drawn, self.then = most, 0, then
        self.counted: list[tuple[int, Line]] = []

    def draw(self) -> Attempt | None:
        if self.drawn == self.most:
            return None
        self.drawn += 1
        asked = Ask(conversation=said(f"number {self.drawn}"), max_tokens=10)
        return Attempt(family="w", variant="v", number=self.drawn, asked=asked, then=self.then)

    def judge(self, attempt: Attempt, replies: tuple[Reply, ...]) -> Line:
        return Line(replies=replies, shown="odd" if attempt.number % 2 else "")

    def count(self, attempt: Attempt, line: Line) -> None:
        self.counted.append((attempt.number, line))


class Echo:
    """Answers after a moment; fails as the test wants."""

    def __init__(self, *, fails: dict[int, int] | None = None, takes_s: float = 0.0) -> None:
        self.fails, self.takes_s = dict(fails or {}), takes_s
        self.asked: Counter[str] = Counter()
        self.flying = self.most_flying = 0

    async def ask(self, asked: Ask) -> Reply:
        text = asked.conversation[-1].text
        self.asked[text] += 1
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.flying -= 1
        number = int(text.split()[1])
        if self.fails.get(number, 0) > 0:
            self.fails[number] -= 1
            raise Unanswered("rate_limited" if number % 2 else "http_5xx", "not now")
        return Reply(text=text, tokens_in=5, tokens_out=5)

    async def close(self) -> None:
        pass


def ran(source: Numbers, target: Echo, journal: Journal | None = None, **more: object) -> Ended:
    asked = {"limits": Limits(), "at_once": 16} | more
    return asyncio.run(run(source, target, journal or Journal(None, "r"), name="r", **asked))  # type: ignore[arg-type]


def test_everything_is_asked_and_counted_once() -> None:
    source, target = Numbers(500), Echo()
    ended = ran(source, target)
    assert sorted(number for number, _ in source.counted) == list(range(1, 501))
    assert set(target.asked.values()) == {1}
    assert (ended.stopped, ended.calls, ended.tokens) == ("", 500, 5000)
    assert sum(bool(line.shown) for _, line in source.counted) == 250


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(1, 60), st.integers(1, 4), max_size=8), st.integers(1, 20))
def test_whatever_fails_for_a_while_is_asked_again_and_counted_once(fails: dict[int, int], at_once: int) -> None:
    source, target = Numbers(60), Echo(fails=fails)
    slept: list[float] = []
    clock = iter(range(10**9))
    real = asyncio.sleep

    async def quick(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safecase.measures.testing.engine.running.asyncio.sleep", quick)
        ran(source, target, at_once=at_once, clock=lambda: next(clock) / 1e6)
    assert sorted(number for number, _ in source.counted) == list(range(1, 61))
    assert all(line.replies for _, line in source.counted)
    assert target.most_flying <= at_once


def test_what_cannot_work_is_not_asked_again() -> None:
    class Refusing(Echo):
        async def ask(self, asked: Ask) -> Reply:
            self.asked[asked.conversation[-1].text] += 1
            if asked.conversation[-1].text == "number 3":
                raise Unanswered("http_4xx", "HTTP 422")
            return Reply(text="fine")

    source, target = Numbers(10), Refusing()
    ran(source, target)
    assert target.asked["number 3"] == 1
    assert dict(source.counted)[3].message == "HTTP 422"


def test_a_target_that_is_down_is_left_alone() -> None:
    class Down(Echo):
        async def ask(self, asked: Ask) -> Reply:
            self.asked["all"] += 1
            raise Unanswered("http_4xx", "HTTP 401")

    source, target = Numbers(1000), Down()
    ended = ran(source, target, at_once=4)
    assert ended.stopped == "nothing but failures came"
    assert target.asked["all"] <= BREAKS_AFTER + 4


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(calls=20), "the calls are used up"),
        (Limits(tokens=300), "the tokens are used up"),
        (Limits(money=0.3, price_per_1000_tokens=1.0), "the money is used up"),
        (Limits(calls=0), "the calls are used up"),
        (Limits(seconds=0), "the time is used up"),
    ],
)
def test_a_budget_is_never_exceeded(limits: Limits, why: str) -> None:
    source, target = Numbers(1000), Echo(takes_s=0.002)
    ended = ran(source, target, limits=limits)
    assert ended.stopped == why
    assert ended.calls <= (limits.calls if limits.calls is not None else 1000)
    assert ended.tokens <= (limits.tokens if limits.tokens is not None else 10_000)
    assert ended.money <= (limits.money if limits.money is not None else 10)
    assert len(source.counted) == sum(target.asked.values())


def test_conversations_of_several_turns_keep_to_the_budget_too() -> None:
    source, target = Numbers(1000, then=(Next(text="number 0"),) * 2), Echo(takes_s=0.002)
    ended = ran(source, target, limits=Limits(calls=50), at_once=16)
    assert (ended.calls, target.asked.total(), len(source.counted)) == (48, 48, 16)


def test_a_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    first = Journal(path, "r")
    ran(Numbers(30), Echo(), first)
    first.close()
    source, target = Numbers(50), Echo()
    again = Journal(path, "r")
    ended = ran(source, target, again)
    again.close()
    assert sorted(target.asked) == sorted(f"number {n}" for n in range(31, 51))
    assert (len(source.counted), ended.known, ended.calls) == (50, 30, 50)


def test_what_was_asked_before_a_kill_counts_for_the_budget(tmp_path: Path) -> None:
    for calls in (30, 50):
        target = Echo()
        journal = Journal(tmp_path / "run.journal", "r")
        ended = ran(Numbers(100), target, journal, limits=Limits(calls=calls))
        journal.close()
        assert ended.calls == calls
    assert target.asked.total() == 20


def test_a_journal_of_another_run_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    Journal(path, "one").close()
    with pytest.raises(UsageError, match="another run"):
        Journal(path, "two")
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(UsageError, match="no journal"):
        Journal(path, "one")


def test_the_pace_doubles_then_halves_once_for_each_overload() -> None:
    now = [0.0]
    pace = Pace(64, rng=random.Random(1), clock=lambda: now[0])
    assert pace.at_once == 32
    for _ in range(32):
        pace.worked()
    assert pace.at_once == 64
    now[0] = 10.0
    for _ in range(20):
        pace.too_much(3.0)
    assert (pace.at_once, pace.not_before) == (32, 13.0)
    for _ in range(32):
        pace.worked()
    assert pace.at_once in (32, 33)
    assert all(5 <= pace.backoff(tries, 5.0) <= 35 for tries in range(10))


CHILD = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from safecase.measures.testing.engine.budget import Limits
    from safecase.measures.testing.engine.journal import Journal
    from safecase.measures.testing.engine.running import run
    from tests.measures.test_attack_engine import Echo, Numbers

    class Noted(Echo):
        async def ask(self, asked):
            with open(sys.argv[2], "a") as sent:
                sent.write(asked.conversation[-1].text + "\\n")
            return await super().ask(asked)

    source = Numbers(3000)
    journal = Journal(Path(sys.argv[1]), "r")
    asyncio.run(run(source, Noted(takes_s=0.02), journal, name="r", limits=Limits(), at_once=64))
    assert sorted(number for number, _ in source.counted) == list(range(1, 3001))
    print("whole")
""")


def test_three_kills_lose_nothing_and_repeat_what_was_in_flight_only(tmp_path: Path) -> None:
    journal, sent = tmp_path / "run.journal", tmp_path / "sent"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CHILD, str(journal), str(sent), str(root)]
    for number in range(3):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root)
        until = time.monotonic() + 60
        while time.monotonic() < until and (
            not sent.exists() or len(sent.read_bytes().splitlines()) < 400 * (number + 1)
        ):
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=root)
    assert done.stdout.strip() == "whole", done.stderr
    told = Counter(sent.read_text().splitlines())
    assert len(told) == 3000
    assert sum(told.values()) - 3000 <= 3 * 64
