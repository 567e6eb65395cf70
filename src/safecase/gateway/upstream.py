"""Upstreams: who answers for a model, asked within time, again where that may help, and left alone while it is down."""

from __future__ import annotations

import asyncio
import fnmatch
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import aiohttp

from safecase.gateway.apis.api import Shape
from safecase.gateway.policy import GatewayPolicy, UpstreamPolicy
from safecase.gateway.refusals import Refused
from safecase.readers.text import shown

TRY_AGAIN: Final = frozenset({502, 503, 504, 529})
GO_ELSEWHERE: Final = TRY_AGAIN | {429, 500}
FAILS: Final = 5
"""So many failures in a row open the circuit."""
OPEN_S: Final = 10.0
"""So long nobody is sent to an upstream whose circuit is open; then one call tries."""
LONGEST_WAIT_S: Final = 5.0
PASSED_ON: Final = ("anthropic-version", "anthropic-beta", "openai-beta", "traceparent", "tracestate")
"""Headers of clients that go on to the upstream; nothing else of them does."""


class Breaker:
    """Counts failures in a row, and says whether an upstream may be asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fails = 0
        self._closed_at = 0.0

    def allows(self) -> bool:
        """Say whether a call may go; once the time is over, one may try, and then nobody until it is back."""
        if self._fails < FAILS:
            return True
        if self._clock() < self._closed_at:
            return False
        self._closed_at = self._clock() + OPEN_S
        return True

    def worked(self) -> None:
        """Close the circuit."""
        self._fails = 0

    def failed(self) -> None:
        """Count a failure."""
        self._fails += 1
        self._closed_at = self._clock() + OPEN_S

    @property
    def open(self) -> bool:
        """Say whether it keeps calls away."""
        return self._fails >= FAILS and self._clock() < self._closed_at


class Reply:
    """An upstream's answer whose head is there."""

    def __init__(self, upstream: UpstreamPolicy, response: aiohttp.ClientResponse) -> None:
        self.upstream = upstream
        self.status = response.status
        self.kind = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
        self.retry_after = response.headers.get("retry-after", "")
        self._response = response

    async def whole(self, most: int) -> bytes:
        """Give the whole body; raises `Refused` where it is larger than `most` bytes, or does not come."""
        length = self._response.content_length
        if length is not None and length <= most and "content-encoding" not in self._response.headers:
            try:
                return await self._response.read()
            except (TimeoutError, aiohttp.ClientError, OSError) as why:
                raise self._broke(why) from why
        parts: list[bytes] = []
        size = 0
        async for part in self.parts():
            size += len(part)
            if size > most:
                raise Refused("upstream", f"the upstream's answer is larger than {most} bytes")
            parts.append(part)
        return b"".join(parts)

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the body as it comes; raises `Refused` where it stops or breaks."""
        content = self._response.content
        while True:
            try:
                part = await content.readany()
            except (TimeoutError, aiohttp.ClientError, OSError) as why:
                raise self._broke(why) from why
            if not part:
                return
            yield part

    def done(self) -> None:
        """Give the connection back where the body was read to its end; else cut it off.

        Then the upstream stops working for a client who is gone.
        """
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()

    def _broke(self, why: Exception) -> Refused:
        if isinstance(why, TimeoutError):
            return Refused("upstream_slow", f"the upstream sent nothing for {self.upstream.idle_s:g} s")
        return Refused("upstream", "the upstream's answer broke off")


class _Known(NamedTuple):
    policy: UpstreamPolicy
    timeout: aiohttp.ClientTimeout
    headers: Mapping[str, str]
    breaker: Breaker


class Upstreams:
    """All upstreams of a policy, and the connections to them."""

    def __init__(self, policy: GatewayPolicy, secret: Callable[[str], str]) -> None:
        self._known: dict[str, _Known] = {}
        for upstream in policy.upstreams:
            key = secret(upstream.key) if upstream.key else ""
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=upstream.connect_s, sock_read=upstream.idle_s)
            self._known[upstream.id] = _Known(upstream, timeout, _credentials(upstream, key), Breaker())
        self._session: aiohttp.ClientSession | None = None
        self._most = policy.limits.at_once

    async def start(self) -> None:
        """Open the pool of connections."""
        connector = aiohttp.TCPConnector(limit=self._most, keepalive_timeout=30, ttl_dns_cache=60)
        # Redirects are not followed, cookies not kept, the environment's proxies not used: a call goes where the policy
        # says, and nowhere else.
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def stop(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def states(self) -> dict[str, str]:
        """Say of each upstream whether calls go to it."""
        return {name: "open" if known.breaker.open else "closed" for name, known in self._known.items()}

    def models(self) -> list[tuple[str, str]]:
        """Give the model names that are said without a sign for many, and who answers for them."""
        return [
            (model, known.policy.id)
            for known in self._known.values()
            for model in known.policy.models
            if not any(sign in model for sign in "*?[")
        ]

    def route(self, shape: Shape, model: str) -> list[UpstreamPolicy]:
        """Give who is asked for a model, in order; raises `Refused` where nobody answers for it."""
        for known in self._known.values():
            policy = known.policy
            if policy.api == shape.api and fits(model, policy.models):
                chain = [policy, *(self._known[name].policy for name in policy.fallback)]
                return [one for one in chain if one.api == shape.api]
        raise Refused("no_model", f"the model {shown(model, 100)} does not exist here", param="model")

    async def ask(
        self,
        chain: list[UpstreamPolicy],
        shape: Shape,
        body: Callable[[UpstreamPolicy], bytes],
        passed: Mapping[str, str],
    ) -> Reply:
        """Ask the first that answers, and give its answer once the head is there; `Reply.done` has to follow."""
        refused = Refused("upstream", "no upstream can be asked now")
        for position, upstream in enumerate(chain):
            last = position == len(chain) - 1
            breaker = self._known[upstream.id].breaker
            for attempt in range(upstream.retries + 1):
                if not breaker.allows():
                    refused = Refused("upstream", "the upstream is down", retry_after_s=OPEN_S)
                    break
                try:
                    reply = await self._once(upstream, shape, body(upstream), passed)
                except Refused as why:
                    breaker.failed()
                    refused = why
                    if why.reason == "upstream_slow":
                        break  # whoever is slow once is not asked to be slow twice
                else:
                    if reply.status >= 500:
                        breaker.failed()
                    else:
                        breaker.worked()
                    again = reply.status in TRY_AGAIN and attempt < upstream.retries
                    elsewhere = reply.status in GO_ELSEWHERE and not last
                    if not again and not elsewhere:
                        return reply
                    reply._response.close()
                    if not again:
                        break
                if attempt < upstream.retries:
                    await asyncio.sleep(min(LONGEST_WAIT_S, 0.1 * 2**attempt) * (0.5 + random.random() / 2))  # noqa: S311
        raise refused

    async def _once(self, upstream: UpstreamPolicy, shape: Shape, body: bytes, passed: Mapping[str, str]) -> Reply:
        assert self._session is not None
        known = self._known[upstream.id]
        headers = {**passed, **known.headers} if passed else known.headers
        asked = self._session.post(
            upstream.url.rstrip("/") + shape.path,
            data=body,
            headers=headers,
            timeout=known.timeout,
            allow_redirects=False,
        )
        try:
            if upstream.first_byte_s == upstream.idle_s:
                return Reply(upstream, await asked)
            async with asyncio.timeout(upstream.first_byte_s):
                return Reply(upstream, await asked)
        except TimeoutError as why:
            raise Refused("upstream_slow", f"the upstream did not answer within {upstream.first_byte_s:g} s") from why
        except (aiohttp.ClientError, OSError, ValueError) as why:
            raise Refused("upstream", "the upstream cannot be reached") from why


def _credentials(upstream: UpstreamPolicy, key: str) -> dict[str, str]:
    headers = {"content-type": "application/json", "user-agent": "safecase-gateway"}
    if upstream.api == "anthropic":
        headers |= {"x-api-key": key} if key else {}
    elif key:
        headers["authorization"] = f"Bearer {key}"
    return headers


def fits(model: str, names: Sequence[str]) -> bool:
    """Say whether a model's name is one of some names and globs."""
    return "*" in names or any(fnmatch.fnmatchcase(model, name) for name in names)


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Give what of a client's headers goes on to the upstream."""
    return {name: headers[name] for name in PASSED_ON if name in headers}


def retry_after(told: Any) -> float:  # as a header has it
    """Read `Retry-After` in seconds; 0 where it says none."""
    try:
        return max(0.0, min(float(told), 3600.0))
    except (TypeError, ValueError):
        return 0.0
