"""Fixed questions, asked again: whether the model behind a name is still the one that answered before."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from safecase.engines.drift import Apart, agreement
from safecase.errors import CollectError, UsageError
from safecase.measures.testing.speaker import Speaker, UsedUpError
from safecase.readers.conversations import said
from safecase.readers.text import shown
from safecase.targets.target import Ask, Reply, Unanswered
from safecase.vocabulary import Noun

MOST_QUESTIONS: Final = 1_000
MOST_REPEATS: Final = 100
MOST_BYTES: Final = 50_000_000
TOKENS: Final = 200
_ROUNDS: Final = 1_999


class Row(Noun, frozen=True):
    """One question, and what was answered, time after time."""

    question: str
    answers: tuple[str, ...]
    models: tuple[str, ...]
    """As the answers declare them."""
    tokens_in: tuple[int, ...]
    """Of the question: another cutter of words, or another hidden prompt, counts other numbers."""


class Baseline(Noun, frozen=True):
    """What a model answered once."""

    rows: tuple[Row, ...]
    repeats: int
    version: Literal[1] = 1


class Again(Noun, frozen=True):
    """What asking again showed."""

    verdict: Literal["same", "changed", "unknown"]
    questions: int
    errors: int
    facts: tuple[str, ...] = ()
    """What changed, where that takes no test."""
    agree: int = 0
    """Questions of which an answer came again, letter for letter."""
    effect: float = 0.0
    p: float = 1.0
    reason: str = ""


def read_questions(path: Path) -> tuple[str, ...]:
    """Read questions, one a line; raises `UsageError` where there is none."""
    try:
        lines = path.read_bytes()[:MOST_BYTES].decode("utf-8", "replace").splitlines()
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found or len(found) > MOST_QUESTIONS:
        raise UsageError(
            f"{shown(str(path))} holds {len(found)} questions", mend=f"write 1 to {MOST_QUESTIONS}, one a line"
        )
    return found


def read_baseline(path: Path) -> Baseline:
    """Read what `record` wrote; raises `UsageError` where it is something else."""
    mend = "write it with `safecase testing drift --target TARGET --record QUESTIONS --baseline FILE`"
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(MOST_BYTES), type=Baseline)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend=mend) from why
    except (msgspec.DecodeError, RecursionError) as why:
        raise UsageError(f"{shown(str(path))} is no baseline: {shown(str(why), 120)}", mend=mend) from why
    if (
        not found.rows
        or not 1 <= found.repeats <= MOST_REPEATS
        or not all(
            1 <= len(row.answers) <= MOST_REPEATS and len(row.tokens_in) == len(row.answers) for row in found.rows
        )
    ):
        raise UsageError(f"{shown(str(path))} holds no answers", mend=mend)
    return found


async def record(speaker: Speaker, questions: Sequence[str], repeats: int, tell: Callable[[], None]) -> Baseline:
    """Ask each question so many times; raises CollectError where one of them gets no answer."""
    rows, errors = await _asked(speaker, questions, repeats, tell)
    if errors:
        raise CollectError(f"{len(errors)} answers did not come: {errors[0]}", mend="try again when the target answers")
    return Baseline(rows=rows, repeats=repeats)


async def again(
    speaker: Speaker, baseline: Baseline, tell: Callable[[], None], *, alpha: float = 0.05, seed: int = 1
) -> Again:
    """Ask the questions of a baseline again, and say whether the same model answers."""
    rows, errors = await _asked(speaker, [row.question for row in baseline.rows], baseline.repeats, tell)
    pairs = [(old, new) for old, new in zip(baseline.rows, rows, strict=True) if new.answers]
    if len(errors) > len(pairs) * baseline.repeats:
        return Again(verdict="unknown", questions=len(pairs), errors=len(errors), reason=errors[0])
    rng = random.Random(seed)  # noqa: S311  no secret
    apart = agreement([(old.answers, new.answers) for old, new in pairs], rng=rng, rounds=_ROUNDS)
    facts = tuple(_facts(pairs))
    return Again(
        verdict=_verdict(facts, apart, pairs, alpha),
        facts=facts,
        agree=sum(not {*map(_plain, old.answers)}.isdisjoint(map(_plain, new.answers)) for old, new in pairs),
        questions=len(pairs),
        effect=apart.effect,
        p=apart.p,
        errors=len(errors),
        reason="" if _settles(pairs, alpha) else "too few questions, or asked too seldom, to rule out chance",
    )


def _verdict(
    facts: Sequence[str], apart: Apart, pairs: Sequence[tuple[Row, Row]], alpha: float
) -> Literal["same", "changed", "unknown"]:
    if facts or apart.p < alpha:
        return "changed"
    return "same" if _settles(pairs, alpha) else "unknown"


def _settles(pairs: Sequence[tuple[Row, Row]], alpha: float) -> bool:
    """Say whether chance could be ruled out at all, were every answer another one."""
    ways = (math.comb(len(old.answers) + len(new.answers), len(old.answers)) for old, new in pairs)
    return math.prod(min(1.0, 2 / way) for way in ways) < alpha


def _facts(pairs: Sequence[tuple[Row, Row]]) -> list[str]:
    """Give what changed of what the service itself declares."""
    found: list[str] = []
    old, new = ({name for pair in pairs for name in pair[at].models} - {""} for at in (0, 1))
    if old and new and old != new:
        names = (shown(", ".join(sorted(which)), 100) for which in (old, new))
        found.append("the model calls itself {1}, and did {0}".format(*names))
    counted = [(one, other) for one, other in pairs if len({*one.tokens_in}) == len({*other.tokens_in}) == 1]
    other = sum(one.tokens_in[0] != two.tokens_in[0] for one, two in counted if one.tokens_in[0] and two.tokens_in[0])
    if other:
        found.append(
            f"{other} of {len(pairs)} questions take another number of tokens: another cutter, or hidden prompt"
        )
    return found


async def _asked(
    speaker: Speaker, questions: Sequence[str], repeats: int, tell: Callable[[], None]
) -> tuple[tuple[Row, ...], list[str]]:
    errors = list[str]()

    async def answered(question: str, session: str) -> Reply | None:
        asked = Ask(conversation=said(question), max_tokens=TOKENS, temperature=0.0, seed=1, session=session)
        try:
            return (await speaker.ask(asked)).replies[0]
        except (Unanswered, UsedUpError) as why:
            errors.append(str(why))
            return None
        finally:
            tell()

    async def row(number: int, question: str) -> Row:
        came = await asyncio.gather(*(answered(question, f"baseline-{number}-{again}") for again in range(repeats)))
        replies = [one for one in came if one is not None]
        return Row(
            question=question,
            answers=tuple(one.text for one in replies),
            models=tuple(sorted({one.model for one in replies})),
            tokens_in=tuple(one.tokens_in for one in replies),
        )

    return tuple(await asyncio.gather(*(row(number, question) for number, question in enumerate(questions)))), errors


def _plain(text: str) -> str:
    return " ".join(text.split())
