"""What `bom.build` lists, what it leaves unproven, and how it compares with the bill that is handed out."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safecase.errors import CollectError
from safecase.measures.supply_chain.checks.materials_listed import materials_listed
from safecase.measures.supply_chain.materials import Material, bill, read_bill
from tests.measures.looking import looked, rules, written

HASH = "--hash=sha256:" + "0" * 64
LOCK = f"httpx==0.28.1 {HASH}\nJinja2==3.1.6 {HASH}\n"
PACKAGE_LOCK = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "web"},
            "node_modules/@shop/ui": {"version": "1.2.3", "integrity": "sha512-" + "A" * 86 + "=="},
        },
    }
)
MODEL = 'models: [{id: guide, origin: hub, source: "hf:org/guide", file: models, license: MIT, revision: %s}]\n' % (
    "a" * 40
)
SERVICE: dict[str, str | bytes] = {
    "requirements.txt": LOCK,
    "web/package-lock.json": PACKAGE_LOCK,
    "models/a.gguf": b"GGUF" + bytes(9),
    "models/config.json": "{}",
}


def made(folder: Path) -> dict[str, Any]:
    """The bill that the check keeps."""
    from safecase.checks import Context
    from safecase.service.read import read
    from safecase.service.subjects import Repository

    service = read(folder / "safecase.yaml")
    context = Context(root=folder, manifest=service.manifest, now=datetime(2026, 11, 23, tzinfo=UTC), seconds=30)
    files = tuple(sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()))
    list(materials_listed.run(Repository(files=files), context))
    ((name, kind, content),) = context.kept.values()
    assert (name, kind) == ("bom.cdx.json", "application/vnd.cyclonedx+json")
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_bill_lists_packages_and_models_with_versions_and_digests(tmp_path: Path) -> None:
    said = made(written(tmp_path, SERVICE, MODEL))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    purls = [c.get("purl") for c in said["components"]]
    assert purls == [
        "pkg:npm/%40shop/ui@1.2.3",
        "pkg:pypi/Jinja2@3.1.6",
        "pkg:pypi/httpx@0.28.1",
        f"pkg:huggingface/org/guide@{'a' * 40}",
    ]
    model = said["components"][-1]
    assert model["type"] == "machine-learning-model"
    assert [file["name"] for file in model["components"]] == ["a.gguf", "config.json"]
    assert len({c["bom-ref"] for c in said["components"]}) == len(said["components"])


def test_the_same_service_gives_the_same_bill(tmp_path: Path) -> None:
    assert made(written(tmp_path / "a", SERVICE, MODEL)) == made(written(tmp_path / "b", SERVICE, MODEL))


def test_the_bill_that_is_made_agrees_with_itself(tmp_path: Path) -> None:
    folder = written(tmp_path, SERVICE, MODEL + "supply_chain: {bom: bom.json}\n")
    (folder / "bom.json").write_text(json.dumps(made(folder)))
    assert [f.verdict for f in looked(materials_listed, folder)] == ["pass"]


@pytest.mark.parametrize(
    ("files", "manifest"),
    [
        ({"requirements.txt": "httpx>=0.27\n"}, ""),
        ({"pyproject.toml": '[project]\nname = "a"\ndependencies = ["httpx"]\n'}, ""),
        ({"uv.lock": "not toml ["}, ""),
        ({}, "models: [{id: m, origin: own, file: gone.gguf}]\n"),
        ({}, "models: [{id: m, origin: hub, source: 'hf:a/b'}]\n"),
        ({}, "datasets: [{id: d, file: gone.csv}]\n"),
        ({}, "ai: {system_prompts: [gone.txt]}\n"),
        ({}, ""),
    ],
)
def test_what_cannot_be_listed_whole_is_unknown(tmp_path: Path, files: dict[str, str | bytes], manifest: str) -> None:
    assert {f.verdict for f in looked(materials_listed, written(tmp_path, files, manifest))} == {"unknown"}


def test_what_only_developers_install_may_be_missing_in_the_bill(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": f"httpx==0.28.1 {HASH}\n",
        "requirements-dev.txt": f"pytest==9.0.0 {HASH}\n",
        "bom.json": json.dumps(
            {"bomFormat": "CycloneDX", "components": [{"name": "HTTPX", "version": "0.28.1", "purl": "pkg:pypi/HTTPX"}]}
        ),
    }
    assert not rules(looked(materials_listed, written(tmp_path, files, "supply_chain: {bom: bom.json}\n")))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, '{"bomFormat": "CycloneDX", "components": {"a": 1}}', "\x00"]
)
def test_bills_of_any_shape_are_answered_without_a_crash(tmp_path: Path, content: str) -> None:
    folder = written(tmp_path, {**SERVICE, "bom.json": content}, MODEL + "supply_chain: {bom: bom.json}\n")
    assert {f.verdict for f in looked(materials_listed, folder)} <= {"fail", "unknown"}


def test_a_bill_nested_without_end_is_bounded() -> None:
    deep: dict[str, Any] = {"name": "x", "type": "library"}
    for _ in range(300):
        deep = {"name": "x", "type": "library", "components": [deep]}
    assert read_bill(json.dumps({"bomFormat": "CycloneDX", "components": [deep]}).encode(), "bom.json")
    with pytest.raises(CollectError):
        read_bill(b"[" * 500_000, "bom.json")


@pytest.mark.slow
def test_the_bill_is_valid_by_the_schema_of_cyclonedx(tmp_path: Path) -> None:
    python = os.environ.get("SAFECASE_TEST_CYCLONEDX_PYTHON")
    if python is None:
        pytest.skip("name a Python with cyclonedx-python-lib[json-validation] in SAFECASE_TEST_CYCLONEDX_PYTHON")
    folder = written(
        tmp_path / "a",
        {**SERVICE, "p.txt": "hi", "d.csv": "a,b\n"},
        MODEL + ("datasets: [{id: d, file: d.csv, license: CC-BY-4.0}]\nai: {system_prompts: [p.txt]}\n"),
    )
    odd = [Material(kind="library", name='we"ird \u202e name', version="1 0", ecosystem="python")]
    for index, content in enumerate([json.dumps(made(folder)).encode(), bill("a b", odd, datetime.now(UTC), "1")]):
        file = tmp_path / f"{index}.json"
        file.write_bytes(content)
        code = (
            "import sys; from cyclonedx.validation.json import JsonStrictValidator as V; "
            "from cyclonedx.schema import SchemaVersion as S; "
            "e = V(S.V1_6).validate_str(open(sys.argv[1]).read()); sys.exit(str(e) if e else 0)"
        )
        answer = subprocess.run([python, "-c", code, file], capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, answer.stderr
