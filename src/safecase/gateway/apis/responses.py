"""OpenAI's responses: `POST /v1/responses`."""

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
        "role", "type", "id", "model", "object", "status", "call_id", "item_id", "response_id", "previous_response_id",
        "detail", "file_data", "file_id", "encrypted_content", "format", "event_id", "obfuscation", "service_tier",
        "truncation", "tool_choice", "effort", "verbosity",
    }
)  # fmt: skip
_ROLES: Final[dict[str, Origin]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_OUTPUT: Final = frozenset({"output"})
_BARE: Final[dict[Path, Origin]] = {("input",): "user", ("instructions",): "system"}
_FOREIGN: Final = ("_output", "_call_output")
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input", "mcp_call": "arguments"}


class Responses(Shape):
    """Responses: items in and out; the end of a stream says everything once more."""

    family: ClassVar[Family] = "responses"
    api: ClassVar[Api] = "openai"
    path: ClassVar[str] = "/responses"
    tokens_key: ClassVar[str] = "max_output_tokens"

    def fault(self, body: dict[str, Any]) -> tuple[str, str]:
        """An input that is a text or a list of items."""
        found = plain(body)
        if found[0]:
            return found
        if not isinstance(body.get("input"), str | list) and "prompt" not in body:
            return "input is wanted, as a text or a list", "input"
        if body.get("background", False) is not False:
            return "what runs in the background passes no gateway on its way back", "background"
        return positive(body, "max_output_tokens")

    def request(self, body: dict[str, Any]) -> Iterable[Slot]:
        """Items by role and kind; a bare text is the user's, `instructions` are the system's."""
        for slot in slots(body, "developer", NAMES - FILES, _origin):
            slot.origin = _BARE.get(slot.path, slot.origin)
            yield slot

    def answer(self, body: dict[str, Any]) -> Iterator[Slot]:
        """Every item but the arguments of calls, and whatever the answer repeats of the request."""
        yield from beside(body, _OUTPUT, NAMES)
        for index, item in enumerate(_objects(body.get("output"))):
            yield from _said(item, ("output", index))

    def tool_calls(self, body: dict[str, Any]) -> Iterator[ToolCall]:
        """Items that call a tool here; those that the provider called already are seen afterwards only."""
        for item in _objects(body.get("output")):
            yield from _call(item)

    def usage(self, body: dict[str, Any]) -> Usage | None:
        """`usage` stands in the answer, and in the last event's."""
        used = body.get("usage")
        if not isinstance(used, dict):
            return None
        return Usage(number(used.get("input_tokens")), number(used.get("output_tokens")))

    def event(self, body: dict[str, Any]) -> Event:
        """Deltas by kind and item; everything else says texts completely."""
        kind = str(body.get("type", ""))
        item = body.get("output_index", body.get("item_id"))
        place = (str(item), str(body.get("content_index", body.get("summary_index"))))
        if kind.endswith((".arguments.delta", "_call_input.delta", "_call_arguments.delta")):
            slot = Slot(body, "delta", "assistant", ()) if isinstance(body.get("delta"), str) else None
            return Event(tools=[ToolPiece(("t", str(item)), "", slot)])
        if kind.endswith((".arguments.done", "_call_input.done", "_call_arguments.done")):
            key = "input" if "input" in kind else "arguments"
            slot = Slot(body, key, "assistant", ()) if isinstance(body.get(key), str) else None
            return Event(tools=[ToolPiece(("t", str(item)), "", slot, complete=True)])
        if kind.endswith(".delta"):
            channel = ("c", *place, kind)
            return Event(pieces=[Piece(channel, s) for s in slots(body, "assistant", NAMES)])
        inner, added = body.get("response"), body.get("item")
        if isinstance(inner, dict):
            ends = [] if kind in ("response.created", "response.in_progress", "response.queued") else [("c",), ("t",)]
            whole, calls = list(self.answer(inner)), list(self.tool_calls(inner))
            return Event(whole=whole, ends=ends, usage=self.usage(inner), tool_calls=calls)
        if isinstance(added, dict):
            if word(added.get("type")) in _CALLS:
                piece = ToolPiece(("t", str(item)), str(added.get("name", "")), None)
                ended: list[tuple[str | int, ...]] = [("t", str(item))] if kind.endswith(".done") else []
                return Event(tools=[piece], ends=ended, tool_calls=list(_call(added)), whole=list(_said(added, ())))
            ended = [("c", str(item))] if kind.endswith(".done") else []
            return Event(whole=list(_said(added, ())), ends=ended)
        closes = [("c", *place)] if kind.endswith(".done") else []
        body.pop("logprobs", None)
        return Event(whole=list(slots(body, "assistant", NAMES)), ends=closes)

    def another(self, body: dict[str, Any], piece: Piece, text: str) -> dict[str, Any]:
        """The same event with another text."""
        return {key: value for key, value in body.items() if key != "logprobs"} | {str(piece.slot.key): text}

    def broken(self, refused: Refused) -> bytes:
        """An event called `error`."""
        told = {"type": "error", "code": refused.reason, "message": refused.message, "param": refused.param}
        return b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"

    def most_tokens(self, body: dict[str, Any]) -> int | None:
        """`max_output_tokens`, where it is said."""
        return number(body.get("max_output_tokens")) or None


def _origin(value: dict[str, Any], path: Path, by: Origin) -> Origin:
    if not path:
        return "developer"
    if len(path) == 2 and path[0] == "input":
        kind = str(value.get("type", "message"))
        if kind.endswith(_FOREIGN) or kind in ("mcp_call", "web_search_call", "file_search_call", "mcp_list_tools"):
            return "tool"
        if kind in ("reasoning", *_CALLS):
            return "assistant"
        return _ROLES.get(str(value.get("role")), "user")
    return by


def _said(item: dict[str, Any], path: Path) -> Iterator[Slot]:
    for content in _objects(item.get("content")):
        content.pop("logprobs", None)
    skip = NAMES | {_CALLS[str(item.get("type"))]} if word(item.get("type")) in _CALLS else NAMES
    yield from slots(item, "assistant", skip, path=path)


def _call(item: dict[str, Any]) -> Iterator[ToolCall]:
    key = _CALLS.get(str(item.get("type")))
    if key and isinstance(item.get(key), str) and item[key]:

        def put(text: str, key: str = key) -> None:
            item[key] = text

        yield ToolCall(str(item.get("name", "")), item[key], put)


def _objects(value: Any) -> list[dict[str, Any]]:  # as JSON has it
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
