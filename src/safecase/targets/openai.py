"""A target that speaks the OpenAI chat completions protocol, as most model servers and gateways do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from safecase.errors import CollectError
from safecase.readers.conversations import Conversation
from safecase.readers.text import shown
from safecase.service.schema import Endpoint
from safecase.targets.answers import Credentials, error_in, filtered, json_in, wait
from safecase.targets.connection import Answer, Connection
from safecase.targets.dialects import chat
from safecase.targets.permission import allowed
from safecase.targets.target import Ask, Reply, Unanswered

TRIED = 2
LONGEST_WAIT_S = 5.0
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


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
        self._credentials = Credentials([self._key])
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
                time.sleep(min(wait(answer.headers) or 0.2, LONGEST_WAIT_S, self._remaining()))
                continue
            if answer.status == 400 and not last and self._learn(answer):
                continue
            return self._reply(answer)
        raise AssertionError("the last try returns or raises")

    def _post(self, conversation: Conversation, wishes: Mapping[str, Any]) -> Answer:
        body = chat.body(Ask(conversation=conversation))
        if self._model:
            body["model"] = self._model
        for name, value in wishes.items():
            known = self._renamed.get(name, name)
            if value is not None and known:
                body[known] = value
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return self._connection.exchange("POST", self._path, headers=headers, body=body)

    def _learn(self, answer: Answer) -> bool:
        """Leave out, from now on, a parameter that this endpoint does not know; says whether there was one."""
        about = error_in(answer).get("param")
        if about not in ("max_tokens", "seed", "temperature") or about in self._renamed:
            return False
        self._renamed[about] = "max_completion_tokens" if about == "max_tokens" else ""
        return True

    def _reply(self, answer: Answer) -> Reply:
        if answer.status >= 300:
            return self._refused(answer)
        try:
            reply = chat.reply(json_in(answer))
        except Unanswered as why:
            raise CollectError(why.message.replace("the answer", "the endpoint's answer"), mend=_BASE) from why
        return msgspec.structs.replace(
            reply,
            text=self._credentials.redacted(reply.text),
            finish_reason=shown(reply.finish_reason, 40),
            model=self._credentials.shown(reply.model),
            status=answer.status,
            seconds=answer.seconds,
        )

    def _refused(self, answer: Answer) -> Reply:
        if (reply := filtered(answer)) is not None:
            return reply
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


_BASE = "give the base url of an OpenAI-compatible API, with its /v1, as deployment.endpoint.url"
