"""Where a server listens: on this machine, unless somebody says that others may reach it."""

from __future__ import annotations

import ipaddress

from safecase.errors import UsageError


def address(listen: str, *, public: bool, reads: str) -> tuple[str, int]:
    """Read HOST:PORT; an address that others reach must be wanted, since they could `reads`. Raises `UsageError`."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
        raise UsageError("--listen is no address", mend="give it as 127.0.0.1:PORT")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not public:
        raise UsageError(
            f"other machines could reach that address, and {reads}",
            mend="add --i-know-others-can-reach-it if they may",
        )
    return host, int(port)
