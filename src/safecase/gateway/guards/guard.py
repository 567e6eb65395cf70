"""What a guard is: something that looks at the texts of a call, on their way in, out, or both."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from safecase.gateway.apis.api import ToolCall
from safecase.gateway.apis.texts import Slot
from safecase.gateway.policy import Fail, Origin

Result: TypeAlias = Literal["pass", "flag", "block", "redact", "error", "skipped"]
Direction: TypeAlias = Literal["in", "beside", "out", "tools"]

ORDER: tuple[Result, ...] = ("skipped", "pass", "flag", "redact", "error", "block")
"""The later one of these tells more of two results of one guard."""


class Outcome(NamedTuple):
    """What a guard says of some texts; no text of them stands in it."""

    result: Result
    told: str = ""
    """Why, for the client and the log."""
    found: int = 0


PASS = Outcome("pass")


class Filter(ABC):
    """A guard's look at one text that comes in pieces."""

    @abstractmethod
    def feed(self, piece: str) -> str:
        """Take a piece, give what may go on; what may be the beginning of something is held back."""

    @abstractmethod
    def end(self) -> str:
        """Give what is left."""

    @property
    @abstractmethod
    def outcome(self) -> Outcome:
        """What was found so far; `block` ends the stream at once."""


class Call:
    """One call while it passes: what guards share with each other, and remember from the way in to the way out."""

    def __init__(self, slots: Sequence[Slot], service: str, approved: frozenset[str] = frozenset()) -> None:
        self.slots = slots
        self.approved = approved
        """Digests of tool calls that somebody who may has approved."""
        self.service = service
        self.before: tuple[tuple[Origin, str], ...] = tuple((slot.origin, slot.text) for slot in slots)
        """Origins and texts as they came, before any guard changed them."""
        self.memory: dict[str, object] = {}
        """What a guard keeps for the way out, by its id."""
        self.beside: asyncio.Future[None] | None = None
        """Done once the guards that look while the upstream works have all allowed the call."""

    async def settled(self) -> None:
        """Wait for those guards; nothing goes to the client before. Raises `Refused`."""
        if self.beside is not None:
            await self.beside


class Guard(ABC):
    """Something that looks at texts; it says of each direction whether it looks there at all."""

    id: ClassVar[str]
    directions: ClassVar[frozenset[Direction]]
    controls: ClassVar[tuple[str, ...]]
    """Controls of the catalogue that it enforces."""

    def __init__(self, fail: Fail) -> None:
        self.fail: Fail = fail

    def incoming(self, call: Call) -> Outcome:
        """Look at the texts of a request, and change them where it must."""
        return Outcome("skipped")

    def beside(self, call: Call) -> Outcome:
        """Look at a request while the upstream already works; in a thread of its own, and without changing anything."""
        return Outcome("skipped")

    def outgoing(self, call: Call, slots: Sequence[Slot]) -> Outcome:
        """Look at the texts of an answer that is there as a whole."""
        return Outcome("skipped")

    def filter(self, call: Call) -> Filter | None:
        """Give what looks at one text of a streamed answer; None where this guard does not look at answers."""
        return None

    def tool(self, call: Call, wanted: ToolCall) -> Outcome:
        """Look at a tool call that the model wants to make."""
        return Outcome("skipped")


def worse(first: Outcome, second: Outcome) -> Outcome:
    """Give the one of two outcomes that tells more, with both their counts."""
    found = max(first, second, key=lambda outcome: ORDER.index(outcome.result))
    return found._replace(found=first.found + second.found)
