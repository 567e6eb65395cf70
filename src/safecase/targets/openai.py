"""A target that speaks the OpenAI chat completions protocol, as most model servers and gateways do."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from safecase.errors import CollectError
from safecase.readers.conversations import Conversation
from safecase.readers.text import shown
from safecase.service.schema import Endpoint
from safecase.targets.connection import Answer, Connection
from safecase.targets.permission import allowed
from safecase.targets.target import Reply

TRIED = 2
LONGEST_WAIT_S = 5.0
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "policy", "responsible_ai_policy_violation"})
_SHORTEST_KEY = 4


class OpenAITarget:
    """An OpenAI-compatible endpoint; a context manager, so that its connections are closed.

    `secret` resolves references, `owned` are the hosts of `--i-own-this-target`, `remaining` says how many seconds are
    left altogether.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        secret: Callable[[str], str],
        owned: Sequence[str],
        remaining: Callable[[], float],
    ) -> None:
        if endpoint.api != "openai":
            raise CollectError(
                f"an endpoint of kind {endpoint.api} cannot be asked yet",
                mend="put an OpenAI-compatible route in front of it, and say `api: openai`",
            )
        permission = allowed(secret(endpoint.url), owned)
        self._key = secret(endpoint.key)
        if self._key and not (self._key.isascii() and self._key.isprintable()):
            raise CollectError("the endpoint's key has signs that no header can carry", mend="correct the key")
        self._path = permission.path + "/chat/completions"
        self._model = endpoint.model
        self._remaining = remaining
        self._renamed: dict[str, str] = {}
        self._connection = Connection(permission, timeout_s=endpoint.timeout_s, remaining=remaining)

    def __enter__(self) -> OpenAITarget:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(
        self, conversation: Conversation, *, max_tokens: int, seed: int | None = None, temperature: float | None = None
    ) -> Reply:
        """Answer a conversation; one more try after a failure that may pass."""
        wishes = {"max_tokens": max_tokens, "seed": seed, "temperature": temperature}
        for attempt in range(1, TRIED + 1):
            last = attempt == TRIED
            try:
                answer = self._post(conversation, wishes)
            except CollectError:
                if last or self._remaining() <= 0:
                    raise
                time.sleep(min(0.2, self._remaining()))
                continue
            if answer.status in _AGAIN and not last:
                time.sleep(min(_wait(answer.headers), LONGEST_WAIT_S, self._remaining()))
                continue
            if answer.status == 400 and not last and self._learn(answer):
                continue
            return self._reply(answer)
        raise AssertionError("the last try returns or raises")

    def _post(self, conversation: Conversation, wishes: Mapping[str, Any]) -> Answer:
        body: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.text} for message in conversation],
            "stream": False,
        }
        if self._model:
            body["model"] = self._model
        for name, value in wishes.items():
            called = self._renamed.get(name, name)
            if value is not None and called:
                body[called] = value
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return self._connection.exchange("POST", self._path, headers=headers, body=body)

    def _learn(self, answer: Answer) -> bool:
        """Leave out, from now on, a parameter that this endpoint does not know; says whether there was one."""
        about = _error(_json(answer)).get("param")
        if about not in ("max_tokens", "seed", "temperature") or about in self._renamed:
            return False
        self._renamed[about] = "max_completion_tokens" if about == "max_tokens" else ""
        return True

    def _reply(self, answer: Answer) -> Reply:
        if answer.status >= 300:
            return self._refused(answer)
        told = _json(answer)
        choices = told.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        message = first.get("message") if isinstance(first, dict) else None
        if not isinstance(first, dict) or not isinstance(message, dict):
            raise CollectError("the endpoint's answer is no chat completion", mend=_BASE)
        reason = _text(first.get("finish_reason"))
        used = told.get("usage")
        usage = used if isinstance(used, dict) else {}
        return Reply(
            text=self._redacted(_content(message)),
            status=answer.status,
            finish_reason=shown(reason, 40),
            refused_by_filter=reason == "content_filter",
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            seconds=answer.seconds,
            model=shown(self._redacted(_text(told.get("model"))), 120),
        )

    def _refused(self, answer: Answer) -> Reply:
        error = _error(_json(answer))
        if answer.status < 500 and {error.get("code"), error.get("type")} & _FILTERED:
            return Reply(
                text="",
                status=answer.status,
                finish_reason="content_filter",
                refused_by_filter=True,
                seconds=answer.seconds,
            )
        if answer.status in (401, 403):
            told = "our credential" if self._key else "us: it wants a credential"
            raise CollectError(
                f"the endpoint refuses {told} (HTTP {answer.status})",
                mend="give a valid one as `key: ${env:NAME}` in deployment.endpoint",
            )
        if answer.status < 400:
            raise CollectError(
                f"the endpoint sends us elsewhere (HTTP {answer.status}), and we follow nowhere",
                mend="declare the address that answers itself",
            )
        if answer.status == 404:
            raise CollectError("the endpoint has no /chat/completions (HTTP 404)", mend=_BASE)
        raise CollectError(f"the endpoint answers HTTP {answer.status}", mend="look into the log of the service")

    def _redacted(self, text: str) -> str:
        """A target may say back what we send, our credential too; nothing of ours may keep it."""
        return text.replace(self._key, "<key>") if len(self._key) >= _SHORTEST_KEY else text


_BASE = "give the base url of an OpenAI-compatible API, with its /v1, as deployment.endpoint.url"


def _wait(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float:
    """Seconds that the endpoint asks us to wait, as a number or as a date (RFC 9110, 10.2.3)."""
    told = headers.get("retry-after", "")
    try:
        return min(max(0.0, float(told)), LONGEST_WAIT_S) if told else 0.2
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - clock())
    except (ValueError, OverflowError):
        return 0.2


def _json(answer: Answer) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError) as why:
        if answer.status >= 300:
            return {}
        raise CollectError("the endpoint's answer is no JSON", mend=_BASE) from why
    return told if isinstance(told, dict) else {}


def _error(told: Mapping[str, Any]) -> dict[str, str]:
    error = told.get("error")
    if not isinstance(error, dict):
        return {}
    return {name: value for name, value in error.items() if isinstance(name, str) and isinstance(value, str)}


def _content(message: Mapping[str, Any]) -> str:
    """The text of a message: one text, or parts of which some are texts; a refusal where that is all."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return _text(content) or _text(message.get("refusal"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
