"""OpenAI responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from safecase.targets.dialects.chat import caller
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
    """Write the request; nothing of it is to be kept by the service."""
    items: list[dict[str, Any]] = []
    for number, message in enumerate(asked.conversation):
        if message.role == "tool":
            call = f"call_{caller(asked.conversation, number)}_{message.answers}"
            items.append({"type": "function_call_output", "call_id": call, "output": message.text})
            continue
        if message.pictures:
            urls = [f"data:image/png;base64,{picture_of(text)}" for text in message.pictures]
            pictures = [{"type": "input_image", "image_url": url} for url in urls]
            items.append({"role": message.role, "content": [{"type": "input_text", "text": message.text}, *pictures]})
        elif message.text:
            items.append({"role": message.role, "content": message.text})
        items += [
            {
                "type": "function_call",
                "call_id": f"call_{number}_{call.tool}",
                "name": call.tool,
                "arguments": call.arguments,
            }
            for call in message.calls
        ]
    said: dict[str, Any] = {"input": items, "stream": asked.stream, "store": False}
    if asked.tools:
        said["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": schema_of(tool.parameters),
            }
            for tool in asked.tools
        ]
    return said


def reply(told: Json) -> Reply:
    """Read the answer: its messages, and the tools that it wants to call."""
    output = told.get("output")
    if not isinstance(output, list):
        raise nothing("response")
    items = dicts_of(output)
    parts = [part for item in items if item.get("type") == "message" for part in dicts_of(item.get("content"))]
    usage = dict_of(told.get("usage"))
    why = text_of(dict_of(told.get("incomplete_details")).get("reason"))
    return Reply(
        text=parts_of(parts, "output_text", "text") or "".join(text_of(part.get("refusal")) for part in parts),
        finish_reason=why or text_of(told.get("status")),
        refused_by_filter=why == "content_filter",
        tokens_in=count_of(usage.get("input_tokens")),
        tokens_out=count_of(usage.get("output_tokens")),
        model=text_of(told.get("model")),
        calls=tuple(
            called(one.get("name"), one.get("arguments", "")) for one in items if one.get("type") == "function_call"
        ),
    )


def joined(events: Sequence[Json]) -> Json:
    """Give the response that the last event of a stream holds; a stream that ended before it holds none."""
    ends = (event for event in reversed(events) if event.get("type") in _ENDS)
    return next((dict_of(event.get("response")) for event in ends), {})


def piece(event: Json) -> str:
    """Read what one event adds."""
    return text_of(event.get("delta")) if event.get("type") == "response.output_text.delta" else ""


_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
DIALECT: Final = Dialect("responses", "/responses", body, reply, joined, piece, "max_output_tokens")
