"""How something was built, as its builder states it: in-toto statements of SLSA, signed in DSSE envelopes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from safecase.errors import CollectError
from safecase.readers.model_signatures import PAYLOAD, Bundle, Key, NotRead, signer
from safecase.readers.signed_statements import STATEMENTS, block, digests, envelope, json_object
from safecase.readers.text import shown

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_STATEMENTS: Final = 1000
_CERTIFICATES: Final = frozenset({"certificate", "x509CertificateChain"})
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


def read_provenance(
    path: Path, keys: Sequence[Key], keyless: Callable[[bytes], str] | None = None
) -> tuple[Built, ...]:
    """Read every SLSA statement that one of the keys signed; NotRead where there is none, with the last reason.

    `keyless` verifies a Sigstore bundle that was signed by a certificate, and names who signed it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(f"{shown(path.name)} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise NotRead(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    found: list[Built] = []
    reason = NotRead("it holds no statement")
    for said in _documents(content):
        try:
            found.append(_built(said, keys, keyless))
        except NotRead as why:
            reason = why
    if not found:
        raise reason
    return tuple(found)


def _documents(content: bytes) -> Iterator[Mapping[str, Any]]:
    """Give DSSE envelopes: one, within a Sigstore bundle, or one a line."""
    for text in [content] if json_object(content) else content.splitlines()[:MOST_STATEMENTS]:
        said = json_object(text)
        if said is not None:
            yield said


def _built(said: Mapping[str, Any], keys: Sequence[Key], keyless: Callable[[bytes], str] | None) -> Built:
    kind, payload, made = envelope(said)
    if keyless is not None and _CERTIFICATES & block(said, "verificationMaterial").keys():
        by = keyless(json.dumps(said).encode())
    else:
        key = signer(Bundle(payload=payload, payload_type=kind, signatures=made, keyless=False), keys)
        if key is None:
            raise NotRead("none of the keys in supply_chain.signers has made it")
        by = key.name
    statement = json_object(payload)
    if kind != PAYLOAD or statement is None or statement.get("_type") not in STATEMENTS:
        raise NotRead("what was signed is no in-toto statement")
    version = PREDICATES.get(str(statement.get("predicateType")))
    if version is None:
        raise NotRead(f"it states {shown(str(statement.get('predicateType')))}, and not how something was built")
    predicate = block(statement, "predicate")
    return Built(
        builder=_builder(predicate, version),
        version=version,
        digests=frozenset(digests(statement.get("subject"))),
        materials=tuple(_materials(predicate, version)),
        signer=by,
    )


def _builder(predicate: Mapping[str, Any], version: str) -> str:
    where = predicate if version == "0.2" else block(predicate, "runDetails")
    return str(block(where, "builder").get("id", ""))


def _materials(predicate: Mapping[str, Any], version: str) -> Iterator[str]:
    listed = (
        predicate.get("materials")
        if version == "0.2"
        else block(predicate, "buildDefinition").get("resolvedDependencies")
    )
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("uri"), str):
            yield one["uri"]
