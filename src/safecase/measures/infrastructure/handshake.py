"""TLS handshakes with a permitted address: a real one that verifies, and the first words of an old one."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.targets.permission import Permission

OldTls: TypeAlias = Literal["refused", "spoken", "unclear"]

MOST_ANSWER = 4096
_TLS_1_0, _TLS_1_1 = 0x0301, 0x0302
_HANDSHAKE, _ALERT, _SERVER_HELLO = 22, 21, 2
# What servers of that time spoke: AES and 3DES with RSA, DHE and ECDHE, and the signal of RFC 5746.
_OLD_SUITES = (0xC014, 0xC00A, 0xC013, 0xC009, 0x0039, 0x0033, 0x0035, 0x002F, 0xC012, 0x0016, 0x000A, 0x00FF)
_CURVES = (0x001D, 0x0017, 0x0018, 0x0019)


class Verified(NamedTuple):
    """What a handshake with verification showed."""

    protocol: str
    cipher: str
    expires: datetime


class Refused(NamedTuple):
    """The other side proved nothing; why, in a few words."""

    rule: str
    why: str


def verified(permission: Permission, seconds: Callable[[], float]) -> Verified | Refused:
    """Shake hands as a client that trusts what this machine trusts (SSL_CERT_FILE, or the system's store)."""
    context = ssl.create_default_context()
    try:
        with connected(permission, seconds) as plain:
            host = permission.host
            with context.wrap_socket(plain, server_hostname=host) as tls:
                certificate, cipher = tls.getpeercert() or {}, tls.cipher()
                protocol = tls.version() or "an unknown protocol"
    except ssl.SSLCertVerificationError as why:
        return Refused(_rule_of(why), shown(str(why.verify_message or why.reason), 160))
    except ssl.SSLError as why:
        return Refused("no-tls", shown(str(why.reason or "no handshake").replace("_", " ").lower(), 100))
    except TimeoutError as why:
        raise _slow(permission) from why
    except OSError as why:
        return Refused("no-tls", f"the connection broke off in the handshake ({type(why).__name__})")
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return Verified(protocol, cipher[0] if cipher else "", until)


def speaks_old(permission: Permission, seconds: Callable[[], float]) -> OldTls:
    """Offer TLS 1.1 and 1.0 at the most, and see whether the server takes it up.

    The first message is written by hand: the TLS library of this machine may refuse to speak so itself.
    """
    try:
        with connected(permission, seconds) as plain:
            plain.sendall(_old_hello(permission.host))
            answer = _answer(plain)
    except OSError:
        return "refused"  # a server that hangs up takes nothing up
    if not answer:
        return "refused"
    if answer[0] == _ALERT:
        return "refused"
    if len(answer) >= 11 and answer[0] == _HANDSHAKE and answer[5] == _SERVER_HELLO:
        chosen = struct.unpack(">H", answer[9:11])[0]
        return "spoken" if chosen <= _TLS_1_1 else "unclear"
    return "unclear"


def connected(permission: Permission, seconds: Callable[[], float]) -> socket.socket:
    """Connect to the first address that answers; CollectError where none does."""
    for address in permission.addresses:
        limit = seconds()
        if limit <= 0:
            raise CollectError("no time is left", mend="raise settings.check_seconds in safecase.yaml")
        try:
            return socket.create_connection((address, permission.port), timeout=limit)
        except TimeoutError:
            raise _slow(permission) from None
        except OSError:
            continue
    raise CollectError(
        f"{shown(permission.host)}:{permission.port} cannot be reached",
        mend="start the service, or correct deployment.endpoint.url",
    )


def _slow(permission: Permission) -> CollectError:
    name = f"{shown(permission.host)}:{permission.port}"
    return CollectError(f"{name} did not answer in time", mend="raise deployment.endpoint.timeout_s")


def _rule_of(why: ssl.SSLCertVerificationError) -> str:
    # OpenSSL's X509_V_ERR numbers: 10 expired, 62 to 64 another host's.
    if why.verify_code == 10:
        return "expired"
    return "other-host" if why.verify_code in (62, 63, 64) else "chain"


def _old_hello(host: str) -> bytes:
    """Write a ClientHello of TLS 1.1 (RFC 4346, 7.4.1.2), with the name of the host (RFC 6066, 3)."""
    suites = b"".join(struct.pack(">H", suite) for suite in _OLD_SUITES)
    extensions = _extension(10, _counted(b"".join(struct.pack(">H", curve) for curve in _CURVES)))
    extensions += _extension(11, b"\x01\x00")
    if not host.replace(".", "").isdigit() and ":" not in host:
        name = host.encode("idna", "replace") if not host.isascii() else host.encode()
        extensions = _extension(0, _counted(b"\x00" + _counted(name))) + extensions
    body = (
        struct.pack(">H", _TLS_1_1) + os.urandom(32) + b"\x00" + _counted(suites) + b"\x01\x00" + _counted(extensions)
    )
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return bytes([_HANDSHAKE]) + struct.pack(">H", _TLS_1_0) + _counted(message)


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack(">H", number) + _counted(content)


def _counted(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def _answer(plain: socket.socket) -> bytes:
    """Read as much as tells what was chosen: the head of the first record and of the message in it."""
    found = b""
    while len(found) < 11 and (part := plain.recv(MOST_ANSWER)):
        found += part
        if found[0] == _ALERT and len(found) >= 7:
            break
    return found
