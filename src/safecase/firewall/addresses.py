"""Where the firewall may connect to: the hub that it was given, and public addresses that the hub sends it on to.

A hub that answers with a redirect to this machine, to the network around it or to a cloud's metadata service would make
the firewall ask there with its own rights. A name is resolved once and the connection goes to that address.
"""

from __future__ import annotations

import asyncio
import fnmatch
import ipaddress
import socket
from typing import Final
from urllib.parse import SplitResult, urlsplit

from safecase.errors import UsageError
from safecase.firewall.refusals import Refusal, upstream_failed
from safecase.readers.text import shown
from safecase.vocabulary import Noun

RESOLVE_SECONDS: Final = 10.0
_TRANSLATED: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class Origin(Noun, frozen=True):
    """Scheme, host and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as a URL has them; the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = {"http": 80, "https": 443}.get(self.scheme)
        return host if self.port == own else f"{host}:{self.port}"


class Guard(Noun, frozen=True):
    """Decides where to connect."""

    hub: Origin
    hosts: tuple[str, ...] = ()
    """Globs of hosts that may be private, or may be asked without TLS."""

    async def addresses(self, origin: Origin) -> tuple[str, ...]:
        """Give the addresses to connect to; raises `Refusal` where that is no place for us."""
        trusted = origin == self.hub or any(fnmatch.fnmatchcase(origin.host, glob) for glob in self.hosts)
        if origin.scheme != "https" and not trusted:
            raise upstream_failed(f"the hub leads to {shown(origin.host)} without TLS")
        found = await _resolved(origin)
        if not trusted:
            inside = [address for address in found if not _is_public(address)]
            if inside:
                raise upstream_failed(
                    f"the hub leads to {shown(origin.host)}, which is no public address ({shown(inside[0])})"
                )
        return found


def origin_of(url: str) -> Origin:
    """Give the origin of an absolute URL; raises `Refusal`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as why:
        raise upstream_failed("the hub leads to something that is no URL") from why
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise upstream_failed("the hub leads to something that is no plain http(s) URL")
    return Origin(scheme=parts.scheme, host=parts.hostname.lower().rstrip("."), port=port or _own_port(parts))


def hub(url: str) -> Origin:
    """Give the origin of the hub as a user wrote it; raises `UsageError`."""
    try:
        found = origin_of(url)
        parts = urlsplit(url)
    except Refusal as why:
        raise UsageError("--upstream is no address", mend="give it as https://HOST[:PORT]") from why
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError("--upstream has a path", mend=f"give it as {shown(str(found), 200)}")
    return found


def _own_port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


async def _resolved(origin: Origin) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except TimeoutError as why:
        raise upstream_failed(f"the name service does not answer for {shown(origin.host)}", status=504) from why
    except (OSError, UnicodeError) as why:
        raise upstream_failed(f"{shown(origin.host)} is not known to the name service") from why
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.sixtofour is not None or found.teredo is not None or any(found in net for net in _TRANSLATED):
            return False  # an IPv4 address in disguise
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped.is_global
    return found.is_global and not found.is_multicast
