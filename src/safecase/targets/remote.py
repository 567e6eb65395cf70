"""A target behind HTTP that speaks one of the known APIs, asked by many at once."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from safecase.readers.text import shown
from safecase.targets.connection import Answer
from safecase.targets.dialects import Dialect
from safecase.targets.dialects.dialect import Json, dict_of, text_of
from safecase.targets.target import Ask, Fault, Reply, Unanswered
from safecase.targets.wire import Wire

LONGEST_WAIT_S: Final = 120.0
_SHORTEST_KEY: Final = 4
_FILTERED: Final = frozenset(
    {"content_filter", "content_policy_violation", "policy", "responsible_ai_policy_violation"}
)
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
    ) -> None:
        """`identities` are headers by name, `fields` what stands in the bodies of their requests beside ours."""
        self._wire, self._dialect, self._model = wire, dialect, model
        self._identities = dict(identities or {}) or {"": {}}
        self._fields = dict(fields or {})
        self._first = next(iter(self._identities))
        self._without: set[str] = set()
        self._renamed = ""
        self._secrets = [
            secret
            for headers in self._identities.values()
            for value in headers.values()
            if len(secret := value.removeprefix("Bearer ")) >= _SHORTEST_KEY
        ]

    async def ask(self, asked: Ask) -> Reply:
        """Answer once; a parameter that the server does not know is left out from then on."""
        for _ in range(len(_OURS) + 1):
            answer = await self._send(asked)
            if answer.status != 400 or not self._learn(answer):
                break
        return self._reply(answer, asked)

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
        about = dict_of(_json(answer).get("error")).get("param")
        if about == "max_tokens" and not self._renamed:
            self._renamed = "max_completion_tokens"
            return True
        if about not in _OURS or about in self._without:
            return False
        self._without.add(about)
        return True

    def _reply(self, answer: Answer, asked: Ask) -> Reply:
        if answer.status >= 300:
            return self._refused(answer)
        streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
        told = self._dialect.joined(_events(answer)) if streamed else _json(answer)
        if error := dict_of(told.get("error")):
            raise Unanswered("bad_response", f"the answer is an error: {self._shown(text_of(error.get('message')))}")
        reply = self._dialect.reply(told)
        return msgspec.structs.replace(
            reply,
            text=self._redacted(reply.text),
            finish_reason=shown(reply.finish_reason, 40),
            model=self._shown(reply.model),
            status=answer.status,
            seconds=answer.seconds,
        )

    def _refused(self, answer: Answer) -> Reply:
        error = dict_of(_json(answer, strict=False).get("error"))
        said = {text_of(error.get("code")), text_of(error.get("type"))}
        if answer.status < 500 and said & _FILTERED:
            return Reply("", answer.status, "content_filter", refused_by_filter=True, seconds=answer.seconds)
        fault: Fault = "http_5xx" if answer.status >= 500 else "http_4xx"
        if answer.status in (408, 409, 425, 429):
            fault = "rate_limited"
        mend = _MENDS.get(answer.status, "look into the log of the service")
        message = f"HTTP {answer.status}" + (f": {self._shown(text_of(error.get('message')))}" if error else "")
        raise Unanswered(fault, message, again_s=wait(answer.headers), mend=mend)

    def _redacted(self, text: str) -> str:
        """A target may say back what we send, our credentials too; nothing of ours may keep them."""
        for secret in self._secrets:
            text = text.replace(secret, "<key>")
        return text

    def _shown(self, text: str) -> str:
        return shown(self._redacted(text), 120)


_MENDS: Final = {
    401: "give a credential that it takes",
    403: "give a credential that it takes",
    404: "give the base URL of the API, with its /v1",
    405: "give the base URL of the API, with its /v1",
    429: "ask less at once, or raise its limit for this test",
}


def wait(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float:
    """Give the seconds that a server asks us to wait, as a number or a date (RFC 9110, 10.2.3); 0 where it does not."""
    told = headers.get("retry-after", "")
    try:
        return min(max(0.0, float(told)), LONGEST_WAIT_S) if told else 0.0
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(told).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, until - clock()), LONGEST_WAIT_S)


def _json(answer: Answer, *, strict: bool = True) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(_text(answer))
    except (msgspec.DecodeError, RecursionError) as why:
        if not strict or answer.status >= 300:
            return {}
        raise Unanswered("bad_response", "the answer is no JSON", mend=_MENDS[404]) from why
    return dict_of(told)


def _events(answer: Answer) -> list[Json]:
    found: list[Json] = []
    for line in _text(answer).splitlines():
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            try:
                found.append(dict_of(msgspec.json.decode(line[5:])))
            except (msgspec.DecodeError, RecursionError) as why:
                raise Unanswered("bad_response", "an event of the stream is no JSON") from why
    return found


def _text(answer: Answer) -> str:
    """Read a body in the encoding that it names, as far as it can be read."""
    kind = answer.headers.get("content-type", "").lower()
    name = kind.partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
    try:
        return answer.body.decode(name, "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")
