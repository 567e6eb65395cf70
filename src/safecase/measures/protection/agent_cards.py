"""Agent cards of the A2A protocol: where an agent answers, and whether the card is signed (A2A 1.0, 8.4; RFC 7515)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from safecase.detectors.tool_calls.mcp_pins import canonical
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.readers.model_signatures import Key

PATHS: Final = ("/.well-known/agent-card.json", "/.well-known/agent.json")
"""The second is that of versions before 0.3."""
MOST_SIGNATURES: Final = 10


class Card(NamedTuple):
    """What an agent says of itself."""

    value: dict[str, Any]
    """As JSON has it."""
    version: Literal["1.0", "0.3", ""]
    """Of the protocol."""


def read_card(content: bytes) -> Card | None:
    """Read a card; None where it is none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or "capabilities" not in value:
        return None
    return Card(value, "1.0" if isinstance(value.get("supportedInterfaces"), list) else "0.3")


def signed_by(card: Card, keys: Sequence[Key]) -> tuple[bool, str]:
    """Say whether one of the keys signed the card, and else why none did."""
    signatures = [one for one in _list(card.value.get("signatures"))[:MOST_SIGNATURES] if isinstance(one, dict)]
    if not signatures:
        return False, "it is not signed"
    try:
        body = canonical({name: value for name, value in card.value.items() if name != "signatures"})
    except (ValueError, TypeError, RecursionError):
        return False, "it cannot be written in one way (RFC 8785)"
    doubts = [_doubt(one, body, keys) for one in signatures]
    return ("" in doubts), next((doubt for doubt in doubts if doubt), "")


def _doubt(one: dict[str, Any], body: bytes, keys: Sequence[Key]) -> str:
    protected, signature = str(one.get("protected", "")), _decoded(str(one.get("signature", "")))
    try:
        header = json.loads(_decoded(protected))
    except (ValueError, RecursionError):
        return "its signature is broken"
    algorithm = header.get("alg") if isinstance(header, dict) else None
    signed = f"{protected}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}".encode()
    if algorithm not in ("ES256", "ES384", "ES512", "EdDSA"):
        return f"it is signed by {shown(str(algorithm), 20)}, which is not verified here"
    return "" if any(_verifies(key, algorithm, signature, signed) for key in keys) else "no declared key signed it"


def _verifies(key: Key, algorithm: str, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    used = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}.get(algorithm)
    try:
        if used is None and isinstance(key.key, ed25519.Ed25519PublicKey):
            key.key.verify(signature, signed)
            return True
        if used is not None and isinstance(key.key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            key.key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(used))
            return True
    except InvalidSignature:
        pass
    return False


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
