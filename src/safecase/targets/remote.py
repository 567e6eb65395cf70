"""A target behind HTTP that speaks one of the known APIs, asked by many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from safecase.readers.text import shown
from safecase.targets.answers import (
    Credentials,
    error_in,
    events_in,
    failed,
    is_stream,
    json_in,
    object_in,
    refused,
)
from safecase.targets.connection import Answer
from safecase.targets.dialects import Dialect
from safecase.targets.target import Ask, Reply
from safecase.targets.wire import Wire

_OURS: Final = ("max_tokens", "seed", "temperature", "stream_options", "store")
"""Parameters that some servers do not know, and that we can do without."""


class RemoteTarget:
    """Speaks one dialect over one wire; as whom it asks is a matter of the identity's headers."""

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect,
        *,
        model: str = "",
        identities: Mapping[str, Mapping[str, str]] | None = None,
        fields: Mapping[str, Mapping[str, Any]] | None = None,
        stream: bool = False,
    ) -> None:
        """`identities` are headers by name, `fields` what stands in the bodies of their requests beside ours."""
        self._stream = stream
        self._wire, self._dialect, self._model = wire, dialect, model
        self._identities = dict(identities or {}) or {"": {}}
        self._fields = dict(fields or {})
        self._first = next(iter(self._identities))
        self._without: set[str] = set()
        self._renamed = ""
        self._credentials = Credentials(value for headers in self._identities.values() for value in headers.values())

    async def ask(self, asked: Ask) -> Reply:
        """Answer once; a parameter that the server does not know is left out from then on."""
        if self._stream:
            asked = msgspec.structs.replace(asked, stream=True)
        for _ in range(len(_OURS) + 1):
            answer = await self._send(asked)
            if answer.status != 400 or not self._learn(answer):
                break
        return self._reply(answer)

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()

    async def _send(self, asked: Ask) -> Answer:
        body = self._dialect.body(asked)
        if self._model:
            body["model"] = self._model
        wishes = {"max_tokens": asked.max_tokens, "seed": asked.seed, "temperature": asked.temperature}
        for name, value in wishes.items():
            if value is not None:
                body[self._renamed or self._dialect.tokens if name == "max_tokens" else name] = value
        for name in self._without:
            body.pop(name, None)
        who = asked.identity or self._first
        body |= self._fields.get(who, {})
        headers = {"content-type": "application/json", **self._identities.get(who, {})}
        path = self._wire.base + self._dialect.path
        return await self._wire.exchange("POST", path, headers, msgspec.json.encode(body))

    def _learn(self, answer: Answer) -> bool:
        """Do without a parameter that the server complains about; says whether there was one."""
        about = error_in(answer).get("param")
        if about == "max_tokens" and not self._renamed:
            self._renamed = "max_completion_tokens"
            return True
        if about not in _OURS or about in self._without:
            return False
        self._without.add(about)
        return True

    def _reply(self, answer: Answer) -> Reply:
        if answer.status >= 300:
            return refused(answer, self._credentials)
        first, events = 0.0, []
        if is_stream(answer):
            events = [(object_in(event), event.seconds) for event in events_in(answer)]
            told = self._dialect.joined([one for one, _ in events])
            first = next((seconds for one, seconds in events if self._dialect.piece(one)), 0.0)
        else:
            told = json_in(answer)
        for one in (*(event for event, _ in events), told):
            if filtered := failed(one, self._credentials, answer.seconds):
                return filtered
        reply = self._dialect.reply(told)
        return msgspec.structs.replace(
            reply,
            text=self._credentials.redacted(reply.text),
            finish_reason=shown(reply.finish_reason, 40),
            model=self._credentials.shown(reply.model),
            status=answer.status,
            seconds=answer.seconds,
            first_token_s=first,
        )
