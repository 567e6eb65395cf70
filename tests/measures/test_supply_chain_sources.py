"""What `model.source` says of declared models and of code that fetches them."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.supply_chain.checks.source_approved import source_approved
from safecase.measures.supply_chain.sources import approval, normalised
from safecase.readers.model_loads import NotPython, loads_in
from safecase.service.schema import Manifest, ServiceBlock, SupplyChainBlock, Vendor
from tests.measures.looking import looked, rules, written

COMMIT = "8f3ac2d19e0b47c56d1e2f3a4b5c6d7e8f901234"
TODAY = date(2026, 11, 23)


def manifest(*sources: str, vendors: tuple[Vendor, ...] = ()) -> Manifest:
    chain = SupplyChainBlock(sources=sources, vendors=vendors)
    return Manifest(safecase=1, service=ServiceBlock(id="shop"), supply_chain=chain)


@pytest.mark.parametrize(
    ("listed", "source", "holds"),
    [
        ("hf:org", "hf:org/name", True),
        ("hf:org", "hf:ORG/Name", True),
        ("hf:org", "hf:organisation/name", False),
        ("hf:org/name", "hf:org/name", True),
        ("hf:org/name", "hf:org/name-2", False),
        ("hf:org", "https://huggingface.co/org/name", True),
        ("https://huggingface.co/org/name", "hf:org/name@main", True),
        ("https://models.shop.eu/released", "https://models.shop.eu/released/a.gguf", True),
        ("https://models.shop.eu/released", "https://models.shop.eu/released-by-anyone/a.gguf", False),
        ("https://models.shop.eu/released", "https://models.shop.eu/released/../x", False),
        ("https://models.shop.eu", "http://models.shop.eu/a", False),
        ("https://models.shop.eu", "https://models.shop.eu.evil.example/a", False),
        ("https://models.shop.eu", "https://models.shop.eu:8443/a", False),
        ("cloudy", "cloudy", True),
    ],
)
def test_a_listed_source_covers_what_lies_below_it_and_nothing_beside(listed: str, source: str, holds: bool) -> None:
    assert approval(normalised(source), None, manifest(listed), TODAY).holds is holds


def test_a_vendors_approval_ends_on_its_day() -> None:
    for until, holds in (("2026-11-23", True), ("2026-11-22", False), (None, False)):
        known = manifest(vendors=(Vendor(id="cloudy", approved_until=until),))
        assert approval(normalised("cloudy/chat"), None, known, TODAY).holds is holds


@pytest.mark.parametrize(
    ("model", "failed"),
    [
        (f'origin: hub, source: "hf:org/m", revision: {COMMIT}', []),
        (f'origin: hub, source: "hf:org/m@{COMMIT}"', []),
        (f"origin: hub, source: org/m, revision: {COMMIT}", []),
        ('origin: hub, source: "hf:org/m", revision: v1.0', ["pinned"]),
        (f'origin: hub, source: "hf:org/m", sha256: {"ab" * 32}', []),
        (f'origin: hub, source: "hf:stranger/m", revision: {COMMIT}', ["source"]),
        ("origin: provider, source: cloudy/chat-latest", ["pinned"]),
        ("origin: provider, source: cloudy/chat-20260513", []),
        ("origin: own, file: m.gguf", []),
        (f"origin: users, source: upload, sha256: {'ab' * 32}", ["source"]),
    ],
)
def test_a_declared_model_is_approved_and_pinned(tmp_path: Path, model: str, failed: list[str]) -> None:
    chain = "supply_chain: {sources: ['hf:org'], vendors: [{id: cloudy, approved_until: '2099-01-01'}]}\n"
    folder = written(tmp_path, {"m.gguf": b"GGUF"}, f"models: [{{id: m, {model}}}]\n{chain}")
    assert rules(looked(source_approved, folder)) == failed


def test_a_file_with_other_bytes_than_declared_fails(tmp_path: Path) -> None:
    for content, failed in ((b"as declared", []), (b"exchanged", ["bytes"])):
        sha256 = hashlib.sha256(b"as declared").hexdigest()
        model = f"models: [{{id: m, origin: own, file: m.bin, sha256: {sha256}}}]\n"
        folder = written(tmp_path / str(len(content)), {"m.bin": content}, model)
        assert rules(looked(source_approved, folder)) == failed


@pytest.mark.parametrize(
    ("code", "verdict", "rule"),
    [
        (f'AutoModel.from_pretrained("org/m", revision="{COMMIT}")', "pass", "code"),
        ('AutoModel.from_pretrained("org/m")', "fail", "revision"),
        ('AutoModel.from_pretrained("org/m", revision=None)', "fail", "revision"),
        ('AutoModel.from_pretrained("org/m", revision="main")', "fail", "revision"),
        (f'AutoModel.from_pretrained("else/m", revision="{COMMIT}")', "fail", "undeclared"),
        (f'hf_hub_download(filename="x", repo_id="else/m", revision="{COMMIT}")', "fail", "undeclared"),
        ('pipeline("text-generation", model="org/m")', "fail", "revision"),
        ('NAME = "org/m"\nAutoModel.from_pretrained(NAME)', "fail", "revision"),
        ("AutoModel.from_pretrained(name)", "unknown", "dynamic"),
        ('AutoModel.from_pretrained("org/m", revision=rev)', "unknown", "dynamic"),
        ('AutoModel.from_pretrained("org/m", **options)', "unknown", "dynamic"),
        ('AutoModel.from_pretrained("./local")', "unknown", ""),
        ('AutoModel.from_pretrained("/models/a")', "unknown", ""),
        ("AutoModel.from_pretrained(name, local_files_only=True)", "unknown", ""),
        ("print(\"AutoModel.from_pretrained('else/m')\")", "unknown", ""),
    ],
)
def test_a_call_that_fetches_is_told_by_what_it_fetches(tmp_path: Path, code: str, verdict: str, rule: str) -> None:
    text = f"from transformers import AutoModel, pipeline\n\n{code}\n"
    folder = written(tmp_path, {"app.py": text}, "supply_chain: {sources: ['hf:org']}\n")
    (only,) = looked(source_approved, folder)
    assert (only.verdict, only.rule) == (verdict, rule)
    if verdict == "fail":
        assert only.place is not None
        assert only.place.file == "app.py"
        assert only.place.line >= 3


def test_a_call_by_another_name_is_told_as_well(tmp_path: Path) -> None:
    text = "from huggingface_hub import snapshot_download as fetch\nfetch('x/y')\n"
    assert rules(looked(source_approved, written(tmp_path, {"app.py": text}))) == ["undeclared"]


def test_code_at_another_revision_than_declared_fails(tmp_path: Path) -> None:
    text = f'import transformers\ntransformers.AutoModel.from_pretrained("org/m", revision="{"a" * 40}")\n'
    model = f'models: [{{id: m, origin: hub, source: "hf:org/m", revision: {COMMIT}}}]\n'
    model += 'supply_chain: {sources: ["hf:org"]}\n'
    assert rules(looked(source_approved, written(tmp_path, {"app.py": text}, model))) == ["other-revision"]


def test_notebooks_are_read_cell_by_cell(tmp_path: Path) -> None:
    cells = [
        ["!pip install transformers\n", "from transformers import AutoModel\n"],
        ["AutoModel.from_pretrained('x/y')"],
    ]
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})
    assert rules(looked(source_approved, written(tmp_path, {"look.ipynb": notebook}))) == ["undeclared"]


def test_code_that_speaks_of_something_else_is_left_alone() -> None:
    assert loads_in(b"class A:\n    def from_pretrained(self, x): ...\nA().from_pretrained('org/m')\n", "a.py") == ()
    assert loads_in(b"# transformers\nimport shapes\nshapes.from_pretrained('org/m')\n", "a.py") == ()


@pytest.mark.parametrize(
    "content",
    [
        b"import transformers\nx = (",
        b"import transformers\n" + b"(" * 5000,
        b"import transformers\nx = " + b"-" * 50_000 + b"1",
        b"import transformers\n\x00",
        b"\xff import transformers",
    ],
)
def test_what_is_no_python_is_unknown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotPython):
        loads_in(content, "a.py")
    assert rules(looked(source_approved, written(tmp_path, {"a.py": content})), "unknown")[-1] == "unread"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for name in ("a.py", "a.ipynb"):
        try:
            loads_in(b"import transformers\n" + content, name)
        except NotPython:
            continue
