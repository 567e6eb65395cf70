"""A test set asked of a target by the engine: every row as often as is wanted, then judged all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from safecase.detectors import refusals, similarity
from safecase.measures.testing.engine.budget import CHARACTERS_A_TOKEN, Limits
from safecase.measures.testing.engine.journal import Journal, Line
from safecase.measures.testing.engine.running import Attempt, Ended, run
from safecase.measures.testing.suites.results import (
    Answer,
    Result,
    answer_of,
    row_result,
    share_of,
    slices_of,
    verdict_of,
)
from safecase.readers.conversations import Called, Tool
from safecase.readers.suite_asserts import Assert
from safecase.readers.suites import Row, Suite
from safecase.targets.asserts import Means, judged
from safecase.targets.target import Ask, AsyncTarget, Reply
from safecase.targets.transcript import Masks
from safecase.vocabulary import Noun

MOST_OF_A_REPLY: Final = 100_000
THRESHOLD: Final = 0.9
GUESSED_SECONDS: Final = 2.0
"""Of one call, where nothing is known of the target."""


class Plan(Noun, frozen=True):
    """How a test set is asked, what it may cost, and what is wanted of it."""

    threshold: float = THRESHOLD
    slice_threshold: float | None = None
    repeats: int = 1
    limits: Limits = Limits()
    at_once: int = 8
    max_tokens: int = 512
    temperature: float | None = 0.0
    seed: int = 1
    tools: tuple[Tool, ...] = ()


class Estimated(Noun, frozen=True):
    """What asking would cost at the most."""

    rows: int
    calls: int
    tokens: int
    money: float
    seconds: float
    """Guessed: two seconds a call."""


def estimate(suite: Suite, plan: Plan) -> Estimated:
    """Say what asking a test set would cost at the most, before a single call."""
    calls = len(suite.rows) * plan.repeats
    characters = sum(len(message.text) for row in suite.rows for message in row.conversation)
    tokens = plan.repeats * (characters // CHARACTERS_A_TOKEN + len(suite.rows) * (1 + plan.max_tokens))
    return Estimated(
        rows=len(suite.rows),
        calls=calls,
        tokens=tokens,
        money=tokens / 1000 * plan.limits.price_per_1000_tokens,
        seconds=calls * GUESSED_SECONDS / min(plan.at_once, max(1, calls)),
    )


class _Asking:
    """Rows, as the engine draws them; keeps what came."""

    def __init__(self, suite: Suite, plan: Plan, masks: Sequence[tuple[str, str]]) -> None:
        self._masked = Masks(masks)
        self._waiting = self._attempts(suite, plan)
        self.lines: dict[tuple[str, int], Line] = {}
        """By row and repeat."""

    @staticmethod
    def _attempts(suite: Suite, plan: Plan) -> Iterator[Attempt]:
        for number in range(1, plan.repeats + 1):
            for row in suite.rows:
                asked = Ask(
                    conversation=row.conversation,
                    tools=plan.tools,
                    max_tokens=plan.max_tokens,
                    seed=plan.seed + number - 1,
                    temperature=plan.temperature,
                    session=f"{row.id}-{number}",
                )
                yield Attempt(family=row.id, variant="", number=number, asked=asked)

    def draw(self) -> Attempt | None:
        return next(self._waiting, None)

    def judge(self, _: Attempt, replies: tuple[Reply, ...]) -> Line:
        """Keep the replies without secrets; what they are worth is said once all are there."""
        return Line(replies=tuple(self._kept(reply) for reply in replies))

    def _kept(self, reply: Reply) -> Reply:
        calls = tuple(Called(tool=one.tool, arguments=self._masked(one.arguments)) for one in reply.calls)
        return msgspec.structs.replace(reply, text=self._masked(reply.text[:MOST_OF_A_REPLY]), calls=calls)

    def count(self, attempt: Attempt, line: Line) -> None:
        self.lines[attempt.family, attempt.number] = line


async def evaluate(
    suite: Suite,
    target: AsyncTarget,
    plan: Plan,
    *,
    name: str,
    target_name: str,
    code: Path | None = None,
    masks: Sequence[tuple[str, str]] = (),
    journal: Path | None = None,
    tell: Callable[[int, int], None] = lambda _counted, _in_flight: None,
) -> Result:
    """Ask a target the whole test set, and judge the answers.

    `name` and `target_name` tell which they are; `code` is the folder whose code may be run. A `journal` has what was
    answered: rows that have changed are asked, asserts that have changed are only judged anew.
    """
    asking = _Asking(suite, plan, masks)
    run_name = hashlib.blake2b(target_name.encode(), digest_size=16).hexdigest()
    lines = Journal(journal, run_name)
    try:
        ended = await run(
            asking, target, lines, name=run_name, limits=plan.limits, at_once=plan.at_once, seed=plan.seed, tell=tell
        )
    finally:
        lines.close()
    means = means_of(code, plan.limits.price_per_1000_tokens)
    return _result(suite, plan, asking.lines, ended, means, name, target_name)


def means_of(code: Path | None = None, price: float = 0.0) -> Means:
    """Give all that asserts may need."""
    return Means(similar=_similar, refused=_refused, code=code, price_per_1000_tokens=price)


def _similar(one: Assert, text: str) -> float:
    if one.by == "ngrams":
        return similarity.ngrams(str(one.value), text)
    if not similarity.available():
        raise LookupError("similarity of sense wants the extra guard-ml; `by: ngrams` compares letters only")
    return similarity.encoder()(str(one.value), text)


def _refused(reply: Reply) -> bool:
    return refusals.read(reply.text, by_filter=reply.refused_by_filter) in ("refused", "declined", "filtered")


def _result(
    suite: Suite,
    plan: Plan,
    lines: dict[tuple[str, int], Line],
    ended: Ended,
    means: Means,
    name: str,
    target_name: str,
) -> Result:
    silent = Line(message=ended.stopped or "it was not asked")
    drawn = [(row, lines.get((row.id, n), silent)) for row in suite.rows for n in range(1, plan.repeats + 1)]
    told = iter(judged([(row, line.replies[-1]) for row, line in drawn if line.replies], means))
    answers: dict[str, list[Answer]] = {row.id: [] for row in suite.rows}
    for row, line in drawn:
        if line.replies:
            answers[row.id].append(answer_of(line.replies[-1], next(told)))
        else:
            answers[row.id].append(Answer(verdict="error", error=line.message))
    rows = tuple(row_result(row, answers[row.id]) for row in suite.rows)
    share, slices = share_of(rows), slices_of(rows, plan.slice_threshold)
    verdict, reason = verdict_of(rows, share, slices, plan.threshold, plan.slice_threshold)
    return Result(
        suite=name,
        target=target_name,
        verdict=verdict,
        reason=reason,
        share=share.rate,
        low=share.interval.low,
        high=share.interval.high,
        n=share.n,
        rows=rows,
        threshold=plan.threshold,
        slice_threshold=plan.slice_threshold,
        slices=slices,
        calls=ended.calls,
        tokens=ended.tokens,
        money=ended.money,
        seconds=round(ended.seconds, 3),
        stopped=ended.stopped,
    )


def plan_of(suite: Suite, plan: Plan, *, threshold: float | None, repeats: int | None) -> Plan:
    """Complete a plan: what was said now holds before what the file says."""
    first_threshold = next((one for one in (threshold, suite.threshold) if one is not None), plan.threshold)
    return msgspec.structs.replace(
        plan,
        threshold=first_threshold,
        slice_threshold=suite.slice_threshold if plan.slice_threshold is None else plan.slice_threshold,
        repeats=repeats or suite.repeats or plan.repeats,
    )


def lacking(rows: Sequence[Row], plan: Plan, *, code: bool) -> tuple[str, str]:
    """Say what some answers could not be judged without, and what gives it; empty where all is there."""
    asserts = [one for row in rows for one in row.asserts]
    if not code and any(one.kind == "python" for one in asserts):
        return "Python code of its own", "read it, and add --allow-code"
    if not plan.limits.price_per_1000_tokens and any(one.kind == "cost" for one in asserts):
        return "what they cost", "add --price, of 1,000 tokens"
    if not similarity.available() and any(one.kind == "similar" and one.by == "encoder" for one in asserts):
        return "similarity of sense", "pip install 'safecase[guard-ml]', or compare letters: `similar: {by: ngrams}`"
    return "", ""
