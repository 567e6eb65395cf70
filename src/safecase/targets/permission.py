"""Whom we may ask: this machine always, any other host only when the user says that it is theirs.

A name is resolved once, here, and the connection goes to that address: a name that points elsewhere a moment later
(DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.vocabulary import Noun


class Permission(Noun, frozen=True):
    """A URL that may be asked, and the addresses that it stands for."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]
    loopback: bool


def allowed(url: str, owned: Sequence[str] = ()) -> Permission:
    """Give the permission to ask `url`, or refuse; `owned` are the hosts of `--i-own-this-target`."""
    parts, port = _split(url)
    host = (parts.hostname or "").lower().rstrip(".")
    known = {name.lower().rstrip(".") for name in owned}
    mine = bool({host, f"{host}:{port}"} & known)
    if not mine and host != "localhost" and not _is_loopback(host):
        # Before any look-up: a name may be made of a secret, and asking for it would already tell it.
        raise CollectError(
            "the endpoint's host is not this machine, and nobody said that it is theirs",
            mend="add --i-own-this-target HOST if it is yours",
        )
    addresses = _resolved(host, port)
    loopback = all(_is_loopback(address) for address in addresses)
    if not loopback and not mine:
        raise CollectError(
            f"{shown(host)} is not this machine, and nobody said that it is theirs",
            mend=f"add --i-own-this-target {shown(host)} if it is yours",
        )
    return Permission(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=parts.path.rstrip("/"),
        addresses=addresses,
        loopback=loopback,
    )


def _split(url: str) -> tuple[SplitResult, int]:
    # The URL itself stays out of the messages: it may come from the environment and hold a secret.
    wanted = "give deployment.endpoint.url as http(s)://HOST[:PORT]/PATH"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as why:
        raise CollectError("the endpoint's url cannot be read", mend=wanted) from why
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CollectError("the endpoint's url is no http(s) address", mend=wanted)
    if parts.username is not None or parts.password is not None:
        raise CollectError(
            "the endpoint's url carries a credential",
            mend="take it out of the url and give it as `key: ${env:NAME}`",
        )
    if parts.query or parts.fragment:
        raise CollectError("the endpoint's url has a part behind `?` or `#`", mend=wanted)
    return parts, port or (443 if parts.scheme == "https" else 80)


def _resolved(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as why:
        raise CollectError(
            f"{shown(host)} is not known to the name service", mend="correct the host in deployment.endpoint.url"
        ) from why
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
