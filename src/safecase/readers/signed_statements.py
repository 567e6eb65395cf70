"""Signed statements (in-toto in DSSE envelopes): what all their readers do alike; who signed is asked elsewhere."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from safecase.readers.model_signatures import NotRead

MOST_SIGNATURES: Final = 16
STATEMENTS: Final = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})


def json_object(content: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None where it is none."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def envelope(said: Mapping[str, Any]) -> tuple[str, bytes, tuple[bytes, ...]]:
    """Give type, payload and signatures of a DSSE envelope, alone or within a Sigstore bundle."""
    inner = said.get("dsseEnvelope")
    said = inner if isinstance(inner, dict) else said
    signatures = said.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise NotRead("it is not signed")
    made = tuple(decoded(one.get("sig")) for one in signatures[:MOST_SIGNATURES] if isinstance(one, dict))
    return str(said.get("payloadType")), decoded(said.get("payload")), made


def decoded(text: Any) -> bytes:  # as JSON has it
    """Decode base64."""
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError) as why:
        raise NotRead("what should be base64 in it is none") from why


def digests(subjects: Any) -> Iterator[str]:  # as JSON has it
    """Give the SHA-256 of each subject of a statement."""
    for subject in subjects if isinstance(subjects, list) else ():
        digest = block(subject, "digest").get("sha256") if isinstance(subject, dict) else None
        if isinstance(digest, str):
            yield digest.lower()


def block(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give the object under a key; an empty one where there is none."""
    found = said.get(key)
    return found if isinstance(found, dict) else {}
