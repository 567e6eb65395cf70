from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.service.read import read

from .conftest import Ran, git

Call = Callable[..., Ran]
APP = "from openai import OpenAI\nOpenAI().responses.create(model='gpt-4o')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "shop"
    made.mkdir()
    (made / "app.py").write_text(APP)
    (made / "requirements.txt").write_text("openai==1.0\n")
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(made)
    return made


def test_it_writes_a_manifest_that_loads_and_says_what_it_found(folder: Path, safecase: Call) -> None:
    ran = safecase("init", "--yes")
    assert ran.code == 0
    manifest = read(folder / "safecase.yaml").manifest
    assert [m.source for m in manifest.models] == ["gpt-4o"]
    assert (folder / ".safecase" / "schema.json").is_file()
    assert "wrote safecase.yaml" in ran.out
    assert "safecase assess" in ran.out
    assert all(len(row) <= 80 for row in ran.out.splitlines())


def test_what_it_wrote_is_complete_by_its_own_check(folder: Path, safecase: Call) -> None:
    safecase("init", "--yes")
    ran = safecase("assess", "--only", "repo.discover")
    assert ran.code == 0
    assert "not declared" not in ran.out


def test_a_manifest_that_is_there_is_never_written_over_without_force(folder: Path, safecase: Call) -> None:
    (folder / "safecase.yaml").write_text("safecase: 1\nservice: {id: mine}\n")
    ran = safecase("init", "--yes")
    assert ran.code == 2
    assert "--force" in ran.err
    assert "mine" in (folder / "safecase.yaml").read_text()
    assert safecase("init", "--yes", "--force").code == 0
    assert "mine" not in (folder / "safecase.yaml").read_text()


def test_a_link_that_leads_nowhere_is_not_followed(folder: Path, safecase: Call, tmp_path: Path) -> None:
    (folder / "safecase.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert safecase("init", "--yes").code == 2
    assert not (tmp_path / "elsewhere.yaml").exists()


@pytest.mark.parametrize("how", [("--dry-run",), ("-o", "-")])
def test_printing_writes_nothing(folder: Path, safecase: Call, how: tuple[str, ...]) -> None:
    ran = safecase("init", *how)
    assert ran.code == 0
    assert ran.out.startswith("# yaml-language-server")
    assert "uses of AI found" in ran.err
    assert sorted(p.name for p in folder.iterdir()) == ["app.py", "requirements.txt"]


def test_it_gives_the_same_at_every_call(folder: Path, safecase: Call) -> None:
    assert safecase("init", "-o", "-").out == safecase("init", "-o", "-").out


def test_a_file_of_another_name_can_be_asked_for(folder: Path, safecase: Call) -> None:
    assert safecase("init", "-y", "-o", "draft.yaml").code == 0
    assert (folder / "draft.yaml").is_file()
    assert not (folder / "safecase.yaml").exists()
    assert safecase("init", "-y", "-o", "gone/draft.yaml").code == 2


def _two(folder: Path) -> None:
    for name, text in (("chat", APP), ("score", "from sklearn.svm import SVC\nSVC().fit(a, b)\n")):
        (folder / name).mkdir()
        (folder / name / "main.py").write_text(text)
        (folder / name / "requirements.txt").write_text("openai\n")
    (folder / "app.py").unlink()


def test_several_services_get_a_manifest_each(folder: Path, safecase: Call) -> None:
    _two(folder)
    ran = safecase("init", "--yes")
    assert ran.code == 0
    assert "2 services" in ran.out
    assert read(folder / "chat" / "safecase.yaml").manifest.ai.kind == ("llm",)
    assert read(folder / "score" / "safecase.yaml").manifest.ai.kind == ("tabular",)
    assert not (folder / "safecase.yaml").exists()


def test_one_of_several_services_is_picked_by_its_folder(folder: Path, safecase: Call) -> None:
    _two(folder)
    assert safecase("init", "-y", "-o", "one.yaml").code == 2
    assert safecase("init", "--service-root", "chat", "-o", "-").code == 0
    assert safecase("init", "score", "-y").code == 0
    assert (folder / "score" / "safecase.yaml").is_file()
    assert not (folder / "chat" / "safecase.yaml").exists()


@pytest.mark.parametrize("where", [("gone",), ("app.py",), ("--service-root", "..")])
def test_a_folder_that_is_none_is_a_clear_error(folder: Path, safecase: Call, where: tuple[str, ...]) -> None:
    ran = safecase("init", *where)
    assert ran.code == 2
    assert "mend:" in ran.err


def test_without_a_terminal_nothing_is_asked(folder: Path, safecase: Call) -> None:
    assert "don't know" not in safecase("init", "--dry-run").err


def test_on_a_terminal_answers_go_into_the_manifest(
    folder: Path, safecase: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safecase.cli import init

    answers = iter(["9", "1"] + [""] * 20)
    monkeypatch.setattr(init, "_asks", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    ran = safecase("init")
    assert ran.code == 0
    assert 1 <= ran.err.count("an answer decides about") <= 12
    assert "a number from 1 to" in ran.err
    assert read(folder / "safecase.yaml").manifest.tools == ()
    assert "tools: []" in (folder / "safecase.yaml").read_text()


def test_what_git_ignores_is_not_read(folder: Path, safecase: Call) -> None:
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("scratch/\n")
    (folder / "scratch").mkdir()
    (folder / "scratch" / "a.py").write_text("import anthropic\n")
    ran = safecase("init", "--dry-run")
    assert "anthropic" not in ran.out + ran.err


def test_a_hostile_repository_ends_in_a_manifest_and_a_list_of_what_was_not_read(folder: Path, safecase: Call) -> None:
    (folder / "a.ipynb").write_text("no json")
    (folder / "b.py").write_text("import openai\n(" * 3000)
    (folder / "c.tf").write_text("resource {{{")
    (folder / "d.yaml").write_text("a: &x [*x, image: ollama/ollama")
    (folder / ".mcp.json").write_text("{]")
    (folder / "e.py").write_text("import openai\nM_MODEL = 'gpt-4o\\x1b[31m'\n")
    (folder / "up").symlink_to("..")
    (folder / "pyproject.toml").write_text('[project]\nname = "\\u001b[31mx"\n')
    os.mkfifo(folder / "f.py")
    ran = safecase("init", "--yes")
    assert ran.code == 0
    assert ran.out.count("could not be read: ") >= 4
    assert "\x1b" not in ran.out + (folder / "safecase.yaml").read_text()
