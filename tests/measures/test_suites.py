"""Business test sets asked by the engine, and compared."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safecase.errors import UsageError
from safecase.export.evaluations import as_json
from safecase.measures.testing.engine.budget import Limits
from safecase.measures.testing.suites.asking import Plan, estimate, evaluate, plan_of
from safecase.measures.testing.suites.comparing import compare
from safecase.measures.testing.suites.results import Answer, Result, RowResult, read_result, share_of
from safecase.readers.suites import Suite, read_suite
from safecase.targets.target import Ask, Reply, Unanswered
from safecase.vocabulary import Place


class Scripted:
    """Answers by a function; counts how often it is asked."""

    def __init__(self, answers: Callable[[Ask], Reply]) -> None:
        self._answers = answers
        self.asked: list[Ask] = []

    async def ask(self, asked: Ask) -> Reply:
        self.asked.append(asked)
        await asyncio.sleep(0)
        return self._answers(asked)

    async def close(self) -> None:
        pass


def suite_of(*rows: dict[str, Any]) -> Suite:
    return read_suite("\n".join(json.dumps({"input": "When?"} | row) for row in rows).encode(), "set.jsonl")


def many(n: int, **more: Any) -> Suite:
    return suite_of(*({"id": f"r{i}", "input": f"When on day {i}?", "expected": "nine"} | more for i in range(n)))


def asked(suite: Suite, answers: Callable[[Ask], Reply], **plan: Any) -> Result:
    return asyncio.run(
        evaluate(suite, Scripted(answers), Plan(**({"threshold": 0.8} | plan)), name="set", target_name="bot")
    )


def nine(_: Ask) -> Reply:
    return Reply("At nine.", tokens_in=3, tokens_out=2, seconds=0.1)


def test_a_set_passes_fails_or_is_too_small_by_the_bound() -> None:
    assert asked(many(40), nine).verdict == "pass"
    assert asked(many(40), lambda _: Reply("At ten.")).verdict == "fail"
    few = asked(many(5), nine)
    assert (few.verdict, few.share, few.low < 0.8) == ("too_few", 1.0, True)
    assert "about" in few.reason


def test_repeats_make_no_rows_and_show_what_is_unsteady() -> None:
    def unsteady(one: Ask) -> Reply:
        return Reply("At nine." if one.seed == 1 else "At ten.")

    found = asked(many(20), unsteady, repeats=4)
    assert (found.n, found.share) == (20, 0.25)
    assert {row.verdict for row in found.rows} == {"flaky"}
    assert found.calls == 80


def test_rows_that_ask_the_same_count_once() -> None:
    rows = [{"id": str(i), "input": "When?", "expected": "nine"} for i in range(100)]
    assert asked(suite_of(*rows), nine).n == 1


def test_slices_have_intervals_of_their_own_and_the_worst_is_told() -> None:
    rows = [
        {"id": str(i), "input": f"{i}?", "expected": "nine", "slice": {"topic": "a" if i % 2 else "b"}, "tags": ["x"]}
        for i in range(80)
    ]

    def half(one: Ask) -> Reply:
        return Reply("At nine." if int(one.conversation[-1].text[:-1]) % 2 else "At ten.")

    found = asked(suite_of(*rows), half, threshold=0.3, slice_threshold=0.8)
    assert [(one.name, one.n, one.share, one.verdict) for one in found.slices] == [
        ("topic=a", 40, 1.0, "pass"),
        ("topic=b", 40, 0.0, "fail"),
        ("x", 80, 0.5, "fail"),
    ]
    assert found.worst is not None
    assert found.worst.name == "topic=b"
    assert found.verdict == "fail"
    assert "topic=b" in found.reason


def test_what_cannot_be_judged_is_an_error_and_no_pass() -> None:
    found = asked(many(20, asserts=[{"cost": 1}]), nine)
    assert found.verdict == "too_few"
    assert {row.verdict for row in found.rows} == {"error"}
    assert "--price" in found.reason
    assert asked(many(20, asserts=[{"cost": 1}]), nine, limits=Limits(price_per_1000_tokens=1.0)).verdict == "pass"


def test_a_service_that_is_down_gives_an_error_for_each_row() -> None:
    def down(_: Ask) -> Reply:
        raise Unanswered("http_4xx", "HTTP 404")

    found = asked(many(60), down)
    assert found.verdict == "too_few"
    assert all(row.answers[0].error for row in found.rows)
    assert "HTTP 404" in found.reason


def test_some_errors_leave_the_denominator_and_are_listed() -> None:
    def now_and_then(one: Ask) -> Reply:
        if one.conversation[-1].text.endswith("day 7?"):
            raise Unanswered("bad_response", "the answer is no JSON")
        return nine(one)

    found = asked(many(40), now_and_then)
    assert (found.verdict, found.n, [row.id for row in found.unjudged]) == ("pass", 39, ["r7"])


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(calls=0), "calls"),
        (Limits(tokens=0), "tokens"),
        (Limits(calls=10), "calls"),
        (Limits(seconds=0), "time"),
    ],
)
def test_a_budget_ends_it_and_says_so(limits: Limits, why: str) -> None:
    found = asked(many(40), nine, limits=limits)
    assert found.verdict == "too_few"
    assert found.calls <= 10
    assert why in found.stopped
    assert why in found.reason


def test_a_journal_asks_only_what_is_new(tmp_path: Path) -> None:
    def run(suite: Suite) -> tuple[Result, int]:
        target = Scripted(nine)
        plan = Plan(threshold=0.8)
        told = evaluate(suite, target, plan, name="set", target_name="bot", journal=tmp_path / "j")
        return asyncio.run(told), len(target.asked)

    first, calls = run(many(30))
    assert calls == 30
    again, calls = run(many(30))
    assert calls == 0
    assert again.rows == first.rows
    # Another assert: the answers that are there are judged anew.
    stricter, calls = run(many(40, expected="ten"))
    assert calls == 10
    assert stricter.verdict == "fail"


def test_secrets_do_not_get_into_a_result() -> None:
    found = asyncio.run(
        evaluate(
            many(1),
            Scripted(lambda _: Reply("At nine, WOODRUFF-5521.")),
            Plan(),
            name="set",
            target_name="bot",
            masks=[("WOODRUFF-5521", "<canary>")],
        )
    )
    assert found.rows[0].answers[0].text == "At nine, <canary>."


def test_the_estimate_is_known_before_a_call() -> None:
    found = estimate(many(10), Plan(repeats=3, max_tokens=100, limits=Limits(price_per_1000_tokens=1.0)))
    assert (found.rows, found.calls) == (10, 30)
    assert 3000 < found.tokens < 3500
    assert found.money == found.tokens / 1000


def test_what_is_said_now_holds_before_what_the_file_says() -> None:
    suite = msgspec.structs.replace(many(1), threshold=0.7, repeats=4, slice_threshold=0.5)
    assert plan_of(suite, Plan(), threshold=None, repeats=None).threshold == 0.7
    told = plan_of(suite, Plan(slice_threshold=0.6), threshold=0.0, repeats=2)
    assert (told.threshold, told.repeats, told.slice_threshold) == (0.0, 2, 0.6)


# comparing


def result(shares: dict[str, float], *, repeats: int = 1, digest: str = "", slices: tuple[str, ...] = ()) -> Result:
    rows = tuple(
        RowResult(
            id=name,
            place=Place(file="set.yaml", line=number),
            question=f"{name}?",
            answers=tuple(
                Answer(verdict="pass" if k < share * repeats else "fail", score=share, text="x") for k in range(repeats)
            ),
            digest=digest or name,
            prompt=name,
            slices=slices,
        )
        for number, (name, share) in enumerate(shares.items(), 1)
    )
    whole = share_of(rows)
    low, high = whole.interval
    return Result("set", "bot", "pass", "", whole.rate, low, high, whole.n, rows, 0.5)


def passing(n: int, wrong: int) -> Result:
    return result({f"r{i}": float(i >= wrong) for i in range(n)})


def test_a_loss_is_seen_and_a_like_version_is_not_worse() -> None:
    worse = compare(passing(400, 12), passing(400, 52))
    assert (worse.verdict, len(worse.worse), len(worse.better)) == ("worse", 40, 0)
    assert worse.p < 1e-6
    same = compare(passing(400, 11), passing(400, 15))
    assert same.verdict == "not_worse"
    assert compare(passing(400, 52), passing(400, 12)).verdict == "better"


def test_few_rows_do_not_rule_out_a_loss() -> None:
    found = compare(passing(20, 0), passing(20, 0))
    assert found.verdict == "too_few"
    assert found.detectable > 0.2
    assert compare(passing(20, 0), passing(20, 0), margin=0.3).verdict == "not_worse"


def test_a_slice_that_is_worse_is_found_though_the_whole_is_not() -> None:
    def with_slices(wrong_of_small: int, wrong_of_large: int) -> Result:
        small = result({f"s{i}": float(i >= wrong_of_small) for i in range(40)}, slices=("small",))
        large = result({f"l{i}": float(i >= wrong_of_large) for i in range(400)}, slices=("large",))
        return msgspec.structs.replace(small, rows=small.rows + large.rows)

    found = compare(with_slices(0, 12), with_slices(9, 0))
    assert found.verdict == "worse"
    assert {one.name: one.changed for one in found.slices} == {"small": "worse", "large": "better"}


def test_rows_that_changed_are_set_apart() -> None:
    old = passing(60, 0)
    new = result({f"r{i}": 1.0 for i in range(59)} | {"new": 1.0}, digest="")
    changed = msgspec.structs.replace(new.rows[0], digest="other")
    silent = msgspec.structs.replace(new.rows[1], answers=(Answer(verdict="error", error="HTTP 500"),))
    found = compare(old, msgspec.structs.replace(new, rows=(changed, silent, *new.rows[2:])))
    assert dict(found.set_apart) == {
        "r0": "it asks or wants something else now",
        "r1": "no answer of the new version could be judged",
        "new": "it is new",
        "r59": "it is gone",
    }
    assert found.rows == 57


def test_a_version_that_does_not_answer_is_not_compared() -> None:
    old = passing(60, 0)
    rows = tuple(msgspec.structs.replace(row, answers=(Answer(verdict="error", error="x"),)) for row in old.rows[:30])
    found = compare(old, msgspec.structs.replace(old, rows=rows + old.rows[30:]))
    assert found.verdict == "too_few"
    assert compare(old, result({"other": 1.0})).verdict == "too_few"


def test_versions_that_are_the_same_are_seldom_called_worse() -> None:
    rng = random.Random(3)
    rates = {f"r{i}": rng.choice([0.2, 0.9, 0.98]) for i in range(80)}

    def once() -> Result:
        shares = {name: sum(rng.random() < rate for _ in range(3)) / 3 for name, rate in rates.items()}
        return result(shares, repeats=3, slices=("a",))

    called = sum(compare(once(), once()).verdict == "worse" for _ in range(30))
    assert called <= 4


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    found = asked(many(12), nine)
    (tmp_path / "r.json").write_bytes(as_json(found))
    assert read_result(tmp_path / "r.json") == found


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"format": "other"}', b"null", b'{"rows": [1]}']
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(UsageError):
        read_result(tmp_path / "r.json")
    with pytest.raises(UsageError):
        read_result(tmp_path / "gone.json")


def test_a_result_with_a_row_twice_is_refused(tmp_path: Path) -> None:
    found = passing(3, 0)
    (tmp_path / "r.json").write_bytes(as_json(msgspec.structs.replace(found, rows=found.rows * 2)))
    with pytest.raises(UsageError, match="twice"):
        read_result(tmp_path / "r.json")
