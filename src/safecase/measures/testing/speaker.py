"""One model of ours that is asked again and again: within a budget, tried again where that may help, journalled."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable
from typing import Final

import msgspec

from safecase.measures.testing.engine.budget import Budget, Limits, cost
from safecase.measures.testing.engine.journal import Journal, Line
from safecase.measures.testing.engine.pace import Pace
from safecase.measures.testing.engine.running import AGAIN
from safecase.targets.target import Ask, AsyncTarget, Reply, Unanswered

TRIES: Final = 3
LONGEST_S: Final = 86_400.0


class UsedUpError(Exception):
    """The budget ended; says what of it."""


class Speaker:
    """Asks a target, at the most so many at once; what a run before this one was answered is not asked again."""

    def __init__(
        self,
        target: AsyncTarget,
        limits: Limits,
        *,
        name: str,
        journal: Journal | None = None,
        at_once: int = 4,
        seed: int = 1,
    ) -> None:
        """`name` tells it from others in the journal."""
        self._target, self._name, self._journal = target, name, journal
        self.budget = Budget(limits, time.monotonic)
        self._pace = Pace(at_once, rng=random.Random(seed), clock=time.monotonic)  # noqa: S311  no secret
        self._room = asyncio.Semaphore(at_once)

    async def ask(self, asked: Ask, kept: Callable[[Reply], Line] = lambda reply: Line(replies=(reply,))) -> Line:
        """Ask; give what came of it, and remember it as `kept` writes it down.

        Raises `Unanswered` where no answer came, and `UsedUpError` where the budget allows no more.
        """
        one = hashlib.blake2b(
            msgspec.json.encode([self._name, asked], order="deterministic"), digest_size=16
        ).hexdigest()
        if self._journal is not None and (known := self._journal.get(one)) is not None:
            self.budget.spent(cost(asked), known.replies)
            return known
        async with self._room:
            line = kept(await self._answered(asked))
        if self._journal is not None:
            self._journal.add([(one, line)])
        return line

    async def _answered(self, asked: Ask) -> Reply:
        tries = 0
        while True:
            if full := self.budget.used_up(cost(asked)):
                raise UsedUpError(full)
            tries += 1
            try:
                return await self._once(asked)
            except Unanswered as why:
                if why.fault not in AGAIN or tries == TRIES:
                    raise
                await asyncio.sleep(min(self._pace.backoff(tries, why.again_s), max(0.0, self.budget.seconds_left)))

    async def _once(self, asked: Ask) -> Reply:
        wanted, replies = cost(asked), list[Reply]()
        self.budget.reserve(wanted)
        try:
            async with asyncio.timeout(min(self.budget.seconds_left, LONGEST_S)):
                replies.append(await self._target.ask(asked))
        except TimeoutError as why:
            raise UsedUpError("the time is used up") from why
        finally:
            self.budget.settle(wanted, 1, replies)
        return replies[0]
