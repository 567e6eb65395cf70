"""Look at the TLS certificate of a vendor's endpoint: whose it is, until when it holds, whether its key is pinned."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecase.vocabulary import Noun

SECONDS: Final = 10.0
SOON: Final = timedelta(days=14)


class Probed(Noun, frozen=True):
    """What a look at an endpoint told."""

    vendor: str
    endpoint: str
    verdict: Literal["pass", "fail", "unknown"]
    message: str
    pin: str = ""
    """`sha256/…` of the public key, to be written into the register once it is trusted."""


def probe(vendor: str, endpoint: str, pins: Sequence[str], *, roots: ssl.SSLContext | None = None) -> Probed:
    """Connect, and compare the certificate with the roots of this machine and the pins; sends no request."""

    def told(verdict: Literal["pass", "fail", "unknown"], message: str, pin: str = "") -> Probed:
        return Probed(vendor=vendor, endpoint=endpoint, verdict=verdict, message=message, pin=pin)

    parts = urlsplit(endpoint)
    if parts.scheme != "https" or not parts.hostname:
        return told("fail", "it is no https address, so nothing proves who answers")
    context = roots or ssl.create_default_context()
    try:
        address = (parts.hostname, parts.port or 443)
        with (
            socket.create_connection(address, timeout=SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            content = secure.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as why:
        return told("fail", f"its certificate does not hold: {why.verify_message}")
    except (OSError, ValueError) as why:
        return told("unknown", f"it cannot be reached: {why}")
    certificate = x509.load_der_x509_certificate(content)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = "sha256/" + base64.b64encode(hashlib.sha256(key).digest()).decode()
    until = certificate.not_valid_after_utc
    if pins and pin not in pins:
        return told("fail", f"its key is {pin}, which is none of the pinned ones", pin)
    if until - datetime.now(UTC) < SOON:
        return told("fail", f"its certificate ends on {until.date()}", pin)
    return told("pass", f"its certificate holds until {until.date()}" + ("" if pins else f"; its key is {pin}"), pin)
