"""A signed model whose configuration was changed afterwards, with a file put beside it."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(model: Path, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give the bundle that signs all files of a folder."""
    names = sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())
    digests = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in names}
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": model.name, "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [{"name": n, "algorithm": "sha256", "digest": d} for n, d in digests.items()],
        },
    }
    payload, kind = json.dumps(statement).encode(), b"application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    hint = hashlib.sha256(public_pem(key)).hexdigest()
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": kind.decode(),
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    ).encode()


def build(folder: Path) -> None:
    model, key = folder / "models" / "guide", ec.generate_private_key(ec.SECP256R1())
    model.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)
    (model / "config.json").write_text("{}")
    (model / "model.sig").write_bytes(sign(model, key))
    (folder / "keys").mkdir()
    (folder / "keys" / "release.pem").write_bytes(public_pem(key))
    (model / "config.json").write_text('{"auto_map": {}}')
    (model / "modeling_guide.py").write_text("# added after it was signed\n")
