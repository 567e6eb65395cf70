"""What a run may cost at the most: calls, tokens, money, time. Reserved before a call, settled after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from safecase.readers.conversations import Next
from safecase.targets.target import Ask, Reply
from safecase.vocabulary import Noun

CHARACTERS_A_TOKEN = 4


class Limits(Noun, frozen=True):
    """The most that is allowed; None is no limit."""

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None
    seconds: float | None = None
    price_per_1000_tokens: float = 0.0


class Cost(NamedTuple):
    """What one attempt may take."""

    calls: int
    tokens: int


LEAST: Final = Cost(1, 1)


class Budget:
    """What is left."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._began = clock()
        self.calls = 0
        self.tokens = 0

    @property
    def money(self) -> float:
        """Give what was spent."""
        return self.tokens / 1000 * self._limits.price_per_1000_tokens

    @property
    def seconds_left(self) -> float:
        """Give how long the run may still take."""
        limit = self._limits.seconds
        return float("inf") if limit is None else limit - (self._clock() - self._began)

    def used_up(self, wanted: Cost = LEAST) -> str:
        """Say what is used up, or would be by something of that cost; empty while nothing is."""
        limits = self._limits
        calls, tokens = wanted.calls, self.tokens + wanted.tokens
        if self.seconds_left <= 0:
            return "the time is used up"
        if limits.calls is not None and self.calls + calls > limits.calls:
            return "the calls are used up"
        if limits.tokens is not None and tokens > limits.tokens:
            return "the tokens are used up"
        if limits.money is not None and tokens / 1000 * limits.price_per_1000_tokens > limits.money:
            return "the money is used up"
        return ""

    def reserve(self, wanted: Cost) -> None:
        """Take what something may cost at the most."""
        self.calls += wanted.calls
        self.tokens += wanted.tokens

    def spent(self, once: Cost, replies: Sequence[Reply]) -> None:
        """Count what a run before this one has spent on an attempt."""
        self.reserve(once)
        self.settle(once, len(replies) or 1, replies)

    def settle(self, reserved: Cost, sent: int, replies: Sequence[Reply]) -> None:
        """Put back what it did not take; where nobody tells, what was reserved is taken for used."""
        self.calls += sent - reserved.calls
        told = [reply.tokens_in + reply.tokens_out for reply in replies]
        if not replies:
            self.tokens -= reserved.tokens
        elif all(told):
            self.tokens += sum(told) - reserved.tokens


def cost(asked: Ask, then: Sequence[Next] = ()) -> Cost:
    """Give what asking this, and going on with that, may cost at the most: each turn holds all that was said before."""
    said = _characters(asked) // CHARACTERS_A_TOKEN + 1
    answer = asked.max_tokens or 0
    tokens = said + answer
    for one in then:
        turn = len(one.text) // CHARACTERS_A_TOKEN + 1
        said = turn if one.fresh else said + answer + turn
        tokens += said + answer
    return Cost(1 + len(then), tokens)


def _characters(asked: Ask) -> int:
    return sum(len(message.text) for message in asked.conversation)
