"""What `sig.verify` says of signed models: ours, the reference tool's, changed ones and hostile ones."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.errors import CollectError
from safecase.measures.supply_chain.checks.signature_verified import signature_verified
from safecase.readers.model_signatures import NotRead, read_bundle, read_key, signer
from tests.measures.looking import looked, rules, written

EXAMPLE = Path(__file__).parents[1] / "checks" / "sig.verify" / "pass"
SIGNATURE = "models/guide/model.sig"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_sig", EXAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def signed(example: ModuleType, tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE / "safecase.yaml", tmp_path)
    example.build(tmp_path)
    return tmp_path


def bundle(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / SIGNATURE).read_bytes())
    return said


def rewrite(folder: Path, said: object) -> None:
    (folder / SIGNATURE).write_text(json.dumps(said))


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def test_a_model_that_is_as_it_was_signed_passes(signed: Path) -> None:
    assert [f.verdict for f in looked(signature_verified, signed)] == ["pass"]


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("model.safetensors", b"changed", "changed"),
        ("config.json", None, "missing"),
        ("more.py", b"", "added"),
        (".hidden/x.so", b"", "added"),
        ("__pycache__/x.pyc", b"", "added"),
        ("README.md", b"not signed, and the signer did not leave it out", "added"),
        (".gitattributes", b"", None),
    ],
)
def test_a_file_that_differs_is_named(signed: Path, name: str, content: bytes | None, rule: str | None) -> None:
    path = signed / "models" / "guide" / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    found = looked(signature_verified, signed)
    assert rules(found) == ([rule] if rule else [])
    if rule:
        assert str(found[0].place) == f"models/guide/{name}"


def test_links_and_pipes_do_not_stand_for_files(signed: Path) -> None:
    model = signed / "models" / "guide"
    (signed / "other").write_bytes((model / "config.json").read_bytes())
    (model / "config.json").unlink()
    (model / "config.json").symlink_to(signed / "other")
    (model / "folder").symlink_to(signed)
    os.mkfifo(model / "pipe")
    assert rules(looked(signature_verified, signed)) == ["added", "added", "link"]


def test_another_key_and_no_key_prove_nothing(signed: Path) -> None:
    (signed / "keys" / "release.pem").write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
    assert rules(looked(signature_verified, signed)) == ["signature"]
    (signed / "keys" / "release.pem").write_text("no key")
    assert rules(looked(signature_verified, signed), "unknown") == ["unread"]
    (signed / "safecase.yaml").write_text((signed / "safecase.yaml").read_text().replace("[keys/release.pem]", "[]"))
    assert rules(looked(signature_verified, signed), "unknown") == ["unread"]


def test_a_model_without_a_signature_fails(signed: Path) -> None:
    manifest = signed / "safecase.yaml"
    manifest.write_text(manifest.read_text().replace(", signature: models/guide/model.sig", ""))
    assert rules(looked(signature_verified, signed)) == ["unsigned"]


def test_a_certificate_instead_of_a_key_waits_for_a_later_release(signed: Path) -> None:
    said = bundle(signed)
    said["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": []}
    rewrite(signed, said)
    found = looked(signature_verified, signed)
    assert rules(found, "unknown") == ["form"]
    assert "no root is trusted" in found[0].message


def test_a_payload_that_was_exchanged_does_not_count_before_it_is_read(signed: Path) -> None:
    said = bundle(signed)
    payload = json.loads(base64.b64decode(said["dsseEnvelope"]["payload"]))
    payload["predicate"]["resources"] = payload["predicate"]["resources"][:1]
    said["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    rewrite(signed, said)
    assert rules(looked(signature_verified, signed)) == ["signature"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        lambda s: s["predicate"]["resources"].append(dict(s["predicate"]["resources"][0])),
        lambda s: s["predicate"]["resources"][0].update(name="../outside"),
        lambda s: s["predicate"]["resources"][0].update(name="/etc/passwd"),
        lambda s: s["predicate"]["resources"][0].update(digest="zz" * 32),
        lambda s: s["predicate"]["resources"][0].update(digest="00"),
        lambda s: s["predicate"].update(resources=[]),
        lambda s: s["predicate"].update(resources={"a": 1}),
        lambda s: s.update(subject=[]),
        lambda s: s.update(predicateType="https://example.invalid/other"),
        lambda s: s["predicate"]["serialization"].update(method="shards"),
        lambda s: s["predicate"]["resources"][0].update(algorithm="blake3"),
    ],
)
def test_a_signed_statement_that_is_not_sound_does_not_pass(
    example: ModuleType, signed: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    dumps = json.dumps

    def changed(value: Any, **how: Any) -> str:
        if isinstance(value, dict) and "predicate" in value:
            change(value)
        return dumps(value, **how)

    monkeypatch.setattr(example.json, "dumps", changed)
    (signed / SIGNATURE).unlink()
    (signed / SIGNATURE).write_bytes(example.sign(signed / "models" / "guide", key))
    (signed / "keys" / "release.pem").write_bytes(public_pem(key))
    assert [f.verdict for f in looked(signature_verified, signed)] in (["fail"], ["unknown"])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"dsseEnvelope": {"signatures": [1]}}']
)
def test_what_is_no_bundle_fails_without_a_crash(signed: Path, content: bytes) -> None:
    (signed / SIGNATURE).write_bytes(content)
    assert rules(looked(signature_verified, signed)) == ["signature"]


@settings(max_examples=80, deadline=None)
@given(
    said=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["dsseEnvelope", "payload", "payloadType", "signatures", "sig", "verificationMaterial", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_bundles_of_any_shape_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, said: object) -> None:
    path = tmp_path_factory.mktemp("bundle") / "model.sig"
    path.write_text(json.dumps(said))
    with contextlib.suppress(NotRead):
        read_bundle(path)


def test_keys_of_each_kind_that_signs_models_are_read(tmp_path: Path) -> None:
    payload, kind = b"{}", b"application/vnd.in-toto+json"
    pre = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "k.pem").write_bytes(public_pem(key))
    (tmp_path / "model.sig").write_text(
        json.dumps(
            {
                "verificationMaterial": {"publicKey": {}},
                "dsseEnvelope": {
                    "payload": base64.b64encode(payload).decode(),
                    "payloadType": kind.decode(),
                    "signatures": [{"sig": base64.b64encode(key.sign(pre)).decode()}],
                },
            }
        )
    )
    found = read_key(tmp_path / "k.pem", "k.pem")
    assert signer(read_bundle(tmp_path / "model.sig"), [found]) == found
    (tmp_path / "weak.pem").write_bytes(public_pem(ec.generate_private_key(ec.SECP224R1())))
    with pytest.raises(CollectError, match="does not sign models"):
        read_key(tmp_path / "weak.pem", "weak.pem")


# Made with model-signing 1.1.1 over one file that holds the letter x; its private key was thrown away.
REFERENCE_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzoJPGWXbixWb+N9cCi/qZ7mM3UV9
4PSI5IwYO1Vw7MSUYHf+Mb8OKGDb21xq/3ZTW1rzThf5HcjNOQdtEdf/+A==
-----END PUBLIC KEY-----
"""
REFERENCE_PAYLOAD = (
    "ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IFsKICAgIHsKICAgICAg"
    "Im5hbWUiOiAic2luZ2xlLmJpbiIsCiAgICAgICJkaWdlc3QiOiB7CiAgICAgICAgInNoYTI1NiI6ICIwYTMyNWNhMzAzZWIzMDE0"
    "YzQzYWUwMDQ5NzBmMzQzNjM0ZGIxNzZmYTE2OTdiY2M4YzllZmFjOTQ2MjY0ODhkIgogICAgICB9CiAgICB9CiAgXSwKICAicHJl"
    "ZGljYXRlVHlwZSI6ICJodHRwczovL21vZGVsX3NpZ25pbmcvc2lnbmF0dXJlL3YxLjAiLAogICJwcmVkaWNhdGUiOiB7CiAgICAi"
    "cmVzb3VyY2VzIjogWwogICAgICB7CiAgICAgICAgImRpZ2VzdCI6ICIyZDcxMTY0MmI3MjZiMDQ0MDE2MjdjYTlmYmFjMzJmNWM4"
    "NTMwZmIxOTAzY2M0ZGIwMjI1ODcxNzkyMWE0ODgxIiwKICAgICAgICAiYWxnb3JpdGhtIjogInNoYTI1NiIsCiAgICAgICAgIm5h"
    "bWUiOiAiLiIKICAgICAgfQogICAgXSwKICAgICJzZXJpYWxpemF0aW9uIjogewogICAgICAibWV0aG9kIjogImZpbGVzIiwKICAg"
    "ICAgImhhc2hfdHlwZSI6ICJzaGEyNTYiLAogICAgICAiaWdub3JlX3BhdGhzIjogWwogICAgICAgICIuZ2l0aHViIiwKICAgICAg"
    "ICAiLmdpdGlnbm9yZSIsCiAgICAgICAgIi5naXRhdHRyaWJ1dGVzIiwKICAgICAgICAiLmdpdCIKICAgICAgXSwKICAgICAgImFs"
    "bG93X3N5bWxpbmtzIjogZmFsc2UKICAgIH0KICB9Cn0="
)
REFERENCE_SIGNATURE = "MEQCIFNtkFCDIi95A+0wgHoCyG34E/LQM/taakeY6YEMs8EuAiBNfK98gbSmvKq8VoWi+dhnM/n2Rd0Vn7U72EgceiGP2g=="


def test_a_signature_of_the_reference_tool_is_verified(tmp_path: Path) -> None:
    said = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": "e8282d923de61a78f164fbdbcde5d2b667956e8a71b9599897fe9b96847c503f"},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": REFERENCE_PAYLOAD,
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": REFERENCE_SIGNATURE, "keyid": ""}],
        },
    }
    model = "models: [{id: single, file: single.bin, signature: model.sig}]\nsupply_chain: {signers: [k.pem]}\n"
    files: dict[str, str | bytes] = {"single.bin": "x", "model.sig": json.dumps(said), "k.pem": REFERENCE_KEY}
    assert [f.verdict for f in looked(signature_verified, written(tmp_path, files, model))] == ["pass"]
    (tmp_path / "single.bin").write_text("y")
    assert rules(looked(signature_verified, tmp_path)) == ["changed"]


@pytest.mark.slow
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
@pytest.mark.parametrize("single", [False, True])
def test_what_the_reference_tool_signs_is_verified(tmp_path: Path, curve: ec.EllipticCurve, single: bool) -> None:
    tool = os.environ.get("SAFECASE_TEST_MODEL_SIGNING") or shutil.which("model_signing")
    if tool is None:
        pytest.skip("model_signing is not installed (name it in SAFECASE_TEST_MODEL_SIGNING)")
    key = ec.generate_private_key(curve)
    (tmp_path / "private.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "public.pem").write_bytes(public_pem(key))
    model = tmp_path / ("guide.gguf" if single else "guide")
    weights = model if single else model / "sub" / "guide.gguf"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"GGUF" + bytes(100))
    signature = tmp_path / "model.sig"
    command = [tool, "sign", "key", "--private_key", tmp_path / "private.pem", "--signature", signature, model]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (tmp_path / "safecase.yaml").write_text(
        "safecase: 1\nservice: {id: shop}\nsupply_chain: {signers: [public.pem]}\n"
        f"models: [{{id: guide, file: {model.name}, signature: model.sig}}]\n"
    )
    assert [f.verdict for f in looked(signature_verified, tmp_path)] == ["pass"]
    weights.write_bytes(b"GGUF" + bytes(99) + b"x")
    assert rules(looked(signature_verified, tmp_path)) == ["changed"]
