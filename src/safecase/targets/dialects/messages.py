"""Anthropic messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

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

LIKELY_TOKENS: Final = 1024
"""The API wants a number."""


def body(asked: Ask) -> dict[str, Any]:
    """Write the request; system texts stand apart, and tools answer as the user."""
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(asked.conversation):
        if message.role == "system":
            continue
        blocks: list[dict[str, Any]] = []
        if message.role == "tool":
            call = f"call_{caller(asked.conversation, number)}_{message.answers}"
            blocks.append({"type": "tool_result", "tool_use_id": call, "content": message.text})
        elif message.text:
            blocks.append({"type": "text", "text": message.text})
        for text in message.pictures:
            source = {"type": "base64", "media_type": "image/png", "data": picture_of(text)}
            blocks.append({"type": "image", "source": source})
        blocks += [
            {"type": "tool_use", "id": f"call_{number}_{call.tool}", "name": call.tool, "input": _input(call.arguments)}
            for call in message.calls
        ]
        turns.append({"role": "assistant" if message.role == "assistant" else "user", "content": blocks})
    said: dict[str, Any] = {"messages": turns, "stream": asked.stream, "max_tokens": asked.max_tokens or LIKELY_TOKENS}
    if system := "\n\n".join(message.text for message in asked.conversation if message.role == "system"):
        said["system"] = system
    if asked.tools:
        said["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": schema_of(tool.parameters)}
            for tool in asked.tools
        ]
    return said


def _input(arguments: str) -> Any:  # what JSON can hold
    try:
        return msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return {"arguments": arguments}


def reply(told: Json) -> Reply:
    """Read the answer."""
    content = told.get("content")
    if not isinstance(content, list):
        raise nothing("message")
    usage = dict_of(told.get("usage"))
    reason = text_of(told.get("stop_reason"))
    return Reply(
        text=parts_of(content, "text"),
        finish_reason=reason,
        refused_by_filter=reason == "refusal",
        tokens_in=count_of(usage.get("input_tokens")),
        tokens_out=count_of(usage.get("output_tokens")),
        model=text_of(told.get("model")),
        calls=tuple(
            called(block.get("name"), block.get("input", {}))
            for block in dicts_of(content)
            if block.get("type") == "tool_use"
        ),
    )


def joined(events: Sequence[Json]) -> Json:
    """Put the blocks together."""
    whole: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        match event.get("type"):
            case "message_start":
                whole = dict(dict_of(event.get("message")))
            case "content_block_start":
                blocks[count_of(event.get("index"))] = dict(dict_of(event.get("content_block")))
            case "content_block_delta":
                block, delta = blocks.setdefault(count_of(event.get("index")), {}), dict_of(event.get("delta"))
                if delta.get("type") == "input_json_delta":
                    block["said"] = text_of(block.get("said")) + text_of(delta.get("partial_json"))
                else:
                    block["text"] = text_of(block.get("text")) + text_of(delta.get("text"))
            case "message_delta":
                whole |= {"stop_reason": dict_of(event.get("delta")).get("stop_reason")}
                whole["usage"] = dict_of(whole.get("usage")) | dict_of(event.get("usage"))
            case _:
                continue
    for block in blocks.values():
        if "said" in block:
            block["input"] = block.pop("said")
    return whole | {"content": list(blocks.values())} if whole else {}


def piece(event: Json) -> str:
    """Read what one event adds."""
    return text_of(dict_of(event.get("delta")).get("text"))


DIALECT: Final = Dialect("messages", "/messages", body, reply, joined, piece, "max_tokens")
