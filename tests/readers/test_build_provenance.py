"""Statements of builds: what counts is signed, is a statement, and says who built what."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from safecase.measures.supply_chain.checks.builds_stated import _is_trusted
from safecase.readers.build_provenance import read_provenance
from safecase.readers.model_signatures import PAYLOAD, Key, NotRead, pre_authenticated

KEY = ec.generate_private_key(ec.SECP256R1())
TRUSTED = [Key("builder", KEY.public_key())]
V1 = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "m", "digest": {"sha256": "AB" * 32}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "runDetails": {"builder": {"id": "https://b.example/p@v1"}},
        "buildDefinition": {"resolvedDependencies": [{"uri": "git+https://x.example/repo@abc"}]},
    },
}
V02 = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "subject": [{"name": "m", "digest": {"sha256": "ab" * 32}}],
    "predicateType": "https://slsa.dev/provenance/v0.2",
    "predicate": {"builder": {"id": "https://b.example/p@v1"}, "materials": [{"uri": "git+https://x.example/repo"}]},
}


def envelope(statement: Any, kind: str = PAYLOAD) -> dict[str, Any]:
    payload = json.dumps(statement).encode()
    made = KEY.sign(pre_authenticated(kind, payload), ec.ECDSA(hashes.SHA256()))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"sig": base64.b64encode(made).decode()}],
    }


@pytest.mark.parametrize("statement", [V1, V02])
@pytest.mark.parametrize("form", ["one", "bundle", "lines"])
def test_each_form_of_a_statement_is_read(tmp_path: Path, statement: dict[str, Any], form: str) -> None:
    one = json.dumps(envelope(statement))
    other = json.dumps(envelope({**statement, "predicateType": "https://example.test/other"}))
    content = {"one": one, "bundle": json.dumps({"dsseEnvelope": envelope(statement)}), "lines": f"{other}\n{one}\n"}
    (tmp_path / "p").write_text(content[form])
    (built,) = read_provenance(tmp_path / "p", TRUSTED)
    assert (built.builder, built.digests) == ("https://b.example/p@v1", {"ab" * 32})
    assert built.materials[0].startswith("git+https://x.example/repo")


def test_what_is_not_signed_by_a_trusted_key_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(json.dumps(envelope(V1)))
    with pytest.raises(NotRead, match="none of the keys"):
        read_provenance(tmp_path / "p", [Key("other", ec.generate_private_key(ec.SECP256R1()).public_key())])
    changed = envelope(V1) | {"payload": base64.b64encode(json.dumps(V02).encode()).decode()}
    (tmp_path / "p").write_text(json.dumps(changed))
    with pytest.raises(NotRead):
        read_provenance(tmp_path / "p", TRUSTED)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b"{" * 9000, json.dumps(V1).encode(), json.dumps(envelope([1])).encode(),
     json.dumps(envelope(V1, "text/plain")).encode(), b'{"payload": 3, "signatures": [3]}'],
)  # fmt: skip
def test_what_is_no_statement_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(NotRead):
        read_provenance(tmp_path / "p", TRUSTED)


@pytest.mark.parametrize(
    ("builder", "listed", "wanted"),
    [
        ("https://b.example/p@v1", ("https://b.example/p",), True),
        ("https://b.example/p@v1", ("https://b.example/",), True),
        ("https://b.example/p@v1", ("https://b.example/p@v1",), True),
        ("https://b.example/pirate", ("https://b.example/p",), False),
        ("https://b.example.evil/p", ("https://b.example",), False),
        ("", ("",), False),
        ("https://b.example/p", (), False),
    ],
)
def test_a_builder_counts_by_whole_parts_of_its_id(builder: str, listed: tuple[str, ...], wanted: bool) -> None:
    assert _is_trusted(builder, listed) is wanted
