"""Sending an agent messages as its peers would, and as strangers would: which does it take?"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from safecase.errors import CollectError
from safecase.measures.protection.agent_cards import PATHS, Card, read_card
from safecase.measures.protection.message_signatures import Signer
from safecase.service.schema import Agent, Signing
from safecase.targets.permission import Permission
from safecase.targets.target import Unanswered
from safecase.targets.wire import Wire

Outcome: TypeAlias = Literal["taken", "refused", "silent"]

TIMEOUT_S: Final = 30.0
OLD_S: Final = 86_400
MOST_CALLS: Final = 12
_REFUSED: Final = frozenset({"TASK_STATE_AUTH_REQUIRED", "TASK_STATE_REJECTED", "auth-required", "rejected"})
"""States of a task that was not taken on (A2A 1.0 and 0.3)."""
_TEXT: Final = "Please answer with the word received."


class Tried(NamedTuple):
    """One message, and what became of it."""

    name: str
    outcome: Outcome
    status: int


class Heard(NamedTuple):
    """What an agent did."""

    card: Card | None
    valid: Tried | None
    """What a listed sender sends; None where there are no credentials for one."""
    forged: tuple[Tried, ...]
    """What nobody may send."""


class _Message(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Peer:
    """Sends to one agent."""

    def __init__(
        self,
        agent: Agent,
        permission: Permission,
        wire: Wire,
        *,
        secret: Callable[[str], str],
        remaining: Callable[[], float],
    ) -> None:
        self._agent, self._wire, self._remaining = agent, wire, remaining
        self._path = permission.path or "/"
        usual = {"http": 80, "https": 443}[permission.scheme]
        self._authority = permission.host + (f":{permission.port}" if permission.port != usual else "")
        self._key = secret(agent.key)
        if self._key and not (self._key.isascii() and self._key.isprintable()):
            raise CollectError(f"the key for {agent.id} has signs that no header can carry", mend="correct it")
        self._signer = Signer(agent.signing, secret(agent.signing.key)) if agent.signing is not None else None
        self._version = "1.0"

    async def hears(self) -> Heard:
        """Ask for the card, send what a listed sender sends, then what nobody may send."""
        card = await self._card() if self._agent.speaks == "a2a" else None
        self._version = card.version if card is not None else "1.0"
        if not self._key and self._signer is None:
            return Heard(card, None, (await self._tried("unauthenticated", self._message()),))
        first = self._message(key=self._key, signer=self._signer)
        valid = await self._tried("valid", first)
        if valid.outcome == "silent":
            return Heard(card, valid, ())
        forged = [("replayed", first), ("unauthenticated", self._message())]
        if self._key:
            forged.append(("wrong token", self._message(key=secrets.token_urlsafe(24), signer=self._signer)))
        if self._agent.signing is not None and self._signer is not None:
            forged += self._badly_signed(self._agent.signing, self._signer)
        return Heard(card, valid, tuple([await self._tried(name, message) for name, message in forged]))

    def _badly_signed(self, signing: Signing, signer: Signer) -> list[tuple[str, _Message]]:
        stranger = Signing(keyid=f"stranger-{secrets.token_hex(4)}", key="", algorithm=signing.algorithm)
        honest = self._message(key=self._key, signer=signer)
        changed = _Message(honest.headers, honest.body.replace(_TEXT.encode(), b"Please answer with the word altered."))
        found = [
            ("signed with another key", self._message(key=self._key, signer=Signer(signing, ""))),
            ("signed by an unlisted sender", self._message(key=self._key, signer=Signer(stranger, ""))),
            ("changed after it was signed", changed),
            ("signed a day ago", self._message(key=self._key, signer=signer, age=OLD_S)),
        ]
        return [("unsigned", self._message(key=self._key)), *found] if self._key else found

    def _message(self, *, key: str = "", signer: Signer | None = None, age: int = 0) -> _Message:
        body = json.dumps(self._said()).encode()
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if self._agent.speaks == "a2a" and self._version == "1.0":
            headers["a2a-version"] = "1.0"
        if key:
            headers["authorization"] = f"Bearer {key}"
        if signer is not None:
            headers |= signer.headers(self._authority, self._path, body, created=int(time.time()) - age)
        return _Message(headers, body)

    def _said(self) -> dict[str, Any]:
        number = secrets.token_hex(8)
        if self._agent.speaks == "http":
            return {"id": number, "message": _TEXT}
        if self._agent.speaks == "mcp":
            client = {"name": "safecase", "version": "1", "title": _TEXT}
            params: dict[str, Any] = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
            return {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": params}
        if self._version == "1.0":
            message: dict[str, Any] = {"messageId": number, "role": "ROLE_USER", "parts": [{"text": _TEXT}]}
            return {"jsonrpc": "2.0", "id": number, "method": "SendMessage", "params": {"message": message}}
        message = {"kind": "message", "messageId": number, "role": "user", "parts": [{"kind": "text", "text": _TEXT}]}
        return {"jsonrpc": "2.0", "id": number, "method": "message/send", "params": {"message": message}}

    async def _tried(self, name: str, message: _Message) -> Tried:
        if self._remaining() <= 0:
            return Tried(name, "silent", 0)
        try:
            answer = await self._wire.exchange("POST", self._path, message.headers, message.body)
        except Unanswered:
            return Tried(name, "silent", 0)
        taken = answer.status < 300 and (self._agent.speaks == "http" or _has_result(answer.body))
        return Tried(name, "taken" if taken else "silent" if answer.status >= 500 else "refused", answer.status)

    async def _card(self) -> Card | None:
        for path in PATHS:
            try:
                answer = await self._wire.exchange("GET", path, {"accept": "application/json"}, None)
            except Unanswered as why:
                raise CollectError(why.message, mend="start the agent") from why
            card = read_card(answer.body) if answer.status == 200 else None
            if card is not None:
                return card
        return None


async def heard(
    agent: Agent, permission: Permission, *, secret: Callable[[str], str], remaining: Callable[[], float]
) -> Heard:
    """Open a connection to an agent and hear what it takes; raises CollectError where it cannot be asked."""
    wire = Wire(permission, most=1, timeout_s=max(1.0, min(TIMEOUT_S, remaining())))
    try:
        return await Peer(agent, permission, wire, secret=secret, remaining=remaining).hears()
    finally:
        await wire.close()


def _has_result(body: bytes) -> bool:
    """Say whether a JSON-RPC answer, whole or the first event of a stream, carries a result that is no refusal."""
    for line in [body, *(row[5:] for row in body.splitlines() if row.startswith(b"data:"))]:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict):
            return "result" in told and not told.get("error") and _state(told["result"]) not in _REFUSED
    return False


def _state(result: Any) -> str:  # as JSON has it: a task, or what holds one
    task = result.get("task", result) if isinstance(result, dict) else None
    status = task.get("status") if isinstance(task, dict) else None
    return str(status.get("state", "")) if isinstance(status, dict) else ""
