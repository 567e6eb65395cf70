"""Signatures of models (OpenSSF model-signing 1.0): a Sigstore bundle, its statement, and the key that made it.

The bundle holds a DSSE envelope, that an in-toto statement, and that the digest of each file. Nothing in it counts
before the signature over it was verified with a key that the reader brought along.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safecase.errors import CollectError
from safecase.readers.text import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MOST_BYTES = 32 * 1024 * 1024
MOST_KEY = 64 * 1024
MOST_FILES = 200_000
MOST_SIGNATURES = 16

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
WHOLE = "."
"""The name of the only file, where a model is one file and no folder."""
_HASHES = {"sha256": ("sha256", 32), "blake2b": ("blake2b", 64), "blake2": ("blake2b", 64)}


class Bundle(NamedTuple):
    """What a bundle holds, none of it verified."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]
    keyless: bool
    """It brings a certificate instead of naming a key."""


class Key(NamedTuple):
    """A public key that a signature may have been made with."""

    name: str
    key: PublicKeyTypes


class SignedFile(NamedTuple):
    """A file that was signed, by its path within the model."""

    name: str
    algorithm: str
    digest: str


class Statement(NamedTuple):
    """What was signed."""

    model: str
    files: tuple[SignedFile, ...]
    ignored: tuple[str, ...]
    """Paths that the signer left out."""


class NotRead(Exception):  # noqa: N818  an answer of this reader, not a crash
    """A bundle or a statement is not of the form that is read here."""

    def __init__(self, why: str, *, known_form: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.known_form = known_form
        """It is of a form that exists, and that is not verified here yet."""


def read_bundle(path: Path) -> Bundle:
    """Read a bundle file; NotRead where it is none, CollectError where the file cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(f"{shown(path.name)} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise NotRead(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    said = _json(content)
    material, envelope = _block(said, "verificationMaterial"), _block(said, "dsseEnvelope")
    if not envelope and "messageSignature" in said:
        raise NotRead("it signs one digest, not the files of a model (messageSignature)", known_form=True)
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise NotRead("it holds no signature")
    return Bundle(
        payload=_bytes(envelope.get("payload")),
        payload_type=str(envelope.get("payloadType")),
        signatures=tuple(_bytes(one.get("sig") if isinstance(one, Mapping) else None) for one in signatures),
        keyless="publicKey" not in material and bool({"certificate", "x509CertificateChain"} & set(material)),
    )


def read_material(path: Path) -> Mapping[str, Any]:
    """Give what a bundle brings along to be verified with: a key's name, or certificates."""
    with path.open("rb") as file:
        return _block(_json(file.read(MOST_BYTES)), "verificationMaterial")


def read_key(path: Path, name: str) -> Key:
    """Read a public key (PEM: an elliptic curve of NIST, or Ed25519); CollectError where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    try:
        with path.open("rb") as file:
            key = serialization.load_pem_public_key(file.read(MOST_KEY))
    except OSError as why:
        raise CollectError(f"{shown(name)} cannot be read: {why.strerror}", mend=_KEYS) from why
    except (ValueError, UnsupportedAlgorithm) as why:
        raise CollectError(f"{shown(name)} is no public key in PEM", mend=_KEYS) from why
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        return Key(name, key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Key(name, key)
    raise CollectError(f"{shown(name)} is a key of a kind that does not sign models", mend=_KEYS)


def signer(bundle: Bundle, keys: Sequence[Key]) -> Key | None:
    """Give the first key that made one of the signatures; None where none of them did."""
    signed = pre_authenticated(bundle.payload_type, bundle.payload)
    for key in keys:
        if any(_verifies(key.key, signature, signed) for signature in bundle.signatures):
            return key
    return None


def signs(key: Key, signature: bytes, signed: bytes) -> bool:
    """Say whether a key made a signature over these very bytes (no envelope)."""
    return _verifies(key.key, signature, signed)


def read_statement(bundle: Bundle) -> Statement:
    """Read what was signed; only to be called for a bundle whose signature was verified."""
    if bundle.payload_type != PAYLOAD:
        raise NotRead(f"it signs {shown(bundle.payload_type)}, not a statement about a model")
    said = _json(bundle.payload)
    if said.get("_type") != STATEMENT or said.get("predicateType") != PREDICATE:
        raise NotRead(f"its statement is of another form ({shown(str(said.get('predicateType')))})", known_form=True)
    predicate = _block(said, "predicate")
    how = _block(predicate, "serialization")
    if how.get("method") != "files":
        raise NotRead(f"it lists {shown(str(how.get('method')))}, not files", known_form=True)
    files = tuple(_signed_file(one) for one in _list(predicate, "resources"))
    _hold_to_root(_list(said, "subject"), files)
    return Statement(
        model=_model(said),
        files=files,
        ignored=tuple(str(path) for path in how.get("ignore_paths") or () if isinstance(path, str)),
    )


def digest_of_file(path: Path, algorithm: str) -> str:
    """Give the digest of a file by one of the algorithms that statements use."""
    name, _ = _HASHES[algorithm]
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _model(said: Mapping[str, Any]) -> str:
    subject = _list(said, "subject")[0]
    return str(subject.get("name", "")) if isinstance(subject, Mapping) else ""


def _signed_file(said: Any) -> SignedFile:  # as JSON has it
    if not isinstance(said, Mapping):
        raise NotRead("an entry of its list of files is no block")
    name, algorithm, digest = str(said.get("name")), str(said.get("algorithm")), str(said.get("digest")).lower()
    if algorithm not in _HASHES:
        raise NotRead(f"it uses digests by {shown(algorithm)}", known_form=algorithm == "blake3")
    parts = name.split("/")
    if name != WHOLE and (not name or name.startswith("/") or "\\" in name or {"..", ".", ""} & set(parts)):
        raise NotRead(f"it names {shown(name)}, which is no path within a model")
    if len(digest) != 2 * _HASHES[algorithm][1]:
        raise NotRead(f"the digest of {shown(name)} has a wrong length")
    return SignedFile(name, algorithm, digest)


def _hold_to_root(subjects: list[Any], files: tuple[SignedFile, ...]) -> None:
    """The one subject's digest is over the digests of the files, in their order."""
    if not files or len(files) > MOST_FILES:
        raise NotRead(f"it lists {len(files)} files")
    if len({file.name for file in files}) != len(files):
        raise NotRead("it lists a file twice")
    subject = subjects[0] if len(subjects) == 1 and isinstance(subjects[0], Mapping) else {}
    try:
        root = hashlib.sha256(b"".join(bytes.fromhex(file.digest) for file in files)).hexdigest()
    except ValueError as why:
        raise NotRead("a digest in it is no number") from why
    if _block(subject, "digest").get("sha256") != root:
        raise NotRead("its list of files does not agree with the digest over them")


def _verifies(key: PublicKeyTypes, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            # Sigstore's protobuf specs tie the hash to the curve.
            by_size: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384()}
            key.verify(signature, signed, ec.ECDSA(by_size.get(key.curve.key_size, hashes.SHA512())))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def pre_authenticated(kind: str, payload: bytes) -> bytes:
    """What is signed: the payload with its type and both lengths (DSSE 1.0, "Pre-Authentication Encoding")."""
    named = kind.encode("utf-8", "surrogatepass")
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def _json(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as why:
        raise NotRead("it is no JSON") from why
    if not isinstance(said, dict):
        raise NotRead("it is no JSON object")
    return said


def _block(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(said: Mapping[str, Any], key: str) -> list[Any]:
    found = said.get(key)
    if not isinstance(found, list) or not found:
        raise NotRead(f"it has no {key}")
    return found


def _bytes(text: Any) -> bytes:  # as JSON has it
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError) as why:
        raise NotRead("what should be base64 in it is none") from why


_KEYS = "name public keys under supply_chain.signers: PEM files, elliptic curve (P-256, P-384, P-521) or Ed25519"
