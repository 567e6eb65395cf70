"""The folder of the demo's service: what is written, and what is left alone."""

from __future__ import annotations

import json
import pickletools
import struct
from datetime import date
from pathlib import Path

import msgspec
import pytest
import yaml

import safecase.demo
from safecase.demo.folder import MARKER, materialise
from safecase.errors import UsageError
from safecase.service.schema import Manifest

TODAY = date(2026, 11, 23)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("hardened", [False, True])
def test_the_manifest_fits_the_schema_and_its_files_are_there(tmp_path: Path, hardened: bool) -> None:
    service = materialise(tmp_path / "s", hardened=hardened, today=TODAY)
    document = yaml.safe_load((service / "safecase.yaml").read_text())
    document["ai"]["kind"] = [document["ai"]["kind"]]
    document["ai"]["system_prompts"] = [document["ai"]["system_prompts"]]
    document["deployment"]["manifests"] = [document["deployment"]["manifests"]]
    manifest = msgspec.convert(document, Manifest)
    named = [m.file for m in manifest.models if m.file] + [s.file for s in manifest.testing.suites]
    for path in (*named, *manifest.ai.system_prompts, *manifest.deployment.manifests):
        assert (service / path).exists(), path
    assert not any(b"@@" in content for content in files_of(service).values())


def test_the_same_day_gives_the_same_bytes_and_leaves_unchanged_files_untouched(tmp_path: Path) -> None:
    service = materialise(tmp_path / "s", hardened=False, today=TODAY)
    before = files_of(service)
    times = {path: (service / path).stat().st_mtime_ns for path in before if path != MARKER}
    assert files_of(materialise(service, hardened=False, today=TODAY)) == before
    assert {path: (service / path).stat().st_mtime_ns for path in times} == times
    assert files_of(materialise(tmp_path / "other", hardened=False, today=TODAY)) == before


def test_the_exception_has_expired_whatever_the_day(tmp_path: Path) -> None:
    for today in (TODAY, date(2031, 3, 1)):
        service = materialise(tmp_path / "s", hardened=False, today=today)
        (exception,) = yaml.safe_load((service / "safecase.yaml").read_text())["exceptions"]
        assert exception["expires"] < today.isoformat()


def test_hardening_takes_away_what_it_mends_and_keeps_what_the_user_added(tmp_path: Path) -> None:
    service = materialise(tmp_path / "s", hardened=False, today=TODAY)
    (service / "notes.txt").write_text("mine")
    materialise(service, hardened=True, today=TODAY)
    written = files_of(service)
    assert written["notes.txt"] == b"mine"
    assert "models/intent.safetensors" in written
    assert not {"models/intent.pkl", "prompts/canary.txt"} & set(written)
    assert not any(b"AKIA" in content or b"MAGPIE" in content for content in written.values())
    materialise(service, hardened=False, today=TODAY)
    assert "models/intent.safetensors" not in files_of(service)


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="did not write") as refused:
        materialise(tmp_path, hardened=False, today=TODAY)
    assert "--folder" in refused.value.mend
    assert files_of(tmp_path) == {"thesis.txt": b"years of work"}


def test_a_link_does_not_lead_the_writing_elsewhere(tmp_path: Path) -> None:
    service = materialise(tmp_path / "s", hardened=False, today=TODAY)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "intent.pkl").write_bytes(b"mine")
    (service / "models/intent.pkl").unlink()
    (service / "models").rmdir()
    (service / "models").symlink_to(elsewhere)
    for hardened in (False, True):
        with pytest.raises(UsageError, match="is a link"):
            materialise(service, hardened=hardened, today=TODAY)
    assert files_of(elsewhere) == {"intent.pkl": b"mine"}


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        materialise(tmp_path / "file", hardened=False, today=TODAY)


def test_the_package_holds_no_secret(tmp_path: Path) -> None:
    package = Path(safecase.demo.__path__[0])
    service = materialise(tmp_path / "s", hardened=False, today=TODAY)
    settings = dict(line.split("=", 1) for line in (service / "config/backup.env").read_text().splitlines()[1:])
    assert len(settings["AWS_ACCESS_KEY_ID"]) == 20
    assert len(settings["AWS_SECRET_ACCESS_KEY"]) == 40
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert settings["AWS_SECRET_ACCESS_KEY"].encode() not in path.read_bytes()
            assert settings["AWS_ACCESS_KEY_ID"].encode() not in path.read_bytes()


def test_the_intent_classifier_is_an_honest_pickle_of_a_project_class(tmp_path: Path) -> None:
    service = materialise(tmp_path / "s", hardened=False, today=TODAY)
    operations = list(pickletools.genops((service / "models/intent.pkl").read_bytes()))
    assert [arg for op, arg, _ in operations if op.name == "GLOBAL"] == ["halbrad.intent KeywordIntent"]
    assert not {"REDUCE", "INST", "OBJ"} & {op.name for op, _, _ in operations}
    assert operations[-1][0].name == "STOP"


def test_the_hardened_intent_classifier_is_safetensors(tmp_path: Path) -> None:
    service = materialise(tmp_path / "s", hardened=True, today=TODAY)
    content = (service / "models/intent.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert header["weights"]["data_offsets"] == [0, len(content) - 8 - size]
    assert header["weights"]["shape"] == [5, 16]
