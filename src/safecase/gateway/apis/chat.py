"""OpenAI's chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from safecase.gateway.apis.api import Event, Family, Piece, Shape, ToolCall, ToolPiece, Usage, number, plain, positive
from safecase.gateway.apis.texts import FILES, Path, Slot, beside, slots
from safecase.gateway.policy import Api, Origin

NAMES: Final = frozenset(
    {
        "role",
        "type",
        "id",
        "model",
        "object",
        "tool_call_id",
        "finish_reason",
        "detail",
        "format",
        "data",
        "file_data",
        "system_fingerprint",
        "service_tier",
    }
)
"""Keys that hold kinds, names of things or bytes, and no text that a model reads or says."""
_ROLES: Final[dict[str, Origin]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class Chat(Shape):
    """Chat completions."""

    family: ClassVar[Family] = "chat"
    api: ClassVar[Api] = "openai"
    path: ClassVar[str] = "/chat/completions"
    tokens_key: ClassVar[str] = "max_completion_tokens"

    def fault(self, body: dict[str, Any]) -> tuple[str, str]:
        """Messages with roles that are known, and counts that are counts."""
        found = plain(body)
        if found[0]:
            return found
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            return "messages is wanted, as a list", "messages"
        for index, message in enumerate(messages):
            role = message.get("role") if isinstance(message, dict) else None
            if not isinstance(role, str) or role not in _ROLES:
                return f"messages[{index}] has no role that is known", f"messages[{index}].role"
            if not isinstance(message.get("content"), str | list | None):
                return f"messages[{index}].content is neither a text nor a list", f"messages[{index}].content"
        return positive(body, "max_tokens", "max_completion_tokens", "n")

    def request(self, body: dict[str, Any]) -> Iterable[Slot]:
        """Messages by their roles; tools, metadata and whatever else goes upstream are the developer's."""
        return slots(body, "developer", NAMES - FILES, _origin)

    def answer(self, body: dict[str, Any]) -> Iterator[Slot]:
        """Whatever a choice says; log-probabilities spell the text once more, and go."""
        yield from beside(body, _CHOICES, NAMES)
        for choice in _objects(body.get("choices")):
            choice.pop("logprobs", None)
            message = choice.get("message")
            yield from beside(choice, _SAID, NAMES)
            if isinstance(message, dict):
                yield from beside(message, _CALLS, NAMES)

    def tool_calls(self, body: dict[str, Any]) -> Iterator[ToolCall]:
        """The functions that a choice wants to be called, in the present and the former form."""
        for choice in _objects(body.get("choices")):
            yield from _calls(choice.get("message"))

    def usage(self, body: dict[str, Any]) -> Usage | None:
        """`usage` stands in an answer, and in the last event of a stream."""
        used = body.get("usage")
        if not isinstance(used, dict):
            return None
        return Usage(number(used.get("prompt_tokens")), number(used.get("completion_tokens")))

    def event(self, body: dict[str, Any]) -> Event:
        """Pieces of each choice; a choice ends with its `finish_reason`."""
        pieces: list[Piece] = []
        tools: list[ToolPiece] = []
        ends: list[tuple[str | int, ...]] = []
        whole = list(beside(body, _CHOICES, NAMES))
        for choice in _objects(body.get("choices")):
            index = number(choice.get("index"))
            choice.pop("logprobs", None)
            delta = choice.get("delta")
            whole += beside(choice, _SAID, NAMES)
            if isinstance(delta, dict):
                tools += _tool_pieces(delta, index)
                pieces += (Piece(("c", index, *slot.path), slot) for slot in beside(delta, _CALLS, NAMES))
            if choice.get("finish_reason") is not None:
                ends += [("c", index), ("t", index)]
        return Event(pieces=pieces, whole=whole, tools=tools, ends=ends, usage=self.usage(body))

    def another(self, body: dict[str, Any], piece: Piece, text: str) -> dict[str, Any]:
        """One choice with one more piece."""
        delta: Any = text
        for step in reversed(piece.channel[2:]):
            delta = {step: delta} if isinstance(step, str) else [delta]
        kept = {key: value for key, value in body.items() if key not in ("choices", "usage")}
        return kept | {"choices": [{"index": piece.channel[1], "delta": delta, "finish_reason": None}]}

    def most_tokens(self, body: dict[str, Any]) -> int | None:
        """For all choices together."""
        most = body.get("max_completion_tokens") or body.get("max_tokens")
        return number(most) * max(1, number(body.get("n"))) if most else None

    def prepare(self, body: dict[str, Any]) -> bool:
        """A stream tells its usage only when asked."""
        options = body.get("stream_options")
        if not body.get("stream") or (isinstance(options, dict) and options.get("include_usage")):
            return False
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        return True


_CHOICES: Final = frozenset({"choices"})
_SAID: Final = frozenset({"message", "delta", "logprobs"})
_CALLS: Final = frozenset({"tool_calls", "function_call"})


def _origin(value: dict[str, Any], path: Path, by: Origin) -> Origin:
    if len(path) == 2 and path[0] == "messages":
        return _ROLES.get(str(value.get("role")), "user")
    return by


def _calls(message: Any) -> Iterator[ToolCall]:  # as JSON has it
    if not isinstance(message, dict):
        return
    functions = [call.get("function") for call in _objects(message.get("tool_calls"))]
    for function in [*functions, message.get("function_call")]:
        if isinstance(function, dict):
            yield ToolCall(str(function.get("name", "")), str(function.get("arguments") or "{}"), _put(function))
    for call in _objects(message.get("tool_calls")):
        custom = call.get("custom")
        if isinstance(custom, dict):
            yield ToolCall(str(custom.get("name", "")), str(custom.get("input") or ""), _put(custom, "input"))


def _put(holder: dict[str, Any], key: str = "arguments") -> Any:
    def put(text: str) -> None:
        holder[key] = text

    return put


def _tool_pieces(delta: dict[str, Any], index: int) -> Iterator[ToolPiece]:
    for call in _objects(delta.get("tool_calls")):
        for kind, key in (("function", "arguments"), ("custom", "input")):
            function = call.get(kind)
            if isinstance(function, dict):
                slot = Slot(function, key, "assistant", ()) if isinstance(function.get(key), str) else None
                yield ToolPiece(("t", index, number(call.get("index"))), str(function.get("name") or ""), slot)
    function = delta.get("function_call")
    if isinstance(function, dict):
        slot = Slot(function, "arguments", "assistant", ()) if isinstance(function.get("arguments"), str) else None
        yield ToolPiece(("t", index, -1), str(function.get("name") or ""), slot)


def _objects(value: Any) -> list[dict[str, Any]]:  # as JSON has it
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
