"""Anthropic's messages: `POST /v1/messages`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec

from safecase.gateway.apis.api import (
    Event,
    Family,
    Piece,
    Shape,
    ToolCall,
    ToolPiece,
    Usage,
    number,
    plain,
    positive,
    word,
)
from safecase.gateway.apis.texts import FILES, Path, Slot, beside, slots
from safecase.gateway.policy import Api, Origin
from safecase.gateway.refusals import Refused

NAMES: Final = frozenset(
    {
        "role",
        "type",
        "id",
        "model",
        "tool_use_id",
        "media_type",
        "data",
        "signature",
        "stop_reason",
        "encrypted_content",
        "service_tier",
        "inference_geo",
    }
)
_CONTENT: Final = frozenset({"content"})
_FOREIGN: Final = frozenset({"tool_result", "web_search_tool_result", "mcp_tool_result", "code_execution_tool_result"})
_CALLING: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


class Messages(Shape):
    """Messages: content in blocks, results of tools within what the user says."""

    family: ClassVar[Family] = "messages"
    api: ClassVar[Api] = "anthropic"
    path: ClassVar[str] = "/messages"

    def fault(self, body: dict[str, Any]) -> tuple[str, str]:
        """Messages of user and assistant, and `max_tokens`, which is wanted."""
        found = plain(body)
        if found[0]:
            return found
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            return "messages: at least one message is required", "messages"
        for index, message in enumerate(messages):
            if not isinstance(message, dict) or word(message.get("role")) not in ("user", "assistant", "system"):
                return f"messages.{index}.role: user or assistant is wanted", f"messages.{index}.role"
            if not isinstance(message.get("content"), str | list):
                return f"messages.{index}.content: a text or a list is wanted", f"messages.{index}.content"
        if body.get("max_tokens") is None:
            return "max_tokens: field required", "max_tokens"
        return positive(body, "max_tokens")

    def request(self, body: dict[str, Any]) -> Iterable[Slot]:
        """The system prompt, messages by role; results of tools and documents are foreign whoever brings them."""
        found = slots(body, "developer", NAMES - FILES, _origin)
        return (slot for slot in found if slot.key != "data" or not _is_sealed(slot.container))

    def answer(self, body: dict[str, Any]) -> Iterator[Slot]:
        """Every block but calls of tools, and whatever stands beside them."""
        yield from beside(body, _CONTENT, NAMES)
        for index, block in enumerate(_objects(body.get("content"))):
            if word(block.get("type")) not in _CALLING:
                yield from slots(block, "assistant", NAMES, path=("content", index))

    def tool_calls(self, body: dict[str, Any]) -> Iterator[ToolCall]:
        """Blocks that call a tool."""
        for block in _objects(body.get("content")):
            if word(block.get("type")) in _CALLING:
                yield _call(block)

    def usage(self, body: dict[str, Any]) -> Usage | None:
        """`usage` stands in an answer, in `message_start` and, in the end, in `message_delta`."""
        used = body.get("usage")
        if not isinstance(used, dict):
            return None
        cached = number(used.get("cache_creation_input_tokens")) + number(used.get("cache_read_input_tokens"))
        return Usage(number(used.get("input_tokens")) + cached, number(used.get("output_tokens")))

    def event(self, body: dict[str, Any]) -> Event:
        """Blocks begin, grow and stop; each has an index."""
        kind, index = body.get("type"), number(body.get("index"))
        match kind:
            case "message_start":
                message = body.get("message")
                inner = message if isinstance(message, dict) else {}
                return Event(whole=list(self.answer(inner)), usage=self.usage(inner))
            case "content_block_start":
                block = body.get("content_block")
                inner = block if isinstance(block, dict) else {}
                if word(inner.get("type")) in _CALLING:
                    return Event(tools=[ToolPiece(("t", index), str(inner.get("name", "")), None)])
                # What a block begins with belongs to the text that its pieces go on with.
                begun = slots(inner, "assistant", NAMES)
                return Event(pieces=[Piece(("c", index, *slot.path), slot) for slot in begun])
            case "content_block_delta":
                return self._delta(body, index)
            case "content_block_stop":
                return Event(ends=[("c", index), ("t", index)])
            case "message_delta":
                return Event(whole=list(slots(body, "assistant", NAMES)), usage=self.usage(body), ends=[("c",), ("t",)])
            case "message_stop":
                return Event(ends=[("c",), ("t",)])
            case "error":
                return Event(whole=list(slots(body, "assistant", NAMES)))
        return Event(whole=list(slots(body, "assistant", NAMES)))

    def _delta(self, body: dict[str, Any], index: int) -> Event:
        delta = body.get("delta")
        if not isinstance(delta, dict):
            return Event()
        if delta.get("type") == "input_json_delta":
            slot = Slot(delta, "partial_json", "assistant", ()) if isinstance(delta.get("partial_json"), str) else None
            return Event(tools=[ToolPiece(("t", index), "", slot)])
        return Event(pieces=[Piece(("c", index, *s.path), s) for s in slots(delta, "assistant", NAMES)])

    def another(self, body: dict[str, Any], piece: Piece, text: str) -> dict[str, Any]:
        """One more piece of a block."""
        name = str(piece.channel[2])
        kind = {"text": "text_delta", "thinking": "thinking_delta"}.get(name, f"{name}_delta")
        return {"type": "content_block_delta", "index": piece.channel[1], "delta": {"type": kind, name: text}}

    def broken(self, refused: Refused) -> bytes:
        """An event called `error`."""
        return b"event: error\ndata: " + refused.body("anthropic") + b"\n\n"

    def most_tokens(self, body: dict[str, Any]) -> int | None:
        """`max_tokens` is always there."""
        return number(body.get("max_tokens")) or None


def _origin(value: dict[str, Any], path: Path, by: Origin) -> Origin:
    if path and path[0] == "system":
        return "system"
    if len(path) == 2 and path[0] == "messages":
        role = value.get("role")
        return "assistant" if role == "assistant" else "system" if role == "system" else "user"
    kind = word(value.get("type"))
    if kind in _FOREIGN:
        return "tool"
    if kind in ("document", "search_result"):
        return "retrieved"
    return by


def _call(block: dict[str, Any]) -> ToolCall:
    def put(text: str) -> None:
        block["input"] = msgspec.json.decode(text)

    return ToolCall(str(block.get("name", "")), msgspec.json.encode(block.get("input") or {}).decode(), put)


def _objects(value: Any) -> list[dict[str, Any]]:  # as JSON has it
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_sealed(block: object) -> bool:
    """Say whether a block is the model's own, which comes back as it was given out."""
    return isinstance(block, dict) and block.get("type") == "redacted_thinking"
