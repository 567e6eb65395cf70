"""What was said, kept as JSON lines for whoever wants to see it; secrets do not get in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from safecase.engines.decoding import contains_secret
from safecase.readers.conversations import Conversation, Message
from safecase.targets.target import Reply

MOST_KEPT = 4 * 1024 * 1024
"""Bytes of one transcript; what comes later is counted and left out."""
MOST_OF_A_REPLY = 8_000


class Masks:
    """Secrets, and what stands in their place."""

    def __init__(self, masks: Sequence[tuple[str, str]]) -> None:
        self._masks = tuple((secret, name) for secret, name in masks if secret)

    def __call__(self, text: str) -> str:
        """Put each secret's name in its place; a text that hides one otherwise is withheld as a whole."""
        for secret, name in self._masks:
            text = re.sub(re.escape(secret), lambda _, name=name: name, text, flags=re.IGNORECASE)  # type: ignore[misc]
            form = contains_secret(text, secret)
            if form is not None:
                text = f"[{len(text)} characters withheld: {name}, {form}]"
        return text


class Transcript:
    """One line for each attempt."""

    def __init__(self, masks: Sequence[tuple[str, str]] = ()) -> None:
        self.masked = Masks(masks)
        """Takes secrets out of a text."""
        self._lines: list[bytes] = []
        self._size = 0
        self._left_out = 0

    def turns(self, conversation: Conversation) -> list[dict[str, str]]:
        """Give what a line says of a conversation."""
        return [{"role": m.role, "content": self.masked(_told(m))} for m in conversation]

    def told(self, reply: Reply) -> dict[str, object]:
        """Give what a line says of a reply."""
        return {
            "reply": self.masked(reply.text[:MOST_OF_A_REPLY]),
            "finish_reason": reply.finish_reason,
            "refused_by_filter": reply.refused_by_filter,
            **({"calls": [[call.tool, self.masked(call.arguments)] for call in reply.calls]} if reply.calls else {}),
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
            "seconds": round(reply.seconds, 3),
        }

    def add(self, line: dict[str, object]) -> None:
        """Add a line as it is."""
        encoded = msgspec.json.encode(line) + b"\n"
        self._size += len(encoded)
        if self._size > MOST_KEPT:
            self._left_out += 1
        else:
            self._lines.append(encoded)

    def content(self) -> bytes:
        """Give all lines."""
        tail = msgspec.json.encode({"left_out": self._left_out}) + b"\n" if self._left_out else b""
        return b"".join(self._lines) + tail


def _told(message: Message) -> str:
    return "\n".join([message.text, *(f"[a picture in which is written: {text}]" for text in message.pictures)])
