"""The tab key: the script of each shell, and what it is answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from safecase.catalogue.read import catalogue
from safecase.cli import app
from safecase.cli.completion import SHELLS, ids

PROGRAM = Path(sys.executable).with_name("safecase")


def completed(*words: str) -> list[str]:
    """Ask as bash does when the tab key is pressed behind the last word."""
    environment = {
        **os.environ,
        "_SAFECASE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["safecase", *words]),
        "COMP_CWORD": str(len(words)),
    }
    answer = subprocess.run([str(PROGRAM)], env=environment, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in answer.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_safecase(shell: str) -> None:
    made = subprocess.run([str(PROGRAM), "completion", shell], capture_output=True, text=True, check=True)
    assert "_SAFECASE_COMPLETE" in made.stdout
    assert made.stdout.endswith("\n")
    assert made.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_the_shell_reads(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    made = subprocess.run([str(PROGRAM), "completion", shell], capture_output=True, text=True, check=True)
    read = subprocess.run([program, "-n"], input=made.stdout, capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def test_another_shell_is_refused_with_those_that_are_known() -> None:
    answer = subprocess.run([str(PROGRAM), "completion", "tcsh"], capture_output=True, text=True)
    assert answer.returncode == 2
    assert "bash" in answer.stderr


def test_verbs_and_options_complete() -> None:
    assert {"assess", "attest"} <= set(completed("a"))
    assert "--offline" in completed("gate", "--off")


def test_ids_complete_without_regard_to_case() -> None:
    context = click.Context(app)
    parameter = click.Argument(["ids"])
    found = [item.value for item in ids(context, parameter, "rc-")]
    assert found == [id for id in catalogue().controls if id.startswith("RC-")]
    assert "model.format" in {item.value for item in ids(context, parameter, "model.f")}
    assert {"contested"} == {item.value for item in ids(context, parameter, "contest")}


def test_every_id_that_completes_can_be_explained() -> None:
    from safecase.cli import pages

    for item in ids(click.Context(app), click.Argument(["ids"]), ""):
        assert pages.page(item.value).text, item.value
