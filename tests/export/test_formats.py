"""All formats together: one list of them, one verdict and one exit code in each, files by suffix or by name."""

from __future__ import annotations

import json
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from safecase.errors import UsageError
from safecase.export import FORMATS, SUFFIXES, Output, formats, known, output_of, render
from tests.export.sample import RECORDS, sample

EXAMPLES = Path(__file__).parents[1] / "checks"
MINIMAL = "safecase: 1\nservice: {id: example}\n"
SERVICES = ("lock.check/fail", "lock.check/pass", "owner.resolve/fail", "k8s.netpol/fail")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def safecase(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in this process."""
    from safecase.cli import _run

    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "SAFECASE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["safecase", *arguments])
        try:
            code = _run()
        except SystemExit as left:
            code = int(left.code or 0)
        return code, capfd.readouterr().out

    return call


def service(example: str, to: Path) -> Path:
    shutil.copytree(EXAMPLES / example, to, ignore=shutil.ignore_patterns("build.py", "serve.py"))
    if not (to / "safecase.yaml").exists():
        (to / "safecase.yaml").write_text(MINIMAL)
    return to


def said(form: str, out: str) -> tuple[str, int | None]:
    """Read the case's verdict and the gate's exit code out of a format."""
    match form:
        case "json":
            told = json.loads(out)
            return told["verdict"], {True: 0, False: 1, None: 3}[told["allowed"]]
        case "jsonl":
            told = json.loads(out.splitlines()[0])
            return told["case_verdict"], {True: 0, False: 1, None: 3}[told["case_allowed"]]
        case "sarif":
            (run,) = json.loads(out)["runs"]
            return run["properties"]["verdict"], run["invocations"][0]["exitCode"]
        case "junit":
            (gate,) = (suite for suite in ET.fromstring(out) if suite.attrib["name"] == "Gate")
            code = 1 if gate.attrib["failures"] != "0" else 3 if gate.attrib["errors"] != "0" else 0
            (outcome,) = gate.findall("testcase")[0]
            return next(v for v in ("holds", "fails", "unproven") if f"case {v}" in (outcome.text or "")), code
    text = out.partition("::notice")[2] if form == "github" else out
    verdict = next((v for v in ("holds", "fails", "unproven") if f"case {v}" in text), "")
    word = next((w for w in ("no-go", "could not be judged", "go") if f": {w}" in text), "")
    return verdict, {"no-go": 1, "could not be judged": 3, "go": 0}.get(word)


@pytest.mark.parametrize("example", SERVICES)
def test_every_format_says_the_same_and_leaves_with_the_same_code(example: str, tmp_path: Path, safecase: Run) -> None:
    folder = str(service(example, tmp_path / "service"))
    code, text = safecase("gate", "--offline", folder)
    assert code in (1, 3)
    verdict = json.loads(safecase("gate", "--offline", "--format", "json", folder)[1])["verdict"]
    for form in FORMATS:
        left, out = safecase("gate", "--offline", "--format", form, folder)
        assert left == code, form
        if form not in ("text", "html"):
            assert said(form, out) == (verdict, code), form
    assert safecase("gate", "--offline", folder) == (code, text)


def test_a_go_is_a_go_in_every_format(tmp_path: Path, safecase: Run) -> None:
    folder = str(service("lock.check/fail", tmp_path / "service"))
    assert safecase("assess", "--offline", folder)[0] == 0
    known_gaps = str(tmp_path / "known.json")
    assert safecase("baseline", folder, "-o", known_gaps)[0] == 0
    for form in FORMATS:
        code, out = safecase("gate", "--offline", "--baseline", known_gaps, "--format", form, folder)
        assert code == 0, form
        assert form in ("text", "html") or said(form, out)[1] == 0, form
        assert not out.startswith("::error")


@pytest.mark.parametrize("form", FORMATS)
def test_looking_leaves_with_0_in_every_format(form: str, tmp_path: Path, safecase: Run) -> None:
    folder = str(service("lock.check/fail", tmp_path / "service"))
    code, out = safecase("assess", "--offline", "--format", form, folder)
    assert code == 0
    assert out


def test_files_get_their_format_by_suffix_or_by_name(tmp_path: Path, safecase: Run) -> None:
    folder = str(service("lock.check/fail", tmp_path / "service"))
    files = [tmp_path / f"case{suffix}" for suffix in SUFFIXES]
    named = tmp_path / "annotations"
    outputs = [argument for file in (*map(str, files), f"github:{named}") for argument in ("-o", file)]
    assert safecase("assess", "--offline", *outputs, folder)[0] == 0
    assert all(file.stat().st_size for file in files)
    assert "::notice title=Safecase::" in named.read_text()
    assert json.loads((tmp_path / "case.sarif.json").read_text())["version"] == "2.1.0"
    assert ET.parse(tmp_path / "case.xml").getroot().tag == "testsuites"


def test_a_service_below_the_top_of_its_repository_is_named_from_there(tmp_path: Path, safecase: Run) -> None:
    (tmp_path / ".git").mkdir()
    folder = str(service("lock.check/fail", tmp_path / "services" / "a bot"))
    safecase("assess", "--offline", folder)
    assert "::error file=services/a bot/requirements.txt,line=" in safecase("export", "--format", "github", folder)[1]
    (run,) = json.loads(safecase("export", "--format", "sarif", folder)[1])["runs"]
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
    assert "services/a%20bot/requirements.txt" in uris


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_case_gives_the_same_bytes_in_every_format(form: str) -> None:
    first = render(sample(), form, records=RECORDS)
    assert first == render(sample(), form, records=RECORDS)
    assert first.endswith(b"\n")


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("a.md", Output("md", Path("a.md"))),
        ("b/a.SARIF.json", Output("sarif", Path("b/a.SARIF.json"))),
        ("a.b.json", Output("json", Path("a.b.json"))),
        ("junit:results/a", Output("junit", Path("results/a"))),
        ("sarif:/tmp/a.txt", Output("sarif", Path("/tmp/a.txt"))),
        ("services/bot/junit:a.txt", Output("junit", Path("services/bot/a.txt"))),
        ("12:30.html", Output("html", Path("12:30.html"))),
        ("a/b:c.xml", Output("junit", Path("a/b:c.xml"))),
    ],
)
def test_a_file_is_named_with_its_format_or_by_its_suffix(named: str, wanted: Output) -> None:
    assert output_of(named) == wanted


@pytest.mark.parametrize("named", ["pdf:a", "sarif:", "case.exe", ":a", ".sarif"])
def test_a_file_without_a_format_is_refused_with_the_known_ones(named: str) -> None:
    with pytest.raises(UsageError) as refused:
        output_of(named)
    assert "FORMAT:FILE" in refused.value.mend


def test_there_is_one_list_of_formats() -> None:
    assert set(FORMATS) <= set(formats())
    assert all(map(known, FORMATS))
    assert set(SUFFIXES.values()) == set(FORMATS) - {"github"}
    assert not known("pdf")


def test_the_help_names_every_format(safecase: Run) -> None:
    for verb in ("assess", "gate", "export"):
        out = safecase(verb, "--help")[1]
        assert "|".join(FORMATS) in "".join(out.split())


def test_a_format_of_a_plug_in_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from safecase import plugins

    def broken(case: object) -> bytes:
        raise KeyError(case)

    brought = {"acme.csv": lambda case: case.verdict.encode(), "acme.bad": broken, "acme.odd": lambda case: 3}
    monkeypatch.setattr(plugins, "exporters", lambda: brought)
    assert known("acme.csv")
    assert output_of("acme.csv:a.csv") == Output("acme.csv", Path("a.csv"))
    assert render(sample(), "acme.csv") == b"fails"
    for form in ("acme.bad", "acme.odd"):
        with pytest.raises(UsageError):
            render(sample(), form)
