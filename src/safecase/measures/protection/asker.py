"""Asking the declared endpoint as a client does, once or again and again until it says that it is enough."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from safecase.checks import Context, Estimate
from safecase.errors import CollectError
from safecase.measures.protection.gate import HEADER
from safecase.service.schema import Endpoint, Manifest
from safecase.targets.connection import Connection
from safecase.targets.permission import allowed

MOST_CALLS: Final = 120
ENOUGH_CALLS: Final = 50
"""Fewer calls without a refusal say nothing of a limit."""
MOST_SECONDS: Final = 45.0
_REMAINING: Final = ("ratelimit-remaining", "x-ratelimit-remaining", "x-ratelimit-remaining-requests")


class Asked(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def said(self) -> dict[str, Any]:
        """The JSON object of the answer; empty where it is none."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def choice(self) -> dict[str, Any]:
        """The first choice of a completion."""
        choices = self.said.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        return first if isinstance(first, dict) else {}

    @property
    def message(self) -> dict[str, Any]:
        """The message of a chat completion."""
        found = self.choice.get("message")
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """What a chat completion says."""
        return str(self.message.get("content") or "")

    @property
    def call(self) -> str:
        """Under which our gateway logs it; empty where none of ours is in the path."""
        return self.headers.get(HEADER, "")


class Asker:
    """The declared endpoint; `with` closes its connections."""

    def __init__(self, endpoint: Endpoint, ctx: Context) -> None:
        permission = allowed(ctx.secret(endpoint.url), ctx.owned)
        self._connection = Connection(permission, timeout_s=endpoint.timeout_s, remaining=ctx.remaining)
        self._path = permission.path
        key = ctx.secret(endpoint.key)
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self.model = endpoint.model or "default"

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Asked:
        """Send a JSON body to a path below the endpoint's URL."""
        sent = {**self._headers, **(headers or {})}
        answer = self._connection.exchange("POST", self._path + path, headers=sent, body=dict(body))
        return Asked(answer.status, answer.headers, answer.body)

    def get(self, path: str) -> Asked:
        """Fetch a path below the endpoint's URL."""
        answer = self._connection.exchange("GET", self._path + path, headers=self._headers)
        return Asked(answer.status, answer.headers, answer.body)

    def page(self, language: str) -> Asked:
        """Fetch the first page of the endpoint's host as a stranger who reads a language."""
        answer = self._connection.exchange("GET", "/", headers={"accept": "text/html", "accept-language": language})
        return Asked(answer.status, answer.headers, answer.body)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]] | str,
        *,
        max_tokens: int,
        headers: Mapping[str, str] | None = None,
        **wishes: Any,  # further fields of the API
    ) -> Asked:
        """Ask for one chat completion; a text is what a user says."""
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
        body = {"model": self.model, "messages": said, "max_tokens": max_tokens, **wishes}
        return self.post("/chat/completions", body, headers)


class Insisted(NamedTuple):
    """What came of asking again and again."""

    asked: int
    status: int
    """Of the last answer; 200 where all were answered."""
    seconds: float
    counted: bool
    """Its headers told, each time, how many calls are left, and their number fell."""


def insist(ask: Callable[[int], Asked], most: int, remaining: Callable[[], float]) -> Insisted:
    """Ask up to `most` times, until an answer is refused or the time is over."""
    started, left = time.monotonic(), []
    for number in range(most):
        asked = ask(number)
        spent = time.monotonic() - started
        told = next((asked.headers[name] for name in _REMAINING if name in asked.headers), "")
        left += [int(told)] if told.isascii() and told.isdigit() else []
        if asked.status != 200 or spent > MOST_SECONDS or remaining() < 5:
            return Insisted(number + 1, asked.status, spent, _fell(left))
    return Insisted(most, 200, time.monotonic() - started, _fell(left))


def _fell(left: Sequence[int]) -> bool:
    return len(left) > 1 and min(left) < left[0]


class Verdict(NamedTuple):
    """What a series of calls says of a limit."""

    verdict: Literal["pass", "fail", "unknown"]
    told: str
    mend: str = ""


def limited(seen: Insisted, declared: int | None) -> Verdict:
    """Judge whether calls are counted and end; `declared` is how many a minute the gateway is said to let through."""
    calls = f"{seen.asked} calls in {seen.seconds:.0f} s"
    if seen.status == 429:
        return Verdict("pass", f"call {seen.asked} was refused (429): calls are counted, and end")
    if seen.status != 200:
        told = f"call {seen.asked} got HTTP {seen.status}, which says nothing of a limit"
        return Verdict("unknown", told, "look into the log of the service")
    if declared is not None and seen.asked > 2 * declared and seen.seconds < MOST_SECONDS:
        told = f"{declared} calls a minute are declared, and {calls} were answered"
        return Verdict(
            "fail", told, "let every call go through `safecase gateway run`, and ask it with a key of its own"
        )
    if seen.counted:
        return Verdict("pass", "each answer tells how many calls are left, and their number falls")
    if declared is not None:
        told = f"{declared} calls a minute are declared, and {calls} do not reach them"
        return Verdict("unknown", told, f"try it with a key of lower limits, {ENOUGH_CALLS} calls a minute or fewer")
    if seen.asked < ENOUGH_CALLS:
        mend = f"let testing.attacks.calls be {ENOUGH_CALLS} or more, and settings.check_seconds enough for them"
        return Verdict("unknown", f"only {calls} were made, too few to meet a limit", mend)
    mend = "limit the calls of each key: `safecase gateway keys create NAME --requests-per-minute 60`"
    return Verdict("fail", f"{calls} were all answered, and no limit was told", mend)


def declared_per_minute(manifest: Manifest) -> int | None:
    """Give how many calls a minute the gateway's policy lets each key make; None where it does not say."""
    limits = manifest.protection.gateway.get("limits")
    said = limits.get("requests_per_minute") if isinstance(limits, dict) else None
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else None


def calls_of(manifest: Manifest) -> int:
    """Give how many calls may be made to meet a limit."""
    return min(MOST_CALLS, manifest.testing.attacks.calls)


def cost(manifest: Manifest, calls: int, tokens: int) -> Estimate:
    """Estimate what so many calls cost at the most."""
    attacks = manifest.testing.attacks
    money = tokens / 1000 * attacks.price_per_1000_tokens
    currency = attacks.currency if attacks.price_per_1000_tokens else ""
    return Estimate(calls=calls, tokens=tokens, money=money, currency=currency, seconds=60.0)


def speaks_chat(endpoint: Endpoint) -> None:
    """Raise CollectError where nobody said how the endpoint is asked."""
    if endpoint.api != "openai":
        mend = "put an OpenAI-compatible route in front of it, and say `api: openai`"
        raise CollectError(f"an endpoint of kind {endpoint.api} cannot be asked yet", mend=mend)
