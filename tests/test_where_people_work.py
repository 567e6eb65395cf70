"""Pipelines, hooks, the image and their pages: each can be read, and every command in them is one that there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from safecase.cli import app
from tests.cli.conftest import git

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("safecase")
YAMLS = (
    "action.yml",
    ".pre-commit-hooks.yaml",
    "deploy/github/daily.yml",
    "deploy/gitlab/safecase.gitlab-ci.yml",
    "mkdocs.yml",
)
PLACES = (
    *YAMLS,
    "Containerfile",
    "README.md",
    "docs/index.md",
    "docs/plug-ins.md",
    "docs/where-people-work.md",
    "plugins/safecase-example/README.md",
)
_CALL = re.compile(r"(?:^|[ `/\"])safecase\"? +(?P<words>[a-z][^`#|;&\n]*)", re.M)
_GATE = (0, 1, 3)


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def calls() -> Iterator[tuple[str, str]]:
    """Find `safecase VERB …` in what is run: scripts and entries, and examples in pages and comments."""
    for name in PLACES:
        for text in _run(name):
            for found in _CALL.finditer(re.sub(r"\s*\\\n\s*", " ", text)):
                yield name, re.split(r"\s{2,}|\s[>…]", found["words"])[0].strip()


def _run(name: str) -> Iterator[str]:
    text = (ROOT / name).read_text()
    if name.endswith(".md"):
        yield from re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
        yield from re.findall(r"`safecase [^`\n]+`", text)
    elif name == "Containerfile":
        yield from re.findall(r"^#   (docker .*)", text, re.M)
    else:
        yield from _scripts(read(name))


def _scripts(part: Any) -> Iterator[str]:
    """Give the values of the keys that hold a script, wherever they stand."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("run", "script", "before_script", "entry"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _scripts(value)
    elif isinstance(part, list):
        for item in part:
            yield from _scripts(item)


CALLS = sorted(set(calls()))


def test_the_commands_are_found() -> None:
    assert {name for name, _ in CALLS} >= {
        "action.yml",
        "deploy/gitlab/safecase.gitlab-ci.yml",
        ".pre-commit-hooks.yaml",
    }
    assert len(CALLS) > 12


@pytest.mark.parametrize(("place", "words"), CALLS, ids=[f"{p}: {w}" for p, w in CALLS])
def test_every_command_is_one_that_there_is_with_these_options(place: str, words: str) -> None:
    context = click.Context(app)
    command: click.Command = app
    rest = shlex.split(words)
    while isinstance(command, click.Group) and rest:
        verb = rest.pop(0)
        verbs = verb.split("|")
        found = command.get_command(context, verbs[0])
        assert found is not None, f"{place}: there is no {verb}"
        command = found
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    options = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "--"}
    assert options - known == set(), f"{place}: {words}"


@pytest.mark.parametrize("name", YAMLS)
def test_every_file_is_yaml(name: str) -> None:
    assert read(name)


def test_actions_of_others_are_pinned_or_say_why_not() -> None:
    for name in ("action.yml", "deploy/github/daily.yml"):
        lines = (ROOT / name).read_text().splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            used = re.search(r"^\s*- uses: (\S+)", line)
            if used and not re.search(r"@[0-9a-f]{40}$", used[1]):
                assert "#" in before or "#" in line, f"{name}: {line.strip()}"


def test_nothing_from_outside_is_put_into_the_text_of_a_script() -> None:
    for step in read("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step["name"]


def test_every_script_is_one_that_bash_reads() -> None:
    scripts = [script for name in YAMLS for script in _scripts(read(name))]
    assert len(scripts) > 8
    for script in scripts:
        made = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr


@pytest.fixture
def service(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "safecase.yaml").write_text(
        "safecase: 1\nservice: {id: shop, owner: ada@shop.example}\nai: {kind: [tabular]}\n"
    )
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def _environment(tmp_path: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_", "SAFECASE_"))}
    path = os.pathsep.join([str(PROGRAM.parent), clean.get("PATH", "")])
    return {**clean, "PATH": path, "SAFECASE_HOME": str(tmp_path / "home"), **more}


@pytest.mark.slow
def test_the_action_s_script_writes_the_summary_and_leaves_the_gate_s_code(service: Path, tmp_path: Path) -> None:
    program = tmp_path / "temp" / "safecase" / "bin" / "safecase"
    program.parent.mkdir(parents=True)
    program.symlink_to(PROGRAM)
    output, summary = tmp_path / "output", tmp_path / "summary"
    (step,) = [step for step in read("action.yml")["runs"]["steps"] if step.get("id") == "gate"]
    environment = _environment(
        tmp_path,
        RUNNER_TEMP=str(tmp_path / "temp"),
        GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary),
        SERVICE=".",
        PROFILE="starter",
        POLICY="main",
        OFFLINE="true",
    )
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=service,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    told = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert int(told["exit-code"]) in _GATE, ran.stderr
    assert Path(told["case"]).is_file()
    assert Path(told["sarif"]).is_file()
    assert "shop" in summary.read_text()


@pytest.mark.slow
def test_the_gitlab_script_leaves_its_reports(service: Path, tmp_path: Path) -> None:
    job = read("deploy/gitlab/safecase.gitlab-ci.yml")["safecase"]
    script = "\n".join(job["script"]).replace("/opt/safecase/bin/safecase", str(PROGRAM))
    environment = _environment(tmp_path, SAFECASE_PROFILE="starter", SAFECASE_SERVICE=".", ASKING="--offline")
    ran = subprocess.run(["bash", "-e", "-c", script], cwd=service, env=environment, capture_output=True, text=True)
    assert ran.returncode in _GATE, ran.stderr
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (service / name).stat().st_size > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("hook", read(".pre-commit-hooks.yaml"), ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_in_a_repository_and_sees_a_wrong_manifest(hook: Any, service: Path, tmp_path: Path) -> None:
    assert not hook["pass_filenames"]
    entry = shlex.split(hook["entry"])
    assert shutil.which(entry[0], path=str(PROGRAM.parent))
    environment = _environment(tmp_path)
    sound = subprocess.run(entry, cwd=service, env=environment, capture_output=True, text=True)
    assert sound.returncode in _GATE, sound.stderr
    (service / "safecase.yaml").write_text("safecase: 1\nservice: {id: shop, onwer: ada}\n")
    wrong = subprocess.run(entry, cwd=service, env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "safecase.yaml:2" in wrong.stderr


def test_the_image_runs_as_nobody_in_particular_and_says_where_it_was_not_built() -> None:
    text = (ROOT / "Containerfile").read_text()
    assert re.search(r"^USER \d+:\d+$", text, re.M)
    assert "Not built where it was written" in text
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M) for name in line.split()}
    allowed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_every_link_between_pages_leads_to_a_page_with_a_title() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text()
        assert text.startswith("# "), page
        for link in re.findall(r"\]\(([^)#:\s]+\.md)", text):
            assert (page.parent / link).is_file(), f"{page.relative_to(ROOT)}: {link}"
