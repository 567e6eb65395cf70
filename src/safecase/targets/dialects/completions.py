"""OpenAI completions: one text that the model goes on with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from safecase.readers.conversations import Conversation
from safecase.targets.dialects.dialect import Dialect, Json, count_of, dict_of, dicts_of, nothing, text_of
from safecase.targets.target import Ask, Reply

_NAMES: Final = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def body(asked: Ask) -> dict[str, Any]:
    """Write the request."""
    return {"prompt": script(asked.conversation), "stream": asked.stream}


def script(turns: Conversation) -> str:
    """Write a conversation as one text that ends where the model's turn is; a single text goes as it is."""
    if len(turns) == 1 and turns[0].role == "user":
        return turns[0].text
    told = "".join(f"{_NAMES[message.role]}: {message.text}\n" for message in turns)
    return f"{told}Assistant:"


def reply(told: Json) -> Reply:
    """Read the answer."""
    choices = dicts_of(told.get("choices"))
    if not choices or not isinstance(choices[0].get("text"), str):
        raise nothing("completion")
    usage = dict_of(told.get("usage"))
    reason = text_of(choices[0].get("finish_reason"))
    return Reply(
        text=choices[0]["text"],
        finish_reason=reason,
        refused_by_filter=reason == "content_filter",
        tokens_in=count_of(usage.get("prompt_tokens")),
        tokens_out=count_of(usage.get("completion_tokens")),
        model=text_of(told.get("model")),
    )


def joined(events: Sequence[Json]) -> Json:
    """Put the pieces together."""
    choices = [choice for event in events for choice in dicts_of(event.get("choices"))[:1]]
    reason = next((text_of(one.get("finish_reason")) for one in reversed(choices) if one.get("finish_reason")), "")
    usage = next((dict_of(event.get("usage")) for event in reversed(events) if event.get("usage")), {})
    text = "".join(text_of(choice.get("text")) for choice in choices)
    return {"choices": [{"text": text, "finish_reason": reason}] if choices else [], "usage": usage}


def piece(event: Json) -> str:
    """Read what one event adds."""
    return text_of((dicts_of(event.get("choices")) or [{}])[0].get("text"))


DIALECT: Final = Dialect("completions", "/completions", body, reply, joined, piece, "max_tokens")
