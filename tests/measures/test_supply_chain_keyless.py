"""Keyless signatures of models, verified offline: with a Sigstore of our own (CA and both logs)."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from safecase.measures.supply_chain.signing.keyless import keyless
from safecase.measures.supply_chain.signing.sign import sign
from safecase.measures.supply_chain.signing.verify import verify
from safecase.readers.build_provenance import read_provenance
from safecase.readers.model_signatures import NotRead, pre_authenticated

pytest.importorskip("sigstore", reason="the extra sigstore is not installed")

WHO, ISSUER = "ml@garden.example", "https://accounts.garden.example"
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
_SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


class Sigstore:
    """A certificate authority, a log of certificates and a transparency log, each with a key of its own."""

    def __init__(self) -> None:
        self.authority, self.certificates, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "garden")])
        self.root = (
            self._builder(name, name, self.authority, THEN - timedelta(days=30), THEN + timedelta(days=3000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def trusted_root(self) -> str:
        valid = {"start": (THEN - timedelta(days=30)).isoformat().replace("+00:00", "Z")}
        authority = {
            "subject": {"organization": "garden", "commonName": "garden"},
            "uri": "https://ca.garden.example",
            "certChain": {"certificates": [{"rawBytes": _text(_der(self.root))}]},
            "validFor": valid,
        }
        logs = [self._log(key, name, valid) for key, name in ((self.log, "log"), (self.certificates, "ct"))]
        kind = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
        return json.dumps(
            {"mediaType": kind, "tlogs": logs[:1], "ctlogs": logs[1:], "certificateAuthorities": [authority]}
        )

    def signed(self, payload: bytes, kind: str, *, at: datetime = THEN, logged: bytes | None = None) -> str:
        """Sign a payload as a stranger with a certificate of ten minutes would; `logged` is what the log saw."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(key, at)
        signature = key.sign(pre_authenticated(kind, payload), ec.ECDSA(hashes.SHA256()))
        envelope = {"payload": _text(payload), "payloadType": kind, "signatures": [{"sig": _text(signature)}]}
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _hash(json.dumps(envelope).encode()),
                "payloadHash": _hash(payload if logged is None else logged),
                "signatures": [{"signature": _text(signature), "verifier": _text(pem)}],
            },
        }
        material = {
            "certificate": {"rawBytes": _text(_der(certificate))},
            "tlogEntries": [self._entry(json.dumps(body, sort_keys=True, separators=(",", ":")).encode(), at)],
        }
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": envelope,
        }
        return json.dumps(bundle)

    def _entry(self, body: bytes, at: datetime) -> dict[str, Any]:
        """The only leaf of its tree, with the log's promise and its signed state."""
        leaf = hashlib.sha256(b"\0" + body).digest()
        key_id = _key_id(self.log)
        told = {"body": _text(body), "integratedTime": int(at.timestamp()), "logID": key_id.hex(), "logIndex": 0}
        promise = self.log.sign(
            json.dumps(told, sort_keys=True, separators=(",", ":")).encode(), ec.ECDSA(hashes.SHA256())
        )
        note = f"log.garden.example\n1\n{_text(leaf)}\n"
        signed = _text(key_id[:4] + self.log.sign(note.encode(), ec.ECDSA(hashes.SHA256())))
        proof = {
            "logIndex": "0",
            "rootHash": _text(leaf),
            "treeSize": "1",
            "hashes": [],
            "checkpoint": {"envelope": f"{note}\n\u2014 log.garden.example {signed}\n"},
        }
        return {
            "logIndex": "0",
            "logId": {"keyId": _text(key_id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(int(at.timestamp())),
            "inclusionPromise": {"signedEntryTimestamp": _text(promise)},
            "inclusionProof": proof,
            "canonicalizedBody": _text(body),
        }

    def _certificate(self, key: ec.EllipticCurvePrivateKey, at: datetime) -> x509.Certificate:
        """Fulcio's form: ten minutes, an identity, who vouches for it, and the log's word that it saw it."""
        builder = self._builder(x509.Name([]), self.root.subject, key, THEN, THEN + timedelta(minutes=10))
        builder = (
            builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(WHO)]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
            .add_extension(
                x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), ISSUER.encode()), critical=False
            )
        )
        before = builder.sign(self.authority, hashes.SHA256()).tbs_certificate_bytes
        stamp = int(at.timestamp() * 1000)
        entry = _spki_hash(self.authority) + len(before).to_bytes(3, "big") + before
        told = struct.pack("!BBQH", 0, 0, stamp, 1) + entry + b"\0\0"
        made = self.certificates.sign(told, ec.ECDSA(hashes.SHA256()))
        sct = b"\0" + _key_id(self.certificates) + struct.pack("!QH", stamp, 0) + b"\x04\x03"
        sct += struct.pack("!H", len(made)) + made
        listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        octets = b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else b"\x81" + bytes([len(listed)])) + listed
        return builder.add_extension(x509.UnrecognizedExtension(_SCTS, octets), critical=False).sign(
            self.authority, hashes.SHA256()
        )

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
            .serial_number(7)
            .not_valid_before(start)
            .not_valid_after(end)
        )

    @staticmethod
    def _log(key: ec.EllipticCurvePrivateKey, name: str, valid: dict[str, str]) -> dict[str, Any]:
        public = {"rawBytes": _text(_spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
        return {
            "baseUrl": f"https://{name}.garden.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": public,
            "logId": {"keyId": _text(_key_id(key))},
        }


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, kind)


def _spki_hash(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_spki(key)).digest()


_key_id = _spki_hash


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, bytes, str]:
    """A model, and the statement about it that gets signed."""
    folder = tmp_path / "guide"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    sign(folder, folder / "model.sig", ec.generate_private_key(ec.SECP256R1()))
    envelope = json.loads((folder / "model.sig").read_text())["dsseEnvelope"]
    return folder, base64.b64decode(envelope["payload"]), envelope["payloadType"]


def _verified(folder: Path, root: str, bundle: str, identities: tuple[str, ...] = (WHO,)) -> Any:
    (folder / "model.sig").write_text(bundle)
    path = folder.parent / "trusted_root.json"
    path.write_text(root)
    now = datetime.now(UTC)
    return verify(folder, folder / "model.sig", identities=identities, at=now, sigstore_root=path)


def test_a_keyless_signature_counts_long_after_its_certificate_ended(
    sigstore: Sigstore, model: tuple[Path, bytes, str]
) -> None:
    folder, payload, kind = model
    found = _verified(folder, sigstore.trusted_root(), sigstore.signed(payload, kind))
    assert (found.signer, found.issuer, found.differences) == (WHO, ISSUER, ())
    assert (
        _verified(folder, sigstore.trusted_root(), sigstore.signed(payload, kind), (f"{ISSUER}|{WHO}",)).signer == WHO
    )


def test_a_keyless_statement_of_a_build_counts(sigstore: Sigstore, tmp_path: Path) -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "guide.safetensors", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"runDetails": {"builder": {"id": "https://builder.example/pipeline@v1"}}},
    }
    bundle = sigstore.signed(json.dumps(statement).encode(), "application/vnd.in-toto+json")
    (tmp_path / "root.json").write_text(sigstore.trusted_root())
    (tmp_path / "guide.intoto.jsonl").write_text(bundle + "\n")
    (built,) = read_provenance(tmp_path / "guide.intoto.jsonl", [], keyless(tmp_path / "root.json", [WHO]))
    assert (built.builder, built.signer) == ("https://builder.example/pipeline@v1", WHO)
    with pytest.raises(NotRead, match="not among the identities"):
        read_provenance(tmp_path / "guide.intoto.jsonl", [], keyless(tmp_path / "root.json", ["eve@garden.example"]))
    with pytest.raises(NotRead):
        read_provenance(tmp_path / "guide.intoto.jsonl", [])


def test_a_changed_file_is_told_though_the_signature_counts(sigstore: Sigstore, model: tuple[Path, bytes, str]) -> None:
    folder, payload, kind = model
    (folder / "model.safetensors").write_bytes(b"others")
    found = _verified(folder, sigstore.trusted_root(), sigstore.signed(payload, kind))
    assert [one.name for one in found.differences] == ["model.safetensors"]


def test_strangers_other_roots_late_signatures_and_what_the_log_did_not_see_do_not_count(
    sigstore: Sigstore, model: tuple[Path, bytes, str]
) -> None:
    folder, payload, kind = model
    root, good = sigstore.trusted_root(), sigstore.signed(payload, kind)
    with pytest.raises(NotRead, match="not among the identities"):
        _verified(folder, root, good, ("eve@garden.example",))
    with pytest.raises(NotRead):
        _verified(folder, Sigstore().trusted_root(), good)
    with pytest.raises(NotRead):
        _verified(folder, root, sigstore.signed(payload, kind, at=THEN + timedelta(hours=1)))
    with pytest.raises(NotRead):
        _verified(folder, root, sigstore.signed(payload, kind, logged=b"another statement"))
    with pytest.raises(NotRead):
        _verified(folder, root, good.replace(_text(payload), _text(payload + b" ")))
    without = json.loads(good)
    without["verificationMaterial"]["tlogEntries"] = []
    with pytest.raises(NotRead):
        _verified(folder, root, json.dumps(without))
