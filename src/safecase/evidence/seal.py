"""The signed head of a ledger: how many records there are, and who says so.

A seal covers the records since the seal before it. While one key signs, its seal is renewed; where another takes
over (a person after the pipeline), the former seal is kept in `earlier`, so that nobody's records are vouched for
by somebody else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from safecase.evidence.keys import Signer, signer_of
from safecase.evidence.record import canonical
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE = "application/vnd.safecase.ledger-head+json"


class Seal(Noun, frozen=True):
    """What a signer says of a ledger at a time."""

    records: Annotated[int, Meta(ge=1)]
    bytes: Annotated[int, Meta(ge=1)]
    """How long evidence.jsonl is."""
    head: str
    """The id of the last record."""
    at: str
    before: str = ""
    """SHA-256 of the canonical JSON of the seal before this one; empty for the first."""
    signer: Signer | None = None
    signature: str = ""
    """Ed25519 over the DSSE pre-authentication encoding of the canonical JSON without `signature`; base64."""
    schema: Literal["safecase/ledger-head/1"] = "safecase/ledger-head/1"

    @property
    def key_id(self) -> str:
        """Who sealed it; empty where nobody did."""
        return self.signer.key_id if self.signer else ""


class Head(Noun, frozen=True):
    """head.json: the seal that counts, and those of others before it."""

    seal: Seal
    earlier: tuple[Seal, ...] = ()

    @property
    def seals(self) -> tuple[Seal, ...]:
        """All of them, the first first."""
        return (*self.earlier, self.seal)

    def to_bytes(self) -> bytes:
        """Write head.json: the fields of the seal, and `earlier`."""
        return canonical({**msgspec.to_builtins(self.seal), "earlier": msgspec.to_builtins(self.earlier)}) + b"\n"


class Segment(NamedTuple):
    """The records that one seal covers."""

    start: int
    end: int
    seal: Seal


def head_from(content: bytes) -> Head | None:
    """Read head.json; None where it is none."""
    try:
        fields = msgspec.json.decode(content)
        earlier = fields.pop("earlier", [])
        return Head(seal=msgspec.convert(fields, Seal), earlier=msgspec.convert(earlier, tuple[Seal, ...]))
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError, RecursionError):
        return None


def sealed(before: Head | None, *, records: int, size: int, head: str, at: str, key: Ed25519PrivateKey | None) -> Head:
    """Seal a ledger that has grown; `key` is None where none can be had."""
    signer = signer_of(key) if key is not None else None
    earlier: tuple[Seal, ...] = ()
    if before is not None:
        earlier = before.earlier if before.seal.signer == signer else before.seals
    seal = Seal(
        records=records,
        bytes=size,
        head=head,
        at=at,
        before=_name(earlier[-1]) if earlier else "",
        signer=signer,
    )
    if key is not None:
        signature = base64.b64encode(key.sign(_pae(_payload(seal)))).decode()
        seal = msgspec.structs.replace(seal, signature=signature)
    return Head(seal=seal, earlier=earlier)


def segments(head: Head) -> Iterator[Segment]:
    """Say which records each seal covers."""
    start = 0
    for seal in head.seals:
        yield Segment(start, seal.records, seal)
        start = seal.records


def broken_seal(head: Head) -> tuple[Segment, str] | None:
    """Find the first seal that does not hold, and why."""
    before = ""
    for segment in segments(head):
        seal = segment.seal
        if segment.end <= segment.start or seal.before != before:
            return segment, "the seals of its head do not follow each other"
        if seal.signer is None:
            if seal.signature:
                return segment, "its head bears a signature of nobody"
        elif not _signed(seal, seal.signer):
            return segment, "the signature of its head does not hold"
        before = _name(seal)
    return None


def _signed(seal: Seal, signer: Signer) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = base64.b64decode(signer.public_key, validate=True)
        signature = base64.b64decode(seal.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, _pae(_payload(seal)))
    except (InvalidSignature, ValueError):
        return False
    return signer.fingerprint[:16] == signer.key_id


def _payload(seal: Seal) -> bytes:
    fields = msgspec.to_builtins(seal)
    del fields["signature"]
    return canonical(fields)


def _pae(body: bytes) -> bytes:
    """Encode as DSSE 1.0.2 does before signing."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def _name(seal: Seal) -> str:
    return hashlib.sha256(canonical(msgspec.to_builtins(seal))).hexdigest()
