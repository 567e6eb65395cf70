"""The hub behind the firewall: bounded questions to permitted addresses, redirects followed by hand, nothing trusted.

The firewall's own token goes to the hub's own origin and nowhere else; a client's token goes nowhere at all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from safecase import __version__
from safecase.firewall import names
from safecase.firewall.addresses import Guard, Origin, origin_of
from safecase.firewall.refusals import Code, Refusal, one_line, upstream_failed
from safecase.readers.text import shown
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 60.0
MOST_ANSWER: Final = 32_000_000
MOST_HOPS: Final = 5
MOST_ORIGINS: Final = 16
"""Hosts behind the hub to which connections are kept open."""

_CODES: Final[Mapping[str, Code]] = {
    "GatedRepo": "GatedRepo",
    "EntryNotFound": "EntryNotFound",
    "RepoNotFound": "RepoNotFound",
    "RevisionNotFound": "RevisionNotFound",
}
_DIGEST: Final = re.compile(r"(?:W/)?\"?([0-9a-f]{64}|[0-9a-f]{40})\"?")


class Facts(Noun, frozen=True):
    """What the hub says of a file."""

    commit: str
    digest: str
    """SHA-256 of the bytes (64 digits), or SHA-1 of the git blob (40)."""
    size: int


class Told(Noun, frozen=True):
    """What the hub answered to a question."""

    body: bytes
    link: str = ""
    """Its `Link` header, as it came."""
    type: str = "application/json"


class Upstream:
    """Questions to one hub."""

    def __init__(self, guard: Guard, *, token: str = "", moved: Callable[[names.Repo], None]) -> None:
        self._guard = guard
        self._token = token
        self._moved = moved
        self._clients: dict[Origin, httpx2.AsyncClient] = {}

    async def facts(self, path: str) -> Facts:
        """Ask for the commit, digest and size of a file; raises `Refusal`."""
        seen: dict[str, str] = {}
        with _failures(str(self._guard.hub)):
            async with asyncio.timeout(ANSWER_SECONDS), self._hops("HEAD", path, leave=False, seen=seen) as answer:
                _raise_for(answer.status_code, answer.headers)
                elsewhere = answer.status_code in _REDIRECTS
                if not elsewhere:
                    seen.setdefault("x-linked-size", answer.headers.get("content-length", ""))
                return _facts(seen, "" if elsewhere else answer.headers.get("etag", ""))

    async def ask(self, path: str, *, method: str = "GET", body: bytes = b"", content_type: str = "") -> Told:
        """Ask for something that is told in JSON; raises `Refusal`."""
        extra = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        with _failures(str(self._guard.hub)):
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._hops(method, path, leave=False, body=body, extra=extra) as answer,
            ):
                _raise_for(answer.status_code, answer.headers)
                if answer.status_code in _REDIRECTS:
                    raise upstream_failed("the hub leads to another host for what only it can tell")
                content = await _bounded(answer)
        return Told(body=content, link=answer.headers.get("link", ""))

    @asynccontextmanager
    async def bytes_from(self, path: str, start: int) -> AsyncIterator[httpx2.Response]:
        """Ask for the bytes of a file from `start` on; raises `Refusal`, and what httpx2 raises of a broken one."""
        extra = {"Range": f"bytes={start}-"} if start else {}
        async with self._hops("GET", path, leave=True, extra=extra) as answer:
            _raise_for(answer.status_code, answer.headers)
            if answer.status_code in _REDIRECTS:
                raise upstream_failed("the hub leads around in a circle")
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise upstream_failed("the hub compresses its answer although asked not to")
            yield answer

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    @asynccontextmanager
    async def _hops(
        self,
        method: str,
        path: str,
        *,
        leave: bool,
        seen: dict[str, str] | None = None,
        body: bytes = b"",
        extra: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """Follow redirects within the hub, and where `leave` says so to other hosts; notes headers on the way."""
        url = f"{self._guard.hub}{path}"
        for hop in range(MOST_HOPS + 1):
            async with self._exchange(method, url, body, extra or {}) as answer:
                _note(answer.headers, seen)
                target = urljoin(url, answer.headers.get("location", ""))
                ends = answer.status_code not in _REDIRECTS or "location" not in answer.headers or hop == MOST_HOPS
                if ends or (not leave and origin_of(target) != self._guard.hub):
                    yield answer
                    return
            self._same_repository(target)
            url = target

    def _same_repository(self, target: str) -> None:
        """A renamed repository is another one: whoever has the new name may not be whom the policy means."""
        if origin_of(target) != self._guard.hub:
            return
        try:
            found = names.wanted(urlsplit(target).path)
        except Refusal:
            return
        self._moved(found.repo)

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, body: bytes, extra: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        import httpx2

        origin = origin_of(url)
        addresses = await self._guard.addresses(origin)
        headers = {"Host": origin.authority, "Accept-Encoding": "identity", "User-Agent": f"safecase/{__version__}"}
        if self._token and origin == self._guard.hub:
            headers["Authorization"] = f"Bearer {self._token}"
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        failed: httpx2.ConnectError | httpx2.ConnectTimeout | None = None
        for address in addresses:
            literal = f"[{address}]" if ":" in address else address
            target = f"{origin.scheme}://{literal}:{origin.port}{parts.path or '/'}{query}"
            client = await self._client(origin)
            sent = client.build_request(
                method, target, headers=headers | dict(extra), content=body or None, extensions=_named(origin)
            )
            try:
                answer = await client.send(sent, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as why:
                failed = why
                continue
            try:
                yield answer
            finally:
                await answer.aclose()
            return
        assert failed is not None
        raise failed

    async def _client(self, origin: Origin) -> httpx2.AsyncClient:
        """One client a host: a connection whose certificate was one host's must not carry questions to another."""
        import httpx2

        if origin not in self._clients:
            while len(self._clients) >= MOST_ORIGINS:
                oldest = next(o for o in self._clients if o != self._guard.hub)
                await self._clients.pop(oldest).aclose()
            self._clients[origin] = httpx2.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                verify=httpx2.create_ssl_context() if origin.scheme == "https" else False,
            )
        return self._clients[origin]


_REDIRECTS: Final = (301, 302, 303, 307, 308)


def _named(origin: Origin) -> dict[str, Any]:  # the extensions of httpx2
    return {
        "sni_hostname": origin.host,
        "timeout": {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS, "pool": READ_SECONDS},
    }


def _note(headers: Mapping[str, str], seen: dict[str, str] | None) -> None:
    if seen is None:
        return
    for name in ("x-repo-commit", "x-linked-etag", "x-linked-size"):
        if name in headers:
            seen[name] = headers[name]


def _facts(seen: Mapping[str, str], etag: str) -> Facts:
    commit = seen.get("x-repo-commit", "")
    digest = _DIGEST.fullmatch(seen.get("x-linked-etag") or etag)
    size = seen.get("x-linked-size", "")
    if not names.is_commit(commit):
        raise upstream_failed("the hub does not say of which commit the file is (X-Repo-Commit)")
    if digest is None:
        raise upstream_failed("the hub gives no digest of the file (ETag) by which its bytes could be verified")
    if not size.isascii() or not size.isdecimal() or len(size) > 18:
        raise upstream_failed("the hub does not say how large the file is")
    return Facts(commit=commit, digest=digest[1], size=int(size))


def _raise_for(status: int, headers: Mapping[str, str]) -> None:
    if status < 400:
        return
    said = shown(headers.get("x-error-message", "").encode("ascii", "replace").decode(), 300)
    code = _CODES.get(headers.get("x-error-code", ""), "")
    if status == 429:
        after = headers.get("retry-after", "")
        seconds = min(int(after), 300) if after.isascii() and after.isdecimal() and len(after) < 6 else 10
        raise Refusal(429, "", one_line(said or "the hub asks for fewer questions"), action="wait", retry_s=seconds)
    if status >= 500:
        raise upstream_failed(f"the hub failed with {status}" + (f": {said}" if said else ""), retry_s=5)
    if status in (401, 403) and not code:
        code = "GatedRepo" if status == 403 else "RepoNotFound"
    raise Refusal(status, code, one_line(said or f"the hub answers {status}"), action="absent")


async def _bounded(answer: httpx2.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise upstream_failed("the hub compresses its answer although asked not to")
    parts, size = [], 0
    async for part in answer.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > MOST_ANSWER:
            raise upstream_failed(f"the hub answers more than {MOST_ANSWER // 1_000_000} MB")
    return b"".join(parts)


class _failures:  # noqa: N801  it reads as a word of `with`
    """Turn what breaks on the way into what a client is told."""

    def __init__(self, hub: str) -> None:
        self._hub = hub

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, why: BaseException | None, _trace: object) -> None:
        if isinstance(why, Exception):
            told = failure(why, self._hub)
            if told is not None:
                raise told from why


def failure(why: Exception, hub: str) -> Refusal | None:
    """Give what a client is told of an exception on the way to the hub; None where it is no such."""
    import httpx2

    if isinstance(why, TimeoutError | httpx2.TimeoutException):
        return upstream_failed(f"{hub} did not answer in time", status=504)
    if isinstance(why, httpx2.ConnectError):
        secure = "certificate" in str(why).lower() or "ssl" in str(why).lower()
        return upstream_failed(
            f"{hub} has no certificate that is trusted here" if secure else f"{hub} cannot be reached"
        )
    if isinstance(why, httpx2.HTTPError | httpx2.InvalidURL | UnicodeError):
        return upstream_failed(f"{hub} broke off ({type(why).__name__})")
    return None
