"""C2PA content credentials: who signed which claim about a media file, and whether the file is still that one.

Read and verified here: the active manifest, its claim (1 and 2), its signature, the assertions that the claim hashes,
and the binding to the file by `c2pa.hash.data` or `c2pa.hash.bmff`. Not read: ingredients, time stamps, revocation,
text in the manifest that nobody signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from safecase.readers.media.carriers import C2PA_UUID, Carried, CarrierError, boxes_of, carried
from safecase.readers.media.cbor import CborError, decode
from safecase.readers.media.cose import CoseError, UnknownAlgorithmError, verified
from safecase.readers.media.jumbf import Box, JumbfError, parse
from safecase.readers.text import shown

if TYPE_CHECKING:
    from cryptography import x509

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_STORE: Final = 16 * 1024 * 1024
MOST_ASSERTIONS: Final = 1_000
GENERATED: Final = frozenset({
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic",
    "trainedAlgorithmicData",
})  # fmt: skip
"""Last words of the IPTC's digital source types that say that a machine made it, as a whole or in part."""
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_UNBOUND: Final = frozenset({"/ftyp", "/mfra", "/free", "/skip"})
"""Boxes of ISO media that show nothing, and may stand outside of the hash."""


class TamperedError(ValueError):
    """The credentials do not fit the file, or one another."""


class UnjudgedError(ValueError):
    """The credentials are made in a way that is not read here."""


class Credentials(NamedTuple):
    """What a media file says of itself, signed and bound to its bytes."""

    chain: tuple[x509.Certificate, ...]
    """The signer's certificate first."""
    signer: str
    sources: tuple[str, ...]
    """Digital source types of its actions, their last words."""

    @property
    def says_generated(self) -> bool:
        """A machine made it, it says."""
        return bool(GENERATED & set(self.sources))


def is_media(content: bytes) -> bool:
    """Say whether a file is of a format whose credentials are read here."""
    try:
        return carried(content) is not None
    except CarrierError:
        return True


def read_credentials(content: bytes) -> Credentials | None:
    """Verify the credentials of a media file; None where it has none.

    Raises `TamperedError` where they do not hold, `UnjudgedError` where that cannot be told.
    """
    try:
        found = carried(content)
        if found is None:
            raise UnjudgedError("its format is not read here")
        if not found.store:
            return None
        return _verified(content, found)
    except (CarrierError, JumbfError, CborError, CoseError) as why:
        raise TamperedError(str(why)) from why
    except UnknownAlgorithmError as why:
        raise UnjudgedError(str(why)) from why


def _verified(content: bytes, found: Carried) -> Credentials:
    if len(found.store) > MOST_STORE:
        raise UnjudgedError(f"its manifest store has more than {MOST_STORE // 1024**2} MiB")
    store = parse(found.store)
    if (store.kind, store.label) != ("c2pa", "c2pa") or not store.boxes:
        raise TamperedError("its manifest store is empty, or none")
    manifest = store.boxes[-1]
    if manifest.kind == "c2um":
        raise UnjudgedError("its last manifest is an update, which binds no bytes")
    if manifest.kind != "c2ma":
        raise TamperedError("its last manifest is none")
    claim_box, signature = (
        manifest.inner("c2cl", "c2pa.claim", "c2pa.claim.v2"),
        manifest.inner("c2cs", "c2pa.signature"),
    )
    if claim_box is None or signature is None:
        raise TamperedError("its manifest has no claim, or no signature")
    chain = verified(signature.cbor(), claim_box.cbor())
    claim = decode(claim_box.cbor())
    if not isinstance(claim, dict) or not _leads_to(claim.get("signature"), manifest, "c2pa.signature"):
        raise TamperedError("its claim is none, or of another signature")
    assertions = dict(_assertions(manifest, claim))
    _bound(content, found, assertions)
    return Credentials(tuple(chain), shown(_name(chain[0]), 120), tuple(_sources(assertions)))


def _assertions(manifest: Box, claim: dict[str, Any]) -> Iterator[tuple[str, Box]]:
    """Give the assertions that the claim names, each as its hash says that it was."""
    store = manifest.inner("c2as", "c2pa.assertions")
    listed = [
        one for key in ("assertions", "created_assertions", "gathered_assertions") for one in _list(claim.get(key))
    ]
    if store is None or len(listed) > MOST_ASSERTIONS:
        raise TamperedError("its assertions are missing, or too many")
    for one in listed:
        link = one if isinstance(one, dict) else {}
        label = str(link.get("url", "")).rpartition("/")[2]
        box = next((box for box in store.boxes if box.label == label), None)
        if box is None or not _leads_to(link.get("url"), manifest, f"c2pa.assertions/{label}"):
            raise TamperedError(f"the assertion {shown(label, 60)} is not there")
        if link.get("hash") != _digest(str(link.get("alg") or claim.get("alg") or ""), [box.payload]):
            raise TamperedError(f"the assertion {shown(label, 60)} was changed")
        yield label, box


def _leads_to(url: object, manifest: Box, path: str) -> bool:
    """Say whether a link of the claim means a box of its own manifest."""
    return url in (f"self#jumbf={path}", f"self#jumbf=/c2pa/{manifest.label}/{path}")


def _bound(content: bytes, found: Carried, assertions: dict[str, Box]) -> None:
    """Hold the file against the hash that the manifest has of it."""
    labels = [label for label in assertions if label.startswith("c2pa.hash.")]
    if len(labels) != 1:
        raise UnjudgedError("it is bound to its bytes by no hash, or by more than one")
    (label,) = labels
    binding = decode(assertions[label].cbor())
    if not isinstance(binding, dict):
        raise TamperedError("its hash of the bytes is none")
    if label == "c2pa.hash.data":
        pieces = _outside(content, _exclusions(binding, found))
    elif label.startswith("c2pa.hash.bmff.v") and found.format == "bmff":
        pieces = _boxes(content, binding)
    else:
        raise UnjudgedError(f"it is bound to its bytes by {shown(label, 40)}, which is not read here")
    if binding.get("hash") != _digest(str(binding.get("alg") or "sha256"), pieces):
        raise TamperedError("its bytes were changed after it was signed")


def _exclusions(binding: dict[str, Any], found: Carried) -> list[tuple[int, int]]:
    """What the hash leaves out: the credentials themselves, and nothing else."""
    ranges: list[tuple[int, int]] = []
    for one in _list(binding.get("exclusions")):
        start, length = (one.get("start"), one.get("length")) if isinstance(one, dict) else (None, None)
        if not isinstance(start, int) or not isinstance(length, int) or start < 0 or length < 0:
            raise TamperedError("its hash leaves out what is no range")
        ranges.append((start, start + length))
    first, last = found.at[0][0], found.at[-1][1]
    within = sum(end - start for start, end in found.at) == last - first
    if not within or any(start < first or end > last for start, end in ranges):
        raise TamperedError("its hash leaves out more than the credentials")
    return sorted(ranges)


def _outside(content: bytes, ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    at = 0
    for start, end in ranges:
        yield content[at:start] if start > at else b""
        at = max(at, end)
    yield content[at:]


def _boxes(content: bytes, binding: dict[str, Any]) -> Iterator[bytes]:
    """Boxes at the top, each behind its offset, without those left out (C2PA, BMFF-based hash, version 2 and 3)."""
    if binding.get("merkle"):
        raise UnjudgedError("it is bound to its bytes by a tree of hashes, which is not read here")
    for one in _list(binding.get("exclusions")):
        rule = one if isinstance(one, dict) else {}
        ours = rule.get("xpath") == "/uuid" and rule.get("data") == [{"offset": 8, "value": C2PA_UUID}]
        plain = rule.get("xpath") in _UNBOUND and not rule.get("data")
        if not (ours or plain) or any(rule.get(key) for key in ("subset", "length", "version", "flags")):
            raise UnjudgedError(f"its hash leaves out {shown(str(rule.get('xpath')), 40)}")
    named = {str(one["xpath"])[1:].encode() for one in _list(binding.get("exclusions"))}
    for part in boxes_of(content):
        is_store = part.kind == b"uuid" and content[part.start + 8 : part.start + 24] == C2PA_UUID
        if part.kind not in named or (part.kind == b"uuid" and not is_store):
            yield part.start.to_bytes(8, "big") + content[part.start : part.end]


def _sources(assertions: dict[str, Box]) -> Iterator[str]:
    for label, box in assertions.items():
        if label.partition("__")[0] in ("c2pa.actions", "c2pa.actions.v2"):
            value = decode(box.cbor())
            for action in _list(value.get("actions") if isinstance(value, dict) else None):
                source = action.get("digitalSourceType") if isinstance(action, dict) else None
                if isinstance(source, str):
                    yield source.rpartition("/")[2]


def _digest(name: str, pieces: Iterator[bytes] | list[bytes]) -> bytes:
    if name not in _HASHES:
        raise UnjudgedError(f"it is hashed by {shown(name, 20) or 'no known way'}")
    made = hashlib.new(name)
    for piece in pieces:
        made.update(piece)
    return made.digest()


def _name(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            return str(attribute.value)
    return "a certificate without a name"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
