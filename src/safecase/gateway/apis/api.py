"""What the gateway has to know of an API: the rest of it does not care which one a client speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

from safecase.gateway.apis.texts import Slot
from safecase.gateway.policy import Api
from safecase.gateway.refusals import Refused

Family: TypeAlias = Literal["chat", "responses", "embeddings", "messages", "models"]
Channel: TypeAlias = tuple[str | int, ...]


MOST_COUNT: Final = 100_000_000
"""Larger counts are no counts of tokens; the sums and prices of these fit wherever they are kept."""


class Usage(NamedTuple):
    """Tokens that an answer says it took."""

    tokens_in: int
    tokens_out: int


class ToolCall:
    """A tool call of an answer: a guard may write other arguments in the place of those that are there."""

    __slots__ = ("_put", "arguments", "name")

    def __init__(self, name: str, arguments: str, put: Callable[[str], None]) -> None:
        self.name = name
        self.arguments = arguments
        """As JSON text."""
        self._put = put

    def put(self, arguments: str) -> None:
        """Write other arguments into the answer."""
        self.arguments = arguments
        self._put(arguments)


class Piece(NamedTuple):
    """A piece of a text in one event of a stream; pieces of one channel are one text."""

    channel: Channel
    slot: Slot


class ToolPiece(NamedTuple):
    """A piece of a tool call in one event of a stream."""

    channel: Channel
    name: str
    slot: Slot | None
    """Of the arguments; None where the event says only that there is a call."""
    complete: bool = False
    """All arguments stand here, said before in pieces or not."""


class Event(NamedTuple):
    """What one event of a stream holds."""

    pieces: Sequence[Piece] = ()
    whole: Sequence[Slot] = ()
    """Texts that stand in it completely, said before in pieces or not."""
    tools: Sequence[ToolPiece] = ()
    ends: Sequence[Channel] = ()
    """How the channels begin that end with it; what is held back of them must come before it."""
    usage: Usage | None = None
    tool_calls: Sequence[ToolCall] = ()
    """Tool calls that stand in it completely."""


class Shape(ABC):
    """One API: from its bodies to what the gateway looks at."""

    family: ClassVar[Family]
    api: ClassVar[Api]
    path: ClassVar[str]
    """Below the upstream's base URL."""
    streams: ClassVar[bool] = True
    tokens_key: ClassVar[str] = ""
    """Where a request says how many tokens the answer may have."""

    @abstractmethod
    def fault(self, body: dict[str, Any]) -> tuple[str, str]:
        """Say what is wrong with a request, and in which field; empty where nothing is."""

    @abstractmethod
    def request(self, body: dict[str, Any]) -> Iterable[Slot]:
        """Give every text of a request, in order."""

    @abstractmethod
    def answer(self, body: dict[str, Any]) -> Iterable[Slot]:
        """Give every text of a whole answer; copies of texts that cannot be filtered are dropped from it."""

    def tool_calls(self, body: dict[str, Any]) -> Iterable[ToolCall]:
        """Give every tool call of a whole answer."""
        return ()

    @abstractmethod
    def usage(self, body: dict[str, Any]) -> Usage | None:
        """Give the tokens that an answer says it took."""

    def event(self, body: dict[str, Any]) -> Event:
        """Give what one event of a stream holds."""
        return Event()

    def another(self, body: dict[str, Any], piece: Piece, text: str) -> dict[str, Any]:
        """Make an event that says one more piece of a channel, from an event that said one before."""
        raise NotImplementedError

    def most_tokens(self, body: dict[str, Any]) -> int | None:
        """Give how many tokens a request lets the answer have."""
        return None

    def cap(self, body: dict[str, Any], most: int) -> bool:
        """Hold an answer to so many tokens where a request says nothing of it; True where the body was changed."""
        if not self.tokens_key or self.most_tokens(body) is not None:
            return False
        body[self.tokens_key] = most
        return True

    def prepare(self, body: dict[str, Any]) -> bool:
        """Ask for what the gateway needs of a stream; True where the body was changed."""
        return False

    def broken(self, refused: Refused) -> bytes:
        """Give the event by which a stream that has begun tells that it is refused."""
        return b"data: " + refused.body(self.api) + b"\n\n"


def number(value: Any) -> int:  # as JSON has it
    """Give a count of tokens; 0 where it is none, and the most that counts where it is larger than any."""
    return min(value, MOST_COUNT) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def word(value: Any) -> str:  # as JSON has it
    """Give a word such as a kind or a role; empty where it is none."""
    return value if isinstance(value, str) else ""


def positive(body: dict[str, Any], *names: str) -> tuple[str, str]:
    """Say which of some fields is there and no positive integer."""
    for name in names:
        value = body.get(name)
        if isinstance(value, float) and value.is_integer():
            value = body[name] = int(value)  # 1.0 is an integer of JSON
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            return f"{name} is no positive integer", name
        if value is not None and value > MOST_COUNT:
            return f"{name} is larger than {MOST_COUNT}", name
    return "", ""


def plain(body: dict[str, Any]) -> tuple[str, str]:
    """Say what is wrong with what all requests have."""
    model = body.get("model")
    if not isinstance(model, str) or not model or len(model) > 300:
        return "model is wanted, as a text", "model"
    if "stream" in body and not isinstance(body["stream"], bool):
        return "stream is true or false", "stream"
    return "", ""
