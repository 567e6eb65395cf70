"""OpenAI chat completions, which most servers and gateways speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from safecase.readers.conversations import Message
from safecase.targets.dialects.dialect import (
    Dialect,
    Json,
    called,
    count_of,
    dict_of,
    dicts_of,
    nothing,
    parts_of,
    picture_of,
    schema_of,
    text_of,
)
from safecase.targets.target import Ask, Reply


def body(asked: Ask) -> dict[str, Any]:
    """Write the request; who calls a tool and who answers for it are tied by made-up ids."""
    said: dict[str, Any] = {"messages": messages(asked.conversation), "stream": asked.stream}
    if asked.stream:
        said["stream_options"] = {"include_usage": True}
    if asked.tools:
        said["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": schema_of(tool.parameters),
                },
            }
            for tool in asked.tools
        ]
    return said


def messages(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    """Write the messages."""
    out: list[dict[str, Any]] = []
    for number, message in enumerate(conversation):
        written: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.pictures:
            urls = [f"data:image/png;base64,{picture_of(text)}" for text in message.pictures]
            pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
            written["content"] = [{"type": "text", "text": message.text}, *pictures]
        if message.calls:
            written["content"] = message.text or None
            written["tool_calls"] = [
                {
                    "id": f"call_{number}_{call.tool}",
                    "type": "function",
                    "function": {"name": call.tool, "arguments": call.arguments},
                }
                for call in message.calls
            ]
        if message.role == "tool":
            written["tool_call_id"] = f"call_{caller(conversation, number)}_{message.answers}"
        out.append(written)
    return out


def caller(conversation: Sequence[Message], number: int) -> int:
    """Give which turn called the tool that answers in this one."""
    return next((at for at in range(number - 1, -1, -1) if conversation[at].calls), 0)


def reply(told: Json) -> Reply:
    """Read the answer."""
    first = (dicts_of(told.get("choices")) or [{}])[0]
    message = first.get("message")
    if not isinstance(message, dict):
        raise nothing("chat completion")
    usage = dict_of(told.get("usage"))
    reason = text_of(first.get("finish_reason"))
    functions = [dict_of(call.get("function")) for call in dicts_of(message.get("tool_calls"))]
    return Reply(
        text=parts_of(message.get("content"), "text", "output_text") or text_of(message.get("refusal")),
        finish_reason=reason,
        refused_by_filter=reason == "content_filter",
        tokens_in=count_of(usage.get("prompt_tokens")),
        tokens_out=count_of(usage.get("completion_tokens")),
        model=text_of(told.get("model")),
        calls=tuple(called(one.get("name"), one.get("arguments", "")) for one in functions),
    )


def joined(events: Sequence[Json]) -> Json:
    """Put the pieces of the first choice together."""
    text: list[str] = []
    reason, model = "", ""
    usage: Json = {}
    calls: dict[int, dict[str, str]] = {}
    begun = False
    for event in events:
        usage = dict_of(event.get("usage")) or usage
        model = text_of(event.get("model")) or model
        for choice in dicts_of(event.get("choices")):
            if choice.get("index", 0) != 0:
                continue
            begun = True
            delta = dict_of(choice.get("delta"))
            text.append(text_of(delta.get("content")) or text_of(delta.get("refusal")))
            reason = text_of(choice.get("finish_reason")) or reason
            for one in dicts_of(delta.get("tool_calls")):
                call = calls.setdefault(count_of(one.get("index")), {"name": "", "arguments": ""})
                function = dict_of(one.get("function"))
                call["name"] += text_of(function.get("name"))
                call["arguments"] += text_of(function.get("arguments"))
    if not begun:
        return {}
    message = {"content": "".join(text), "tool_calls": [{"function": call} for call in calls.values()]}
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage, "model": model}


def piece(event: Json) -> str:
    """Read what one event adds."""
    choice = (dicts_of(event.get("choices")) or [{}])[0]
    return text_of(dict_of(choice.get("delta")).get("content"))


DIALECT: Final = Dialect("chat", "/chat/completions", body, reply, joined, piece, "max_tokens")
