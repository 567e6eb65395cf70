"""The loop: draws attempts, asks, tries again where that may help, commits, counts."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from safecase.measures.testing.engine.budget import Budget, Limits, cost
from safecase.measures.testing.engine.journal import Journal, Line
from safecase.measures.testing.engine.pace import TRIES, Pace
from safecase.readers.conversations import Next
from safecase.targets.target import Ask, AsyncTarget, Reply, Unanswered, following
from safecase.vocabulary import Noun

COMMIT_S: Final = 0.005
AGAIN: Final = frozenset({"rate_limited", "timeout", "connection", "http_5xx"})


class Attempt(Noun, frozen=True):
    """One thing to ask. What makes it this one, and no other, is in its id."""

    family: str
    variant: str
    number: int
    """Within its series, from 1."""
    asked: Ask
    series: str = ""
    """Which one of its family; empty for the main one."""
    then: tuple[Next, ...] = ()
    """What is said further, each once the reply before it is there."""

    def id(self, run: str) -> str:
        """Give its id within a run."""
        said = msgspec.json.encode([run, self], order="deterministic")
        return hashlib.blake2b(said, digest_size=16).hexdigest()


class Source(Protocol):
    """What there is to ask, and what becomes of the answers."""

    def draw(self) -> Attempt | None:
        """Give the next attempt; None while there is none, which may change with what is counted."""
        ...

    def judge(self, attempt: Attempt, replies: tuple[Reply, ...]) -> Line:
        """Say what replies are worth, and what of them may be written down."""
        ...

    def count(self, attempt: Attempt, line: Line) -> None:
        """Take what came of an attempt; each is counted once."""
        ...


class Ended(Noun, frozen=True):
    """How a run ended."""

    stopped: str
    """Why it ended before its source did; empty where it did not."""
    calls: int
    """Requests that were sent, those that were tried again and those of a run before among them."""
    tokens: int
    money: float
    seconds: float
    known: int
    """Attempts whose answers were known from a run before."""


async def run(
    source: Source,
    target: AsyncTarget,
    journal: Journal,
    *,
    name: str,
    limits: Limits,
    at_once: int,
    seed: int = 1,
    tell: Callable[[int, int], None] = lambda _counted, _in_flight: None,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Ask all that a source gives, until it has nothing more or the budget is used up.

    `name` tells this run's attempts from those of others in the journal: the same target, attacks and seed.
    """
    return await _Run(source, target, journal, name, limits, at_once, seed, tell, clock).whole()


class _Run:
    def __init__(
        self,
        source: Source,
        target: AsyncTarget,
        journal: Journal,
        name: str,
        limits: Limits,
        at_once: int,
        seed: int,
        tell: Callable[[int, int], None],
        clock: Callable[[], float],
    ) -> None:
        self._source, self._target, self._journal, self._name = source, target, journal, name
        self._clock, self._tell = clock, tell
        self._began = clock()
        self._pace = Pace(at_once, rng=random.Random(seed), clock=clock)  # noqa: S311  no secret
        self._budget = Budget(limits, clock)
        self._flying: set[asyncio.Task[None]] = set()
        self._ready: list[tuple[str, Attempt, Line]] = []
        """Answered, and not committed yet."""
        self._room = asyncio.Event()
        self._counted = self._known = 0
        self._defect: BaseException | None = None
        """What broke in us, and not in the target: it ends the run, and is no result."""
        self._stopped = ""

    async def whole(self) -> Ended:
        committing = asyncio.create_task(self._commits())
        try:
            await self._draws()
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            if self._defect is None:
                self._commit()
        return Ended(
            self._stopped,
            self._budget.calls,
            self._budget.tokens,
            self._budget.money,
            self._clock() - self._began,
            self._known,
        )

    async def _draws(self) -> None:
        while True:
            if self._defect is not None:
                raise self._defect
            if self._pace.broken:
                self._stopped = "nothing but failures came"
            self._stopped = self._stopped or self._budget.used_up()
            if self._stopped:
                await self._landed()
                return
            if len(self._flying) + len(self._ready) >= self._pace.at_once:
                await self._change()
                continue
            attempt = self._source.draw()
            if attempt is not None:
                self._begin(attempt)
            elif self._flying or self._ready:
                await self._change()
            else:
                return

    def _begin(self, attempt: Attempt) -> None:
        one = attempt.id(self._name)
        known = self._journal.get(one)
        if known is not None:
            self._known += 1
            self._budget.spent(cost(attempt.asked, attempt.then), known.replies)
            self._count(attempt, known)
            return
        task = asyncio.create_task(self._ask(one, attempt))
        self._flying.add(task)
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self._defect = self._defect or defect
        self._room.set()

    async def _ask(self, one: str, attempt: Attempt) -> None:
        """Ask until there is an answer, or no sense in asking again."""
        tries = 0
        while True:
            if (wait := self._pace.not_before - self._clock()) > 0:
                await asyncio.sleep(wait)
            if full := self._budget.used_up(cost(attempt.asked, attempt.then)):
                self._stopped = self._stopped or full
                return
            tries += 1
            line, pause = await self._once(attempt, tries)
            if line is not None:
                self._ready.append((one, attempt, line))
                return
            await asyncio.sleep(min(pause, max(0.0, self._budget.seconds_left)))

    async def _once(self, attempt: Attempt, tries: int) -> tuple[Line | None, float]:
        """Ask; give what came, or how long to wait for the next try."""
        try:
            replies = await self._replies(attempt)
        except Unanswered as why:
            self._pace.failed()
            if why.fault == "rate_limited" or why.again_s:
                self._pace.too_much(why.again_s)
            if why.fault not in AGAIN or tries >= TRIES or self._pace.broken:
                return Line(fault=why.fault, message=why.message, tries=tries), 0.0
            return None, self._pace.backoff(tries, why.again_s)
        self._pace.worked()
        return msgspec.structs.replace(self._source.judge(attempt, replies), tries=tries), 0.0

    async def _replies(self, attempt: Attempt) -> tuple[Reply, ...]:
        asked, replies = attempt.asked, list[Reply]()
        wanted = cost(asked, attempt.then)
        self._budget.reserve(wanted)
        sent = 1
        try:
            replies.append(await self._target.ask(asked))
            for then in attempt.then:
                asked = following(asked, replies[-1], then)
                sent += 1
                replies.append(await self._target.ask(asked))
        finally:
            self._budget.settle(wanted, sent, replies)
        return tuple(replies)

    async def _commits(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_S)
            try:
                self._commit()
            except Exception as why:  # noqa: BLE001  a full disk, say: the run ends, and says so
                self._defect = self._defect or why
                self._room.set()
                return

    def _commit(self) -> None:
        """Write what was answered, and count it: in this order, so that nothing counts that a kill would take back."""
        if not self._ready:
            return
        ready, self._ready = self._ready, []
        self._journal.add([(one, line) for one, _, line in ready])
        for _, attempt, line in ready:
            self._count(attempt, line)
        self._room.set()

    def _count(self, attempt: Attempt, line: Line) -> None:
        self._counted += 1
        self._source.count(attempt, line)
        self._tell(self._counted, len(self._flying))

    async def _change(self) -> None:
        self._room.clear()
        wait = min(1.0, max(0.0, self._budget.seconds_left))
        try:
            async with asyncio.timeout(wait):
                await self._room.wait()
        except TimeoutError:
            return

    async def _landed(self) -> None:
        """Wait for what is in flight, as long as there is time."""
        if self._flying and (left := self._budget.seconds_left) > 0:
            await asyncio.wait(self._flying, timeout=min(left, 60.0))
