"""Signing what one agent sends to another: HTTP Message Signatures (RFC 9421) with a content digest (RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from safecase.errors import CollectError
from safecase.service.schema import Signing

Algorithm: TypeAlias = Literal["ed25519", "ecdsa-p256-sha256", "hmac-sha256"]
COVERED: Final = ("@method", "@authority", "@path", "content-digest")


class Signer:
    """A sender's key; `key` is its text, or empty for a key that nobody knows."""

    def __init__(self, signing: Signing, key: str) -> None:
        self._keyid, self._algorithm = signing.keyid, signing.algorithm
        self._key = _private(signing.algorithm, key) if key else _unknown(signing.algorithm)

    def headers(self, authority: str, path: str, body: bytes, *, created: int) -> dict[str, str]:
        """Give the headers that sign a POST of `body`."""
        digest = f"sha-256=:{_base64(hashlib.sha256(body).digest())}:"
        covered = " ".join(f'"{name}"' for name in COVERED)
        params = (
            f'({covered});created={created};keyid="{self._keyid}";alg="{self._algorithm}"'
            f';nonce="{secrets.token_urlsafe(16)}"'
        )
        base = signature_base(
            {"@method": "POST", "@authority": authority, "@path": path, "content-digest": digest}, params
        )
        return {
            "content-digest": digest,
            "signature-input": f"sig1={params}",
            "signature": f"sig1=:{_base64(self._sign(base))}:",
        }

    def _sign(self, base: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        if self._algorithm == "hmac-sha256":
            return hmac.new(self._key, base, hashlib.sha256).digest()
        if self._algorithm == "ed25519":
            return bytes(self._key.sign(base))
        r, s = decode_dss_signature(self._key.sign(base, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signature_base(values: Mapping[str, str], params: str) -> bytes:
    """Write what is signed (RFC 9421, 2.5)."""
    lines = [f'"{name}": {values[name]}' for name in COVERED]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def _private(algorithm: Algorithm, key: str) -> Any:  # bytes, or a private key of the algorithm's kind
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if algorithm == "hmac-sha256":
        return key.encode()
    mend = f"give a private key for {algorithm} in PEM, without a password"
    try:
        found = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as why:
        raise CollectError("the key that signs messages cannot be read", mend=mend) from why
    curve = isinstance(found, ec.EllipticCurvePrivateKey) and found.curve.name == "secp256r1"
    if not (isinstance(found, ed25519.Ed25519PrivateKey) if algorithm == "ed25519" else curve):
        raise CollectError("the key that signs messages is of another kind", mend=mend)
    return found


def _unknown(algorithm: Algorithm) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "hmac-sha256":
        return secrets.token_bytes(32)
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
