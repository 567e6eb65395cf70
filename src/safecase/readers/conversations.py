"""What is said between a user and a service, message by message."""

from __future__ import annotations

from typing import Literal, TypeAlias

from safecase.vocabulary import Noun

Role: TypeAlias = Literal["system", "user", "assistant"]


class Message(Noun, frozen=True):
    """One turn of a conversation."""

    role: Role
    text: str


Conversation: TypeAlias = tuple[Message, ...]


def said(text: str) -> Conversation:
    """Make the conversation in which a user says one thing."""
    return (Message(role="user", text=text),)
