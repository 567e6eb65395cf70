"""What is signed here verifies here and by the reference tool; what changed or is signed by others does not."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from safecase.cli import app
from safecase.measures.supply_chain.signing.sign import read_private_key, sign
from safecase.measures.supply_chain.signing.verify import Verified, verify
from safecase.readers.model_signatures import NotRead, read_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


def write_key(folder: Path, name: str, key: Any) -> Path:
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / f"{name}.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return folder / f"{name}.pem"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "guide"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(5000))
    (folder / "sub" / "config.json").write_text("{}")
    return folder


def signed(model: Path, kind: str = "P-256") -> Path:
    path = write_key(model.parent, "key", KINDS[kind]())
    sign(model, model / "model.sig", read_private_key(path, None))
    return model.parent / "key.pub"


def verified(model: Path, public: Path) -> Verified:
    return verify(model, model / "model.sig", keys=[read_key(public, "key")], at=NOW)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_signed_here_verifies_here(model: Path, kind: str) -> None:
    found = verified(model, signed(model, kind))
    assert (found.files, found.differences, found.signer) == (2, (), "key")


def test_a_file_that_changed_is_missing_or_was_added_is_told(model: Path) -> None:
    public = signed(model)
    (model / "weights.bin").write_bytes(bytes(4999) + b"x")
    (model / "sub" / "config.json").unlink()
    (model / "new.py").write_text("")
    assert {d.rule: d.name for d in verified(model, public).differences} == {
        "changed": "weights.bin",
        "missing": "sub/config.json",
        "added": "new.py",
    }


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (".github/workflows/ci.yml", b"on: push\n", False),
        (".gitattributes", b"*.bin filter=lfs\n", False),
        (".github/weights.bin", b"\x80\x04K\x01.", True),
        (".github/run.py", b"import os\n", True),
        (".github/x.txt", b"cos\nsystem\n(S'true'\ntR.", True),
        (".github/conf.yaml", b"\x80\x04K\x01.", True),
        (".github/pytorch_model", b"cos\nsystem\n(S'true'\ntR.", True),
        (".github/run", b"#!/bin/sh\ntrue\n", True),
        (".git/w.safetensors", b"\x02\0\0\0\0\0\0\0{}", True),
        (".git/HEAD", b"ref: refs/heads/main\n", False),
        (".git/objects/ab/cdef", b"\x78\x9c123", False),
        (".gitignore/model.safetensors", b"", True),
        ("README.md", b"# Guide\n", True),
    ],
)
def test_nothing_that_is_loaded_hides_behind_a_name_of_gits(model: Path, name: str, content: bytes, told: bool) -> None:
    public = signed(model)
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(content)
    assert bool(verified(model, public).differences) is told


def test_a_folder_of_gits_that_is_a_link_is_told(model: Path) -> None:
    public = signed(model)
    (model / ".git").symlink_to("/etc")
    assert [d.name for d in verified(model, public).differences] == [".git"]


def test_a_signature_by_another_key_does_not_count(model: Path) -> None:
    signed(model)
    other = write_key(model.parent, "other", KINDS["P-256"]()).with_suffix(".pub")
    with pytest.raises(NotRead, match="none of the keys"):
        verified(model, other)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"dsseEnvelope": {"signatures": [{}]}}', b"{" * 5000]
)
def test_junk_is_no_signature(model: Path, content: bytes) -> None:
    public = signed(model)
    (model / "model.sig").write_bytes(content)
    with pytest.raises(NotRead):
        verified(model, public)


def certificate(subject: str, key: Any, issuer: Any = None, **more: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    above, signer = issuer or (None, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(above.subject if above else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=more.get("since", 10)))
        .not_valid_after(NOW + timedelta(days=more.get("days", 10)))
        .add_extension(x509.BasicConstraints(ca=more.get("ca", False), path_length=None), critical=True)
    )
    if "mail" in more:
        made = made.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(more["mail"])]), critical=False)
    return made.sign(signer, hashes.SHA256())


class Chain:
    """A root, an authority below it, and keys for both."""

    def __init__(self) -> None:
        self.root_key, self.middle_key = KINDS["P-256"](), KINDS["P-256"]()
        self.root = certificate("root", self.root_key, ca=True)
        self.middle = certificate("middle", self.middle_key, (self.root, self.root_key), ca=True)

    def signed(self, model: Path, **more: Any) -> None:
        key = KINDS["P-256"]()
        issuer = more.pop("issuer", (self.middle, self.middle_key))
        leaf = certificate("leaf", key, issuer, **{"mail": "ml@example.com", **more})
        sign(model, model / "model.sig", key, certificates=[leaf, self.middle])

    def verified(self, model: Path, *identities: str) -> Verified:
        wanted = identities or ("ml@example.com",)
        return verify(model, model / "model.sig", roots=[self.root], identities=wanted, at=NOW)


def test_a_certificate_counts_by_its_chain_and_its_identity(model: Path) -> None:
    chain = Chain()
    chain.signed(model)
    assert chain.verified(model).signer == "ml@example.com"
    with pytest.raises(NotRead, match="not among the identities"):
        chain.verified(model, "other@example.com")
    with pytest.raises(NotRead, match="no root is trusted"):
        verify(model, model / "model.sig", at=NOW)
    with pytest.raises(NotRead, match="does not lead to a root"):
        verify(model, model / "model.sig", roots=[Chain().root], identities=["ml@example.com"], at=NOW)


def test_a_certificate_that_has_ended_or_was_made_by_no_authority_does_not_count(model: Path) -> None:
    chain = Chain()
    chain.signed(model, days=-1)
    with pytest.raises(NotRead, match="not now"):
        chain.verified(model)
    impostor_key = KINDS["P-256"]()
    impostor = certificate("middle", impostor_key, (chain.root, chain.root_key), ca=False)
    key = KINDS["P-256"]()
    leaf = certificate("leaf", key, (impostor, impostor_key), mail="ml@example.com")
    sign(model, model / "model.sig", key, certificates=[leaf, impostor])
    with pytest.raises(NotRead, match="does not lead to a root"):
        chain.verified(model)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["supply", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.stdout


def test_the_commands_sign_and_verify(model: Path) -> None:
    key = write_key(model.parent, "key", KINDS["P-256"]())
    assert "signs 2 files" in run("sign", str(model), "--key", str(key))[1]
    public = str(key.with_suffix(".pub"))
    assert run("verify", str(model), "--key", public)[0] == 0
    assert json.loads(run("verify", str(model), "--key", public, "--format", "json")[1])["verified"] is True
    (model / "weights.bin").write_bytes(b"x")
    code, text = run("verify", str(model), "--key", public)
    assert code == 1
    assert "changed: weights.bin" in text
    assert run("verify", str(model))[0] == 1


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["P-256", "P-384"])
def test_the_reference_tool_verifies_what_is_signed_here_and_the_other_way_round(model: Path, kind: str) -> None:
    pytest.importorskip("model_signing", reason="model-signing is not installed (make heavy)")
    public = signed(model, kind)
    tool = [sys.executable, "-m", "model_signing"]
    bundle = str(model / "model.sig")
    check = ["verify", "key", "--public_key", str(public), "--signature", bundle, "--ignore-paths", bundle, str(model)]
    subprocess.run([*tool, *check], check=True, capture_output=True, timeout=100)
    (model / "model.sig").unlink()
    make = ["sign", "key", "--private_key", str(public.with_suffix(".pem")), "--signature", bundle, str(model)]
    subprocess.run([*tool, *make], check=True, capture_output=True, timeout=100)
    assert verified(model, public).differences == ()
