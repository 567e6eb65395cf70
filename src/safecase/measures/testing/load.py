"""A load on the running service: requests at a fixed rate, whether the earlier ones are answered or not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from safecase.readers.conversations import said
from safecase.targets.target import Ask, AsyncTarget, Fault, Unanswered

QUESTIONS: Final = (
    "When are you open?",
    "What can you help me with?",
    "How do I reach you?",
    "Please say in one sentence what you do.",
)
LONGEST_REPLY: Final = 24
"""Tokens."""


class Answered(NamedTuple):
    """One request: how long it took, and why nothing came where nothing did."""

    seconds: float
    fault: Fault | None = None
    later: bool = False
    """It was told to come later: 429 or 503."""


async def borne(
    target: AsyncTarget, per_second: float, seconds: float, clock: Callable[[], float] = time.monotonic
) -> list[Answered]:
    """Ask at a fixed rate for so many seconds, then wait for what is still on its way.

    A request begins when it is due, not when the one before it is answered: a service that stalls is asked on, as by
    people who do not know of each other.
    """
    began = clock()
    running: list[asyncio.Task[Answered]] = []
    for number in range(max(1, round(per_second * seconds))):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - clock()))
        running.append(asyncio.create_task(_asked(target, number, due, clock)))
    return list(await asyncio.gather(*running))


async def at_once(target: AsyncTarget, number: int, clock: Callable[[], float] = time.monotonic) -> list[Answered]:
    """Ask so many times in the same moment."""
    now = clock()
    return list(await asyncio.gather(*(_asked(target, one, now, clock) for one in range(number))))


async def _asked(target: AsyncTarget, number: int, due: float, clock: Callable[[], float]) -> Answered:
    question = Ask(conversation=said(QUESTIONS[number % len(QUESTIONS)]), max_tokens=LONGEST_REPLY)
    try:
        await target.ask(question)
    except Unanswered as why:
        later = why.fault == "rate_limited" or why.message.startswith("HTTP 503")
        return Answered(clock() - due, why.fault, later)
    return Answered(clock() - due)


def percentile(values: Sequence[float], share: float) -> float:
    """Give the least value that a share of them do not surpass (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(len(ordered) * share, 9)) - 1)]
