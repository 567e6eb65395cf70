"""What every target can do: answer a conversation."""

from __future__ import annotations

from typing import Protocol

from safecase.readers.conversations import Conversation
from safecase.vocabulary import Noun


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
    model: str = ""


class Target(Protocol):
    """Something that answers."""

    def ask(
        self, conversation: Conversation, *, max_tokens: int, seed: int | None = None, temperature: float | None = None
    ) -> Reply:
        """Answer a conversation; raises CollectError where no answer comes. May be called from several threads."""
        ...
