"""JSON-RPC 2.0 messages of strangers: what cannot be read in one way only does not pass."""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypeAlias

from safecase.gateway.bodies import read_body, written
from safecase.gateway.refusals import Refused

Message: TypeAlias = dict[str, Any]  # as JSON has it
Kind: TypeAlias = Literal["request", "notification", "response"]
Id: TypeAlias = str | int

UNREADABLE: Final = -32700
INVALID: Final = -32600
NO_METHOD: Final = -32601
FAILED: Final = -32603
REFUSED: Final = -32000
LONGEST_ID: Final = 200
LONGEST_METHOD: Final = 100
_KEYS: Final[dict[Kind, frozenset[str]]] = {
    "request": frozenset({"jsonrpc", "id", "method", "params"}),
    "notification": frozenset({"jsonrpc", "method", "params"}),
    "response": frozenset({"jsonrpc", "id", "result", "error"}),
}


def read(line: bytes, depth: int) -> Message:
    """Read one message; raises `Refused` where it is none (a batch is none since revision 2025-06-18)."""
    message = read_body(line, depth)
    if b"\\ud" in line.lower():
        _check_text(message)
    kind = kind_of(message)
    if message.get("jsonrpc") != "2.0":
        raise Refused("invalid", "the message is no JSON-RPC 2.0")
    if message.keys() - _KEYS[kind]:
        raise Refused("invalid", f"a {kind} has keys that JSON-RPC does not know")
    if kind != "notification" and not (_is_id(message["id"]) or (message["id"] is None and "error" in message)):
        raise Refused("invalid", "the id is neither a short text nor a whole number")
    if kind == "response":
        _check_answer(message)
    elif not isinstance(message["method"], str) or len(message["method"]) > LONGEST_METHOD:
        raise Refused("invalid", "the method is no short text")
    elif not isinstance(message.get("params", {}), dict):
        raise Refused("invalid", "the params are no object")
    return message


def kind_of(message: Message) -> Kind:
    """Say what a message is; raises `Refused`."""
    if "method" in message:
        return "request" if "id" in message else "notification"
    if "id" in message and ("result" in message) != ("error" in message):
        return "response"
    raise Refused("invalid", "the message is neither a request, nor a notification, nor an answer")


def failure(to: Id | None, code: int, told: str) -> Message:
    """Write an error."""
    return {"jsonrpc": "2.0", "id": to, "error": {"code": code, "message": told}}


def line_of(message: Message) -> bytes:
    """Write a message as a line; JSON has no line breaks of its own."""
    return written(message) + b"\n"


def _check_text(message: Message) -> None:
    """Half a character, which JSON can spell, is read in as many ways as there are readers."""
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError as why:
        raise Refused("unreadable", "a text holds half a character") from why


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_ID
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _check_answer(message: Message) -> None:
    if "result" in message:
        if not isinstance(message["result"], dict):
            raise Refused("invalid", "the result is no object")
        return
    error = message["error"]
    known = isinstance(error, dict) and not error.keys() - {"code", "message", "data"}
    if not known or type(error.get("code")) is not int or not isinstance(error.get("message"), str):
        raise Refused("invalid", "the error has no code and message")
