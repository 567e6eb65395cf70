"""Signs the image as `cosign sign` does, with a key that is made for the occasion, and reports no flaw of it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

IMAGE, DIGEST = "registry.example/garden/guide", "sha256:" + "a" * 64


def build(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "signer.pem").write_bytes(pem)
    said = {
        "critical": {
            "identity": {"docker-reference": IMAGE},
            "image": {"docker-manifest-digest": DIGEST},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    payload = json.dumps(said).encode()
    signature = base64.b64encode(key.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
    line = {"Base64Signature": signature, "Payload": base64.b64encode(payload).decode(), "Cert": None, "Chain": None}
    (folder / "guide.sig.jsonl").write_text(json.dumps(line) + "\n")
    report = {
        "SchemaVersion": 2,
        "CreatedAt": datetime.now(UTC).isoformat(),
        "ArtifactName": f"{IMAGE}@{DIGEST}",
        "ArtifactType": "container_image",
        "Metadata": {"RepoDigests": [f"{IMAGE}@{DIGEST}"]},
        "Results": [{"Target": "guide (debian 13)", "Class": "os-pkgs", "Vulnerabilities": []}],
    }
    (folder / "guide.trivy.json").write_text(json.dumps(report))
