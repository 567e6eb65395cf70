"""The lock of models: who was met when, and what lay there then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from safecase.cli import app
from safecase.errors import CollectError
from safecase.measures.supply_chain.model_lock import grown, read_lock, written
from safecase.measures.supply_chain.provenance import Point, first_seen
from safecase.service.read import read

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMIT = "abcdef0123" * 4
MODEL = f"models: [{{id: guide, origin: hub, source: 'hf:garden/guide', revision: {COMMIT}, file: guide}}]\n"
POLICY = "supply_chain: {model_lock: models.lock.json, model_age_days: {least: 3, most: 100}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "model.safetensors").write_bytes(b"weights")
    _declare(tmp_path, MODEL)
    return tmp_path


def _declare(folder: Path, model: str) -> None:
    (folder / "safecase.yaml").write_text("safecase: 1\nservice: {id: garden}\n" + model + POLICY)


def _lock(folder: Path, at: datetime) -> None:
    manifest = read(folder / "safecase.yaml").manifest
    path = folder / "models.lock.json"
    path.write_bytes(written(grown(read_lock(path, path.name), manifest, folder, at.date())))


def _points(folder: Path, at: datetime = NOW) -> dict[str, Point]:
    manifest = read(folder / "safecase.yaml").manifest
    return {point.rule: point for point in first_seen(manifest.models[0], manifest, folder, at)}


def test_an_owner_and_a_model_that_nobody_wrote_down_fail(folder: Path) -> None:
    assert {rule: p.verdict for rule, p in _points(folder).items()} == {"first-seen": "fail", "locked": "fail"}


def test_what_was_written_down_holds_once_it_is_old_enough_and_not_too_old(folder: Path) -> None:
    _lock(folder, NOW)
    for days, verdict in ((1, "fail"), (3, "pass"), (100, "pass"), (101, "fail")):
        found = {rule: p.verdict for rule, p in _points(folder, NOW + timedelta(days=days)).items()}
        assert found == {"first-seen": "pass", "locked": "pass", "age": verdict}


def test_a_file_that_was_changed_added_or_taken_away_fails(folder: Path) -> None:
    _lock(folder, NOW)
    (folder / "guide" / "tokenizer.json").write_text("{}")
    assert "tokenizer.json" in _points(folder)["locked"].message
    (folder / "guide" / "tokenizer.json").unlink()
    (folder / "guide" / "model.safetensors").write_bytes(b"others")
    assert _points(folder)["locked"].verdict == "fail"


def test_a_new_revision_begins_anew_and_its_owner_stays_known(folder: Path) -> None:
    _lock(folder, NOW)
    _declare(folder, MODEL.replace(COMMIT, COMMIT[::-1]))
    assert _points(folder)["locked"].verdict == "fail"
    _lock(folder, NOW + timedelta(days=10))
    points = _points(folder, NOW + timedelta(days=11))
    assert points["first-seen"].message == "hf:garden is known since 2026-11-23"
    assert points["age"].verdict == "fail"


def test_an_account_that_takes_over_a_name_elsewhere_is_a_stranger(folder: Path) -> None:
    _lock(folder, NOW)
    _declare(folder, MODEL.replace("hf:garden/", "hf:gardens/"))
    assert _points(folder)["first-seen"].verdict == "fail"


@pytest.mark.parametrize("content", [b"[", b"[1]", b'{"models": {"x": 1}}', b'{"owners": {"hf:x": "yesterday"}}'])
def test_a_broken_lock_is_told_with_its_place(folder: Path, content: bytes) -> None:
    (folder / "models.lock.json").write_bytes(content)
    with pytest.raises(CollectError) as why:
        _points(folder)
    assert why.value.place is not None
    assert "write-lock" in why.value.mend


def test_the_command_writes_the_lock_and_then_holds_the_models_against_it(folder: Path) -> None:
    made = CliRunner().invoke(app, ["supply", "provenance", str(folder), "--write-lock"], standalone_mode=False)
    assert "wrote models.lock.json: 1 models of 1 owners" in made.output
    assert "hf:garden is known since" in made.output
    assert read_lock(folder / "models.lock.json", "").models["guide"].revision == COMMIT
