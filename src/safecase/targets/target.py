"""What every target can do: answer a conversation."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from safecase.readers.conversations import Called, Conversation, Message, Next, Tool
from safecase.vocabulary import Noun

Fault: TypeAlias = Literal["rate_limited", "timeout", "connection", "http_5xx", "http_4xx", "bad_response"]


class Ask(Noun, frozen=True):
    """What a target is asked, and with which wishes."""

    conversation: Conversation
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    seed: int | None = None
    temperature: float | None = None
    stream: bool = False
    session: str = ""
    """Tells the conversations of one target apart, where it remembers them itself."""
    identity: str = ""
    """As whom it is asked: one of the target's; empty for the first."""


class Reply(Noun, frozen=True):
    """What a target answered."""

    text: str
    status: int = 200
    finish_reason: str = ""
    refused_by_filter: bool = False
    """A filter in front of the model stepped in: the attack was resisted, it did not go wrong."""
    tokens_in: int = 0
    tokens_out: int = 0
    """As the target counts them; 0 where it does not say."""
    seconds: float = 0.0
    first_token_s: float = 0.0
    """Until the first piece of a streamed answer came; 0 where it came whole."""
    model: str = ""
    calls: tuple[Called, ...] = ()


def following(asked: Ask, reply: Reply, then: Next) -> Ask:
    """Give what is asked next: the conversation goes on with the reply that came, or begins anew."""
    turn = Message(role="user", text=then.text)
    before = () if then.fresh else (*asked.conversation, Message(role="assistant", text=reply.text))
    return msgspec.structs.replace(
        asked,
        conversation=(*before, turn),
        identity=then.identity or asked.identity,
        session=f"{asked.session}'" if then.fresh else asked.session,
    )


class Unanswered(Exception):  # noqa: N818  it is no error of ours, and is counted
    """No answer came; says why, and after how many seconds the target wants to be asked again."""

    def __init__(self, fault: Fault, message: str, *, again_s: float = 0.0, mend: str = "") -> None:
        super().__init__(message)
        self.fault: Fault = fault
        self.message = message
        self.again_s = again_s
        self.mend = mend


class Target(Protocol):
    """Something that answers."""

    def ask(
        self, conversation: Conversation, *, max_tokens: int, seed: int | None = None, temperature: float | None = None
    ) -> Reply:
        """Answer a conversation; raises CollectError where no answer comes. May be called from several threads."""
        ...


class AsyncTarget(Protocol):
    """Something that answers many at once."""

    async def ask(self, asked: Ask) -> Reply:
        """Answer once, without trying again; raises `Unanswered` where no answer comes."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
