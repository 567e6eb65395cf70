"""The example plug-in, built as a wheel and installed beside Safecase: each way in is taken."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.distributions import safecase

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "plugins" / "safecase-example"
UV = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".tools" / "bin"), os.environ.get("PATH", "")]))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, without a network, and install it into a folder of its own."""
    pytest.importorskip("hatchling", reason="the build backend of the development environment")
    if UV is None:
        pytest.skip("uv installs the wheel: `make dev` brings it")
    work = tmp_path_factory.mktemp("build")
    shutil.copytree(EXAMPLE, work / "source")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work / "dist")]
    subprocess.run(build, cwd=work / "source", check=True, capture_output=True)
    (wheel,) = (work / "dist").glob("*.whl")
    install = [UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", sys.executable]
    subprocess.run([*install, "--target", str(work / "site"), str(wheel)], check=True, capture_output=True)
    return work / "site"


def _service(example: str, to: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE / "tests" / "checks" / "example.readme" / example, to / "service"))


def _readme_findings(site: Path, folder: Path) -> list[dict[str, Any]]:
    ran = safecase("assess", "--only", "example.readme", "--format", "json", site=site, folder=folder)
    assert ran.returncode == 0, ran.stderr
    findings = [f for claim in json.loads(ran.stdout)["claims"] for f in claim["findings"]]
    return [f for f in findings if f["check"] == "example.readme"]


def test_all_four_kinds_are_listed_with_their_origin(site: Path, tmp_path: Path) -> None:
    ran = safecase("plugins", "--format", "json", site=site, folder=tmp_path)
    assert ran.returncode == 0, ran.stdout
    listed = json.loads(ran.stdout)["plugins"]
    assert {(p["kind"], *p["brings"]) for p in listed} == {
        ("check", "example.readme"),
        ("detector", "example.placeholder"),
        ("probe", "example.false_memory"),
        ("exporter", "example.csv"),
    }
    assert {(p["distribution"], p["version"]) for p in listed} == {("safecase-example", "0.1.0")}


def test_its_check_passes_on_its_passing_example(site: Path, tmp_path: Path) -> None:
    findings = _readme_findings(site, _service("pass", tmp_path))
    assert [f["verdict"] for f in findings] == ["pass"]


def test_its_check_fails_on_its_failing_example_with_file_and_line(site: Path, tmp_path: Path) -> None:
    findings = _readme_findings(site, _service("fail", tmp_path))
    assert {f["rule"] for f in findings} == {"example.readme.owner", "example.readme.placeholder"}
    placeholder = next(f for f in findings if f["rule"].endswith("placeholder"))
    assert (placeholder["place"]["file"], placeholder["place"]["line"]) == ("README.md", 3)
    assert all(f["mend"] for f in findings)


def test_what_it_finds_speaks_against_the_control_that_it_names(site: Path, tmp_path: Path) -> None:
    folder = _service("fail", tmp_path)
    ran = safecase("assess", "--format", "json", site=site, folder=folder)
    owners = next(c for c in json.loads(ran.stdout)["claims"] if c["control"] == "RC-22")
    assert owners["state"] == "contested"
    assert "example.readme" in {f["check"] for f in owners["findings"]}


def test_without_it_nothing_of_it_is_left(tmp_path: Path) -> None:
    folder = _service("fail", tmp_path)
    ran = safecase("assess", "--only", "example.readme", site=tmp_path, folder=folder)
    assert ran.returncode == 2
    assert "--only example.readme: no such" in ran.stderr


ASKED = """
import json, random, sys
from safecase import plugins
from safecase.assess.assessment import Wishes, conclude, prepare
from safecase.probes.oracles import worked
from safecase.probes.probe import ProbeFacts
from safecase.service.read import find, read
from pathlib import Path

found = plugins.detectors()["example.placeholder"]("Owner: TBD")
probe = plugins.probes()[-1]
attack = next(probe.attacks(random.Random(1), ProbeFacts()))
asked = attack.conversation[0].text
case = conclude(prepare(read(find(Path())), Wishes()))
print(json.dumps({
    "spans": [[s.start, s.end] for s in found.spans],
    "weakness": probe.weakness,
    "told": worked(attack.oracle, asked, asked),
    "obeyed": worked(attack.oracle, asked, attack.oracle.wanted[0]),
    "csv": plugins.exporters()["example.csv"](case).decode(),
}))
"""


def test_its_detector_probe_and_exporter_do_their_work(site: Path, tmp_path: Path) -> None:
    folder = _service("pass", tmp_path)
    paths = os.pathsep.join([str(ROOT / "src"), str(site)])
    environment = {**os.environ, "PYTHONPATH": paths, "SAFECASE_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["spans"] == [[7, 10]]
    assert told["weakness"] == "example.false_memory"
    assert not told["told"], "the attack alone does not hold the word"
    assert told["obeyed"]
    rows = list(csv.DictReader(io.StringIO(told["csv"])))
    assert {row["service"] for row in rows} == {"kiosk"}
    assert "RC-22" in {row["control"] for row in rows}


def test_its_format_is_one_of_the_command_line_s(site: Path, tmp_path: Path) -> None:
    folder = _service("pass", tmp_path)
    printed = safecase("export", "--format", "example.csv", site=site, folder=folder)
    assert printed.returncode == 0, printed.stderr
    written = safecase("export", "-o", "example.csv:claims.csv", site=site, folder=folder)
    assert written.returncode == 0, written.stderr
    assert printed.stdout.splitlines()[0] == "service,control,title,measure,severity,state,because"
    assert (folder / "claims.csv").read_bytes().splitlines()[0].startswith(b"service,control,")


def test_its_attacks_are_made_on_a_running_service(site: Path, tmp_path: Path) -> None:
    example = ROOT / "tests" / "checks" / "redteam.run" / "pass"
    folder = Path(shutil.copytree(example, tmp_path / "service", ignore=shutil.ignore_patterns("*.py")))
    spec = importlib.util.spec_from_file_location("serve_for_example", example / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    with server.serve(folder) as variables:
        arguments = ("assess", "--only", "redteam.run", "--format", "json")
        ran = safecase(*arguments, site=site, folder=folder, **variables)
    assert ran.returncode == 0, ran.stderr
    claim = next(c for c in json.loads(ran.stdout)["claims"] if c["control"] == "TV-05")
    rules = {f["rule"]: f["verdict"] for f in claim["findings"] if f["check"] == "redteam.run"}
    assert rules["example.false_memory"] == "pass", claim["findings"]
    assert len(rules) == 6
