"""Builds the model's file and a statement about it, signed with a key that is made for the occasion."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def build(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "builder.pem").write_bytes(pem)
    weights = b"\x02\0\0\0\0\0\0\0{}"
    (folder / "guide.safetensors").write_bytes(weights)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "guide.safetensors", "digest": {"sha256": hashlib.sha256(weights + b"other").hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"runDetails": {"builder": {"id": "https://builder.example/pipeline@v1"}}},
    }
    payload, kind = json.dumps(statement).encode(), "application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    signature = base64.b64encode(key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [{"sig": signature}]}
    (folder / "guide.intoto.jsonl").write_text(json.dumps(envelope) + "\n")
