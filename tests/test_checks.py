"""Every check, of every measure, on its passing and its failing example."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from safecase.catalogue.read import catalogue
from safecase.checks import Check, Context, load
from safecase.service.digests import Digests
from safecase.service.discover import discover
from safecase.service.facts import facts_by_key
from safecase.service.read import read
from safecase.vocabulary import Finding

EXAMPLES = Path(__file__).parent / "checks"
MINIMAL = "safecase: 1\nservice: {id: example}\n"
CHECKS = {name: check for name, check in load().items() if check.where.startswith("safecase.measures.")}


@pytest.mark.parametrize("check", list(CHECKS.values()), ids=list(CHECKS))
def test_a_check_has_a_page_and_both_examples(check: Check) -> None:
    for heading in ("## Why it matters", "## How it is checked", "## How to mend it", "## References"):
        assert heading in check.doc, f"{check.id}: its page lacks {heading}"
    assert check.doc.splitlines()[0].endswith("."), f"{check.id}: its first line is a sentence"
    assert (EXAMPLES / check.id / "pass").is_dir()
    assert (EXAMPLES / check.id / "fail").is_dir()


@pytest.mark.parametrize("check", list(CHECKS.values()), ids=list(CHECKS))
def test_a_check_verifies_a_control_that_names_it(check: Check) -> None:
    assert check.id in catalogue().controls[check.control].checks


@pytest.mark.parametrize("check", list(CHECKS.values()), ids=list(CHECKS))
def test_a_check_passes_on_its_passing_example(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = _found(check, "pass", tmp_path, monkeypatch)
    assert findings
    assert [f for f in findings if f.verdict != "pass"] == []


@pytest.mark.parametrize("check", list(CHECKS.values()), ids=list(CHECKS))
def test_a_check_fails_on_its_failing_example(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [f for f in _found(check, "fail", tmp_path, monkeypatch) if f.verdict == "fail"]
    assert failed
    assert all(f.mend for f in failed), "a finding without a mend helps nobody"


def _found(check: Check, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    folder = tmp_path / "service"
    shutil.copytree(EXAMPLES / check.id / example, folder, ignore=shutil.ignore_patterns("build.py", "serve.py"))
    if not (folder / "safecase.yaml").exists():
        (folder / "safecase.yaml").write_text(MINIMAL)
    with contextlib.ExitStack() as stack:
        build = _module(check, example, "build")
        if build is not None:
            build.build(folder)
        serve = _module(check, example, "serve")
        if serve is not None:
            for name, value in stack.enter_context(serve.serve(folder)).items():
                monkeypatch.setenv(name, value)
        return list(_run(check, folder))


def _run(check: Check, folder: Path) -> Iterator[Finding]:
    service = read(folder / "safecase.yaml")
    inventory = discover(service, Digests(folder, None))
    for subject in inventory.subjects:
        if isinstance(subject, check.on):
            context = Context(
                root=folder,
                manifest=service.manifest,
                now=datetime.now(UTC),
                seconds=60,
                manifest_path=service.file,
                places={f.key: (f.place.line, f.place.column) for f in service.facts if f.place},
                facts=facts_by_key(service.facts, inventory.facts).values(),
            )
            yield from check.run(subject, context)


def _module(check: Check, example: str, name: str) -> ModuleType | None:
    file = EXAMPLES / check.id / example / f"{name}.py"
    if not file.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"{name}_{check.id.replace('.', '_')}_{example}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
