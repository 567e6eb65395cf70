"""`safecase assess --all`: every service of a repository, and a broken one does not keep the others from it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Safecase = Callable[..., Ran]

MANIFEST = "safecase: 1\nservice:\n  id: {id}\nai:\n  kind: none\n"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("chat", "search", "team/ranking"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "safecase.yaml").write_text(MANIFEST.format(id=folder.name))
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_service_is_assessed_and_told_in_a_line(safecase: Safecase, services: Path) -> None:
    ran = safecase("assess", "--all", "--offline")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["chat", "search", "team/ranking"]
    assert lines[-1].startswith("3 services: ")
    assert all((services / name / ".safecase" / "case.json").is_file() for name in ("chat", "search", "team/ranking"))


def test_a_broken_one_is_told_and_the_others_are_assessed(safecase: Safecase, services: Path) -> None:
    (services / "search" / "safecase.yaml").write_text("safecase: 1\n")
    ran = safecase("assess", "--all", "--offline", "--format", "json")
    assert ran.code == 2
    assert "`service` is missing" in ran.err
    told = json.loads(ran.out)["services"]
    assert [(one["file"], one["exit_code"], one["case"] is None) for one in told] == [
        ("chat/safecase.yaml", 0, False),
        ("search/safecase.yaml", 2, True),
        ("team/ranking/safecase.yaml", 0, False),
    ]


def test_a_file_is_written_into_each_service(safecase: Safecase, services: Path) -> None:
    ran = safecase("assess", "--all", "--offline", "-o", "case.html")
    assert ran.code == 0, ran.err
    assert "The case for ranking" in (services / "team" / "ranking" / "case.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "html"), "--all gives text or json"),
        (("-o", "/tmp/case.html"), "into the folder of each service"),
        (("--dry-run",), "neither --dry-run nor --verbose"),
        (("nowhere",), "nowhere is no folder"),
    ],
)
def test_what_makes_no_sense_with_all_is_refused(
    safecase: Safecase, services: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = safecase("assess", "--all", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
