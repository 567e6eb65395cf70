"""Bills of materials of models: observed is told from claimed, and both forms are what their standards want."""

from __future__ import annotations

import io
import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from safecase.cli import app
from safecase.errors import CollectError
from safecase.measures.supply_chain.bom import cyclonedx, spdx
from safecase.measures.supply_chain.bom.inventory import Inventory, take

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
CARD = """---
license: apache-2.0
datasets: [garden/tulips, garden/roses]
base_model: garden/base
pipeline_tag: text-classification
metrics: [f1]
---
# Guide

## Intended use

Questions on tulips.

## Limitations

Roses.
"""


def safetensors(**tensors: tuple[str, list[int], int]) -> bytes:
    header, at = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "guide"
    folder.mkdir()
    (folder / "model-1.safetensors").write_bytes(safetensors(a=("F32", [10, 10], 400), b=("F16", [3], 6)))
    (folder / "model-2.safetensors").write_bytes(safetensors(c=("F32", [5, 5], 100)))
    (folder / "config.json").write_text(
        '{"model_type": "bert", "architectures": ["BertModel"], "torch_dtype": "bfloat16"}'
    )
    (folder / "README.md").write_text(CARD)
    (folder / "requirements.txt").write_text("numpy==2.0.0\nleft-pad\n")
    return folder


def test_what_bytes_say_is_observed_and_what_cards_say_is_claimed(model: Path) -> None:
    (one,) = take(model).models
    said = {(s.name, s.value): s.how for s in one.said}
    assert said["parameters", "128"] == "observed"
    assert said["dtype", "F32"] == "observed"
    assert said["dtype", "bfloat16"] == "claimed"
    assert said["license", "apache-2.0"] == "claimed"
    assert one.verdict == "clean"
    assert [f.name for f in one.files] == ["model-1.safetensors", "model-2.safetensors"]


def test_a_claim_that_the_bytes_deny_is_told(model: Path) -> None:
    assert "claims bfloat16" in take(model).disagreements[0]
    (model / "config.json").write_text('{"model_type": "bert", "torch_dtype": "float32"}')
    assert not take(model).disagreements


def test_a_model_that_runs_something_bears_its_verdict(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (one,) = take(tmp_path).models
    assert (one.verdict, one.findings) == ("malicious", ("pickle.call",))


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="no model"):
        take(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 40, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 8) + b'{"a": 1}']
)
def test_a_header_that_is_none_gives_no_number(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    (tmp_path / "n.gguf").write_bytes(b"GGUF\x03\0\0\0" + content)
    for one in take(tmp_path).models:
        assert not one.one("parameters")


def bills(found: Inventory) -> dict[str, Any]:
    return {
        "1.6": json.loads(cyclonedx.write(found, "1.6", AT)),
        "1.7": json.loads(cyclonedx.write(found, "1.7", AT)),
        "spdx": json.loads(spdx.write(found, AT)),
    }


def test_a_bill_has_the_card_the_digests_and_the_scan(model: Path) -> None:
    found = take(model)
    bill = bills(found)["1.7"]
    component = next(c for c in bill["components"] if c["type"] == "machine-learning-model")
    assert component["modelCard"]["modelParameters"]["task"] == "text-classification"
    assert component["components"][0]["hashes"][0]["content"] == found.models[0].files[0].sha256
    assert {"name": "safecase:scan:verdict", "value": "clean"} in component["properties"]
    assert component["pedigree"]["ancestors"][0]["purl"] == "pkg:huggingface/garden/base"
    assert {c["type"] for c in bill["components"]} == {"machine-learning-model", "data", "library"}
    assert "pkg:pypi/numpy@2.0.0" in {c.get("purl") for c in bill["components"]}


def test_the_same_model_gives_the_same_bytes(model: Path) -> None:
    assert cyclonedx.write(take(model), "1.7", AT) == cyclonedx.write(take(model), "1.7", AT)
    assert spdx.write(take(model), AT) == spdx.write(take(model), AT)


def test_every_reference_leads_somewhere(model: Path) -> None:
    every = bills(take(model))
    refs: list[str] = []

    def collect(component: dict[str, Any]) -> None:
        refs.append(component["bom-ref"])
        for inner in component.get("components", []):
            collect(inner)

    for component in every["1.7"]["components"]:
        collect(component)
    assert len(set(refs)) == len(refs)
    for dependency in every["1.7"]["dependencies"]:
        assert set(dependency["dependsOn"]) <= set(refs)
    graph = every["spdx"]["@graph"]
    ids = {e.get("spdxId") for e in graph}
    for element in graph:
        if element["type"] == "Relationship":
            assert {element["from"], *element["to"]} <= ids


def test_the_command_writes_each_form(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for form, sign in (
        ("text", "observed"),
        ("json", '"disagreements"'),
        ("cyclonedx", '"1.7"'),
        ("spdx", "ai_AIPackage"),
    ):
        done = CliRunner().invoke(app, ["supply", "bom", str(model), "--format", form], standalone_mode=False)
        assert done.exception is None
        assert sign in done.stdout


@pytest.mark.heavy
@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_bills_are_valid_cyclonedx(model: Path, version: str) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib (make heavy)")
    from cyclonedx.schema import SchemaVersion

    validator = validation.JsonStrictValidator(SchemaVersion.from_version(version))
    assert validator.validate_str(json.dumps(bills(take(model))[version])) is None


@pytest.mark.heavy
def test_documents_are_valid_spdx(model: Path) -> None:
    bindings = pytest.importorskip("spdx_python_model.bindings.v3_0_1", reason="spdx-python-model (make heavy)")
    objects = bindings.SHACLObjectSet()
    bindings.JSONLDDeserializer().read(io.BytesIO(spdx.write(take(model), AT)), objects)
    assert not objects.link(), "every id is that of an element"
    # To write it again is to have each property and its number checked.
    bindings.JSONLDSerializer().write(objects, io.BytesIO())
