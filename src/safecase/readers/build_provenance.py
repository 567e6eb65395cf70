"""How something was built, as its builder states it: in-toto statements of SLSA, signed in DSSE envelopes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from safecase.errors import CollectError
from safecase.readers.model_signatures import PAYLOAD, Bundle, Key, NotRead, signer
from safecase.readers.text import shown

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_STATEMENTS: Final = 1000
STATEMENTS: Final = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})
PREDICATES: Final = {"https://slsa.dev/provenance/v1": "1", "https://slsa.dev/provenance/v0.2": "0.2"}


class Built(NamedTuple):
    """One statement whose signature was verified."""

    builder: str
    version: str
    """Of SLSA's form."""
    digests: frozenset[str]
    """SHA-256 of what was built."""
    materials: tuple[str, ...]
    """Addresses of what it was built from."""
    signer: str


def read_provenance(path: Path, keys: Sequence[Key]) -> tuple[Built, ...]:
    """Read every SLSA statement that one of the keys signed; NotRead where there is none, with the last reason."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(f"{shown(path.name)} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise NotRead(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    found: list[Built] = []
    reason = NotRead("it holds no statement")
    for envelope in _envelopes(content):
        try:
            found.append(_built(envelope, keys))
        except NotRead as why:
            reason = why
    if not found:
        raise reason
    return tuple(found)


def _envelopes(content: bytes) -> Iterator[Mapping[str, Any]]:
    """Give DSSE envelopes: one, within a Sigstore bundle, or one a line."""
    for text in [content] if _object(content) else content.splitlines()[:MOST_STATEMENTS]:
        said = _object(text)
        if said is not None:
            inner = said.get("dsseEnvelope")
            yield inner if isinstance(inner, dict) else said


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _built(envelope: Mapping[str, Any], keys: Sequence[Key]) -> Built:
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise NotRead("it is not signed")
    try:
        payload = base64.b64decode(str(envelope.get("payload", "")), validate=True)
        made = tuple(base64.b64decode(str(s.get("sig", "")), validate=True) for s in signatures if isinstance(s, dict))
    except (binascii.Error, ValueError) as why:
        raise NotRead("what should be base64 in it is none") from why
    kind = str(envelope.get("payloadType"))
    key = signer(Bundle(payload=payload, payload_type=kind, signatures=made[:16], keyless=False), keys)
    if key is None:
        raise NotRead("none of the keys in supply_chain.signers has made it")
    statement = _object(payload)
    if kind != PAYLOAD or statement is None or statement.get("_type") not in STATEMENTS:
        raise NotRead("what was signed is no in-toto statement")
    version = PREDICATES.get(str(statement.get("predicateType")))
    if version is None:
        raise NotRead(f"it states {shown(str(statement.get('predicateType')))}, and not how something was built")
    predicate = _block(statement, "predicate")
    return Built(
        builder=_builder(predicate, version),
        version=version,
        digests=frozenset(_digests(statement.get("subject"))),
        materials=tuple(_materials(predicate, version)),
        signer=key.name,
    )


def _builder(predicate: Mapping[str, Any], version: str) -> str:
    where = predicate if version == "0.2" else _block(predicate, "runDetails")
    return str(_block(where, "builder").get("id", ""))


def _digests(subjects: Any) -> Iterator[str]:  # as JSON has it
    for subject in subjects if isinstance(subjects, list) else ():
        digest = _block(subject, "digest").get("sha256") if isinstance(subject, dict) else None
        if isinstance(digest, str):
            yield digest.lower()


def _materials(predicate: Mapping[str, Any], version: str) -> Iterator[str]:
    listed = (
        predicate.get("materials")
        if version == "0.2"
        else _block(predicate, "buildDefinition").get("resolvedDependencies")
    )
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("uri"), str):
            yield one["uri"]


def _block(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}
