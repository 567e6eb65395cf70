"""One bounded HTTP exchange after another with a permitted host: no redirects, no proxies, no endless answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from safecase.errors import CollectError
from safecase.targets.permission import Permission
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 2_000_000
MOST_AT_ONCE = 8


class Answer(Noun, frozen=True):
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    seconds: float
    arrived: tuple[tuple[int, float], ...] = ()
    """How many bytes of a stream were there after how many seconds."""


class Connection:
    """Connections to one permitted host; may be used from several threads.

    `remaining` says how many seconds are left altogether: no exchange takes longer.
    """

    def __init__(self, permission: Permission, *, timeout_s: float, remaining: Callable[[], float]) -> None:
        import httpx2

        self._permission = permission
        self._timeout_s = timeout_s
        self._remaining = remaining
        self._address = permission.addresses[0]
        self._client = httpx2.Client(
            trust_env=False,  # a proxy would resolve the name again, and could be anywhere
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=MOST_AT_ONCE),
            verify=httpx2.create_ssl_context() if permission.scheme == "https" else False,
        )

    def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: Any = None,  # what JSON can hold
    ) -> Answer:
        """Send one request, JSON where it has a body; raises CollectError where no bounded answer comes."""
        import httpx2

        limit = min(self._timeout_s, self._remaining())
        if limit <= 0:
            raise CollectError("no time is left", mend=_LONGER)
        started = time.monotonic()
        for address in (self._address, *(a for a in self._permission.addresses if a != self._address)):
            try:
                answer = self._send(address, method, path, headers, body, started, limit)
            except httpx2.ConnectError as why:
                failed = why
                continue
            except httpx2.TimeoutException as why:
                raise CollectError(f"{self._name} did not answer within {limit:.3g} s", mend=_SLOW) from why
            except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as why:
                raise CollectError(f"{self._name} broke off ({type(why).__name__})", mend=_LOGS) from why
            self._address = address
            return answer
        raise CollectError(self._unreachable(failed), mend=_START) from failed

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    @property
    def _name(self) -> str:
        return f"{self._permission.host}:{self._permission.port}"

    def _unreachable(self, why: Exception) -> str:
        if "certificate" in str(why).lower() or "ssl" in str(why).lower():
            return f"{self._name} has no certificate that this machine trusts, or speaks no TLS"
        return f"{self._name} cannot be reached"

    def _send(
        self,
        address: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Any,
        started: float,
        limit: float,
    ) -> Answer:
        permission = self._permission
        literal = f"[{address}]" if ":" in address else address
        named = f"[{permission.host}]" if ":" in permission.host else permission.host
        with self._client.stream(
            method,
            f"{permission.scheme}://{literal}:{permission.port}{path}",
            headers={"Host": f"{named}:{permission.port}", "Accept-Encoding": "identity"} | dict(headers),
            json=body,
            timeout=limit,
            extensions={"sni_hostname": permission.host},
        ) as response:
            content = self._bounded(response, started + limit)
            told = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status_code, headers=told, body=content, seconds=time.monotonic() - started)

    def _bounded(self, response: httpx2.Response, deadline: float) -> bytes:
        """Read the body as it comes, unpacking nothing: a small compressed body can unpack to gigabytes."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise CollectError(f"{self._name} compresses its answer although asked not to", mend=_LOGS)
        parts, size = [], 0
        for part in response.iter_raw():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise CollectError(f"{self._name} answers more than {MOST_BYTES // 1_000_000} MB", mend=_LOGS)
            if time.monotonic() > deadline:
                raise CollectError(f"{self._name} did not come to an end of its answer in time", mend=_SLOW)
        return b"".join(parts)


_LONGER = "raise testing.attacks.seconds or settings.check_seconds in safecase.yaml"
_SLOW = "raise deployment.endpoint.timeout_s, or look why it is slow"
_LOGS = "look into the log of the service"
_START = "start the service, or correct deployment.endpoint.url"
