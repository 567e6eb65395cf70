"""Check files of the service's own repository: loaded by name, refused where they are not what they should be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.assess.work import Job, perform
from safecase.checks import REGISTRY, load
from safecase.errors import UsageError
from safecase.plugins import local_checks, named, refuse
from safecase.service.schema import Manifest, ServiceBlock, SettingsBlock
from safecase.service.subjects import Repository
from tests.plugins.distributions import CHECK, safecase

ODD = CHECK.format(id="local.odd", control="RC-22")

wired = pytest.mark.skipif(
    "checks" not in SettingsBlock.__struct_fields__, reason="the manifest has no settings.checks yet"
)


def _lay(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _refused(root: Path, *wanted: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        local_checks(root, wanted)
    assert caught.value.mend
    return caught.value


def test_a_file_brings_its_checks_and_depends_on_its_own_bytes(tmp_path: Path) -> None:
    _lay(tmp_path, "ci-checks/odd.py", ODD)
    found = local_checks(tmp_path, ["ci-checks/odd.py"])
    assert list(found) == ["local.odd"]
    assert "settings.checks" in found["local.odd"].files
    assert found["local.odd"].where == "safecase_local/ci-checks/odd.py:found"


def test_a_folder_brings_its_files_but_not_those_that_begin_with_an_underscore(tmp_path: Path) -> None:
    _lay(tmp_path, "checks/odd.py", ODD)
    _lay(tmp_path, "checks/_draft.py", "raise SystemExit")
    _lay(tmp_path, "checks/even.py", CHECK.format(id="local.even", control="RC-22"))
    assert list(local_checks(tmp_path, ["checks"])) == ["local.even", "local.odd"]


def test_the_registry_holds_no_local_check_for_the_next_service(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.py", ODD)
    local_checks(tmp_path, ["odd.py"])
    assert "local.odd" not in REGISTRY
    assert "local.odd" not in load()


def test_two_services_may_have_a_file_of_one_name(tmp_path: Path) -> None:
    for service in ("one", "two"):
        _lay(tmp_path / service, "odd.py", ODD.replace('"well"', f'"{service}"'))
        local_checks(tmp_path / service, ["odd.py"])
    for service in ("one", "two"):
        check = named("local.odd", "safecase_local/odd.py", tmp_path / service)
        (found,) = check.run(Repository(), None)
        assert found.message == service


def test_a_worker_finds_it_by_the_name_of_its_module(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.py", ODD)
    assert named("local.odd", "safecase_local/odd.py", tmp_path).id == "local.odd"
    assert named("model.format", load()["model.format"].where.partition(":")[0], tmp_path).id == "model.format"


def test_nothing_is_written_into_the_repository(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.py", ODD)
    local_checks(tmp_path, ["odd.py"])
    assert [file.name for file in tmp_path.iterdir()] == ["odd.py"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("x = 1\ndef (:\n", 2, "SyntaxError"),
        ("x = 1\ny = 2\nraise KeyError('k')\n", 3, "KeyError"),
        ("def f():\n    raise SystemExit(0)\nf()\n", 2, "SystemExit"),
        ("import a_module_that_nobody_has\n", 1, "ModuleNotFoundError"),
        ("x = '\\x00'\n", 0, "makes no check"),
        (ODD.replace("local.odd", "shop.odd"), 0, "its ids begin with `local.`"),
        (ODD.replace("RC-22", "RC-220"), 0, "no control of the catalogue"),
        (ODD.replace("local.odd", "model.format"), 0, "two checks are called"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_place(tmp_path: Path, text: str, line: int, said: str) -> None:
    _lay(tmp_path, "odd.py", text)
    why = _refused(tmp_path, "odd.py")
    assert said in why.message
    assert why.place is not None
    assert why.place.file == "odd.py"
    assert why.place.line == line or (line == 0 and why.place.line >= 0)


def test_what_lies_outside_of_the_service_is_refused(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.py", ODD)
    service = tmp_path / "service"
    service.mkdir()
    (service / "link.py").symlink_to(tmp_path / "odd.py")
    for path in ("../odd.py", str(tmp_path / "odd.py"), "link.py"):
        assert "leads out of" in _refused(service, path).message


def test_what_is_no_python_file_or_is_not_there_is_refused(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.txt", ODD)
    assert "no Python file" in _refused(tmp_path, "odd.txt").message
    assert "cannot be read" in _refused(tmp_path, "gone.py").message
    _lay(tmp_path, "big.py", "#" * 1_000_001)
    assert "larger than" in _refused(tmp_path, "big.py").message


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    _lay(tmp_path, "a.py", ODD)
    _lay(tmp_path, "b.py", ODD)
    assert "b.py brings local.odd" in _refused(tmp_path, "a.py", "b.py").message


@wired
def test_a_gate_refuses_a_manifest_that_names_local_code() -> None:
    manifest = Manifest(safecase=1, service=ServiceBlock(id="shop"))
    refuse(manifest)
    with pytest.raises(UsageError, match=r"settings\.checks names code"):
        refuse(msgspec.structs.replace(manifest, settings=msgspec.structs.replace(manifest.settings, checks=("a.py",))))


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_an_error_and_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    # Never run: what does not compile is refused, and a comment in front keeps the rest from being code.
    (folder / "odd.py").write_bytes(b"#" + content.replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\x0c", b" "))
    with pytest.raises(UsageError):
        local_checks(folder, ["odd.py"])


@wired
def test_a_job_of_a_local_check_is_performed(tmp_path: Path) -> None:
    _lay(tmp_path, "odd.py", ODD)
    job = Job(
        check="local.odd",
        module="safecase_local/odd.py",
        runs="process",
        network=False,
        subject=Repository(),
        root=str(tmp_path),
        manifest=Manifest(safecase=1, service=ServiceBlock(id="shop")),
        manifest_path="safecase.yaml",
        now=datetime.now(UTC),
        seconds=10,
    )
    assert [f.verdict for f in perform(job).findings] == ["pass"]


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service with a check file of its own, which says in which process it runs."""
    text = ODD.replace('"well"', 'f"well, in {os.getpid()}"')
    _lay(tmp_path, "service/ci/odd.py", f"import os\n{text}")
    _lay(
        tmp_path,
        "service/safecase.yaml",
        "safecase: 1\nservice: {id: shop, owner: ada@shop.example}\nsettings: {checks: [ci]}\n",
    )
    return tmp_path / "service"


@wired
@pytest.mark.slow
def test_an_assessment_runs_it_in_a_worker_and_again_when_its_file_changes(service: Path, tmp_path: Path) -> None:
    def planned() -> str:
        ran = safecase(
            "assess", "--allow-local-code", "--only", "local.odd", "--dry-run", site=tmp_path, folder=service
        )
        return ran.stdout + ran.stderr

    assert "local.odd" in planned()
    ran = safecase(
        "assess", "--allow-local-code", "--only", "local.odd", "--format", "json", site=tmp_path, folder=service
    )
    assert ran.returncode == 0, ran.stderr
    claim = next(c for c in json.loads(ran.stdout)["claims"] if c["control"] == "RC-22")
    assert [f["verdict"] for f in claim["findings"] if f["check"] == "local.odd"] == ["pass"]
    assert planned().startswith("0 checks would run")
    with (service / "ci" / "odd.py").open("a") as file:
        file.write("# changed\n")
    assert "local.odd" in planned()


@wired
@pytest.mark.slow
def test_a_gate_runs_it_only_where_that_is_allowed(service: Path, tmp_path: Path) -> None:
    refused = safecase("gate", "--offline", site=tmp_path, folder=service)
    assert refused.returncode == 2
    assert "settings.checks names code of this repository (ci)" in refused.stderr
    allowed = safecase("gate", "--offline", "--allow-local-code", "--format", "json", site=tmp_path, folder=service)
    assert allowed.returncode in (0, 1, 3), allowed.stderr
    assert "local.odd" in allowed.stdout


@wired
@pytest.mark.slow
def test_without_a_word_no_code_of_the_repository_runs(service: Path, tmp_path: Path) -> None:
    (service / "ci" / "odd.py").write_text("raise SystemExit('it ran')\n")
    for verb in (("assess", "--offline"), ("show", "case")):
        ran = safecase(*verb, site=tmp_path, folder=service)
        assert "it ran" not in ran.stdout + ran.stderr
        assert "settings.checks were not run" in ran.stdout


@wired
@pytest.mark.slow
def test_a_wrong_file_is_an_error_with_its_line(service: Path, tmp_path: Path) -> None:
    (service / "ci" / "wrong.py").write_text("x = 1\n1 / 0\n")
    for verb in (("assess", "--allow-local-code"), ("gate", "--allow-local-code")):
        ran = safecase(*verb, site=tmp_path, folder=service)
        assert ran.returncode == 2
        assert "ci/wrong.py:2" in ran.stderr
        assert "ZeroDivisionError" in ran.stderr
