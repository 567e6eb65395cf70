"""Sign a model, a file or a whole folder, in the form of OpenSSF model-signing 1.0."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safecase.errors import CollectError, UsageError
from safecase.measures.supply_chain.signing.listing import files_of
from safecase.readers.model_signatures import PAYLOAD, PREDICATE, STATEMENT, WHOLE, digest_of_file, pre_authenticated
from safecase.readers.text import shown
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from cryptography import x509

BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")


class Signed(Noun, frozen=True):
    """What was signed."""

    model: str
    files: int
    bytes: int
    root: str
    """SHA-256 over the digests of all files, in the order of their names."""
    signature: str


def sign(
    model: Path,
    target: Path,
    key: Any,
    *,
    certificates: Sequence[x509.Certificate] = (),
    step: Callable[[str], None] | None = None,
) -> Signed:
    """Hash every file of `model`, sign the list with a private key (EC of NIST, Ed25519), and write the bundle."""
    names = sorted(name for name in files_of(model, target) if name.partition("/")[0] not in GIT)
    if not names:
        raise CollectError(f"there is no file in {shown(str(model))}", mend="name the model's file or folder")
    paths = {name: model if name == WHOLE else model / name for name in names}
    for name, path in paths.items():
        if path.is_symlink() or not path.is_file():
            raise UsageError(f"{shown(name)} is a link or no plain file", mend="put the file itself there, then sign")
    # Hashing lets go of the interpreter: two threads keep two cores busy.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        digests = list(pool.map(lambda name: _told(name, paths[name], step), names))
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()
    payload = json.dumps(_statement(model, names, digests, root), separators=(",", ":")).encode()
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {**_material(key, certificates), "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(_signature(key, payload)).decode(), "keyid": ""}],
        },
    }
    from safecase.evidence import durable

    durable.write(target, json.dumps(bundle).encode())
    size = sum(path.stat().st_size for path in paths.values())
    return Signed(model=str(model), files=len(names), bytes=size, root=root, signature=str(target))


def read_private_key(path: Path, password: bytes | None) -> Any:
    """Read a private key (PEM); UsageError where it is none that signs models."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    except TypeError as why:
        raise UsageError(f"{shown(str(path))} wants a password, or has none", mend="see --password-env") from why
    except (ValueError, UnsupportedAlgorithm) as why:
        raise UsageError(f"{shown(str(path))} is no private key in PEM, or its password is another", mend=_KEY) from why
    known = isinstance(key, ed25519.Ed25519PrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1")
    )
    if not known:
        raise UsageError(f"{shown(str(path))} is a key of a kind that does not sign models", mend=_KEY)
    return key


def _told(name: str, path: Path, step: Callable[[str], None] | None) -> str:
    if step is not None:
        step(name)
    return digest_of_file(path, "sha256")


def _statement(model: Path, names: Sequence[str], digests: Sequence[str], root: str) -> dict[str, Any]:
    resources = [
        {"digest": digest, "name": name, "algorithm": "sha256"} for name, digest in zip(names, digests, strict=True)
    ]
    return {
        "_type": STATEMENT,
        "subject": [{"name": model.resolve().name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "allow_symlinks": False,
                "method": "files",
                "hash_type": "sha256",
                "ignore_paths": list(GIT),
            },
            "resources": resources,
        },
    }


def _material(key: Any, certificates: Sequence[x509.Certificate]) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if certificates:
        if certificates[0].public_key() != key.public_key():
            raise UsageError("the first certificate is not that of the key", mend="give the signer's own one first")
        chain = [{"rawBytes": base64.b64encode(c.public_bytes(Encoding.DER)).decode()} for c in certificates]
        return {"x509CertificateChain": {"certificates": chain}}
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}}


def _signature(key: Any, payload: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    signed = pre_authenticated(PAYLOAD, payload)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    by_size: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384()}
    made: bytes = key.sign(signed, ec.ECDSA(by_size.get(key.curve.key_size, hashes.SHA512())))
    return made


_KEY = "use an elliptic curve (P-256, P-384, P-521) or Ed25519: openssl ecparam -name prime256v1 -genkey -noout"
