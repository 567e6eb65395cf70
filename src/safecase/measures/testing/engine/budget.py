"""What a run may cost at the most: calls, tokens, money, time. Reserved before a call, settled after it."""

from __future__ import annotations

from collections.abc import Callable

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

    def used_up(self, asked: Ask | None = None, calls: int = 1) -> str:
        """Say what is used up, or would be by asking `asked` in so many calls; empty while nothing is."""
        limits = self._limits
        tokens = self.tokens + (calls * _tokens(asked) if asked else 1)
        if self.seconds_left <= 0:
            return "the time is used up"
        if limits.calls is not None and self.calls + calls > limits.calls:
            return "the calls are used up"
        if limits.tokens is not None and tokens > limits.tokens:
            return "the tokens are used up"
        if limits.money is not None and tokens / 1000 * limits.price_per_1000_tokens > limits.money:
            return "the money is used up"
        return ""

    def reserve(self, asked: Ask) -> int:
        """Take what a call may cost at the most; give how many tokens that is."""
        tokens = _tokens(asked)
        self.calls += 1
        self.tokens += tokens
        return tokens

    def settle(self, reserved: int, reply: Reply | None) -> None:
        """Put back what a call did not take; where nobody tells, what was reserved is taken for used."""
        if reply is None:
            self.tokens -= reserved
        elif reply.tokens_in or reply.tokens_out:
            self.tokens += reply.tokens_in + reply.tokens_out - reserved


def _tokens(asked: Ask) -> int:
    characters = sum(len(message.text) for message in asked.conversation)
    return characters // CHARACTERS_A_TOKEN + 1 + (asked.max_tokens or 0)
