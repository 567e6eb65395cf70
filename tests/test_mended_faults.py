"""Faults of several checks that a review found, each with its benign twin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safecase.checks import _bounded
from safecase.engines.cvss import severity_of
from safecase.measures.protection.answers import look_at
from safecase.measures.supply_chain.checks import materials_listed
from safecase.measures.vulnerabilities import regression
from safecase.measures.vulnerabilities.checks import disclosure_agreed as disclosure_agreed_module
from safecase.readers.known_flaws import name_of
from safecase.readers.locks import read_file
from safecase.readers.osv import read_bundle

ASKED = "import {}\nimport openai\nr = openai.chat.completions.create(model='m')\n"


@pytest.mark.parametrize(
    ("module", "line", "flows"),
    [
        ("subprocess", "subprocess.run(['bash', '-c', r])", 1),
        ("subprocess", "subprocess.run(['bash', '-c', 'echo \"$1\"', '_', r])", 0),
        ("builtins", "builtins.eval(r)", 1),
        ("builtins", "builtins.len(r)", 0),
        ("pickle", "pickle.loads(r)", 1),
        ("pickle", "pickle.dumps(r)", 0),
        ("os", "os.system(quote(r))", 1),
        ("shlex, os", "os.system(shlex.quote(r))", 0),
    ],
)
def test_an_answer_is_followed_into_what_runs_it_and_nowhere_else(module: str, line: str, flows: int) -> None:
    assert len(look_at(ASKED.format(module) + line + "\n").flows) == flows


def test_a_vector_with_a_doubled_metric_has_no_severity() -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    assert severity_of(vector) == "critical"
    assert severity_of(vector + "/A:N") is None


@pytest.mark.parametrize(
    ("path", "developers"),
    [("ci-service/requirements.txt", False), ("ci/requirements.txt", True), ("requirements-dev.txt", True)],
)
def test_only_a_whole_segment_makes_a_folder_the_developers_own(path: str, developers: bool) -> None:
    assert bool(materials_listed._FOR_DEVELOPERS.search(path)) == developers


def test_a_key_is_short_and_printable_and_still_tells_two_apart() -> None:
    first, second = (_bounded("a\x1b[31m" + "b" * 9000 + end) for end in "12")
    assert first != second
    assert first.isprintable()
    assert len(first) < 300
    assert _bounded("x/é y@1") == "x/é y@1"


# Advisories and aliases


def test_an_alias_of_npm_is_judged_by_the_name_of_its_registry(tmp_path: Path) -> None:
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "": {},
            "node_modules/one": {"name": "other", "version": "1.0.0", "integrity": "sha512-x"},
            "node_modules/two": {"version": "2.0.0", "integrity": "sha512-x"},
        },
    }
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {"one": "npm:other@^1", "two": "^2"}}))
    (tmp_path / "yarn.lock").write_text('"one@npm:@scope/other@^1":\n  version "1.0.0"\n\ntwo@^2:\n  version "2.0.0"\n')
    named = {
        file: [(e.name, e.version) for e in read_file(tmp_path, file).entries] or read_file(tmp_path, file).declared
        for file in ("package-lock.json", "package.json", "yarn.lock")
    }
    assert named["package-lock.json"] == [("other", "1.0.0"), ("two", "2.0.0")]
    assert named["package.json"] == ("other", "two")
    assert named["yarn.lock"] == [("@scope/other", "1.0.0"), ("two", "2.0.0")]


def test_a_bundle_without_records_of_a_registry_judges_none_of_its_packages(tmp_path: Path) -> None:
    record = {
        "id": "GHSA-1", "modified": "2026-11-20T00:00:00Z",
        "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "ranges": []}],
    }  # fmt: skip
    (tmp_path / "r.json").write_text(json.dumps(record))
    bundle = read_bundle(tmp_path, {"jinja2"}, normalised=name_of)
    assert bundle.ecosystems == {"npm"}
    assert not bundle.problems


def test_a_record_behind_a_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"id": "A", "modified": "2026-11-20T00:00:00Z"}')
    (tmp_path / "linked.json").symlink_to(tmp_path / "real.json")
    assert "linked.json is a link" in read_bundle(tmp_path, {"x"}, normalised=name_of).problems[0]


# Severities, tests that cannot fail, promises that are none


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O/RC:C", "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/ZZ:N", None),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "critical"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/U:Amber", "critical"),
        ("CVSS:4.0/AV:X/AC:L/AT:N/PR:N/UI:N/VC:Q/VI:H/VA:H/SC:N/SI:N/SA:N", None),
    ],
)
def test_a_vector_that_says_what_none_can_say_has_no_severity(vector: str, severity: str | None) -> None:
    assert severity_of(vector) == severity


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        ("assert answer() or True", "empty"),
        ("assert 1 == 1", "empty"),
        ("x = f()\n    assert x == x", "unclear"),
        ("assert not False", "empty"),
        ("if False:\n        assert answer() == 2", "empty"),
        ("if False:\n        pass\n    else:\n        assert answer() == 2", "tests"),
        ("assert answer() == 2", "tests"),
        ("assert f() == f()", "tests"),
        ("assert not leaked", "tests"),
    ],
)
def test_an_assertion_that_cannot_fail_is_none(body: str, standing: str) -> None:
    found = regression.look_at(f"def test_it():\n    {body}\n", ["test_it"]).standing
    assert found in (standing, "unclear") if standing == "empty" else found == standing


@pytest.mark.parametrize(
    ("text", "rule", "verdict"),
    [
        ("We answer within 3 days.", "answer", "pass"),
        ("We will not answer within 3 days.", "answer", "fail"),
        ("We don't respond within 3 days. Never.", "answer", "fail"),
        ("Reports are not public. We answer within 3 days.", "answer", "pass"),
        ("Prompt injection counts.", "ai", "pass"),
        ("We do not accept reports of prompt injection.", "ai", "fail"),
        ("We will not take legal action against research in good faith.", "harbour", "pass"),
        ("Denial of service is out of scope.", "scope", "pass"),
    ],
)
def test_a_sentence_that_says_no_promises_nothing(text: str, rule: str, verdict: str) -> None:
    part = next(p for p in disclosure_agreed_module.PARTS if p.rule == rule)
    found = [f for f in part.pattern.finditer(text) if not disclosure_agreed_module._is_refused(text, f, part)]
    assert bool(found) == (verdict == "pass")
