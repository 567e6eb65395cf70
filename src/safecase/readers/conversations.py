"""What is said between a user and a service, message by message."""

from __future__ import annotations

from typing import Literal, TypeAlias

from safecase.vocabulary import Noun

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class Called(Noun, frozen=True):
    """A call of a tool that a model wants to make."""

    tool: str
    arguments: str
    """JSON, as the model wrote it."""


class Message(Noun, frozen=True):
    """One turn of a conversation."""

    role: Role
    text: str
    calls: tuple[Called, ...] = ()
    """Of an assistant: the tools that it called."""
    answers: str = ""
    """Of a tool: the name of the one that it is, called in the assistant's last turn."""
    pictures: tuple[str, ...] = ()
    """Of a user: what stands written in each picture that comes with it."""


Conversation: TypeAlias = tuple[Message, ...]


class Tool(Noun, frozen=True):
    """A tool that a model may call."""

    name: str
    description: str
    parameters: str = '{"type": "object", "properties": {}}'
    """JSON Schema, as JSON."""


class Next(Noun, frozen=True):
    """What is said once a reply is there."""

    text: str
    identity: str = ""
    """As whom; empty for the same as before."""
    fresh: bool = False
    """In a conversation of its own, which knows nothing of the one before."""


def said(text: str) -> Conversation:
    """Make the conversation in which a user says one thing."""
    return (Message(role="user", text=text),)
