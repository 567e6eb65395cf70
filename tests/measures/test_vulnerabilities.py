"""Strangers find us, know what to expect, and what they found stays mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.vulnerabilities.checks.disclosure_agreed import disclosure_agreed
from safecase.measures.vulnerabilities.checks.fixes_tested import fixes_tested
from safecase.measures.vulnerabilities.checks.reporters_find_us import reporters_find_us
from safecase.measures.vulnerabilities.regression import look_at
from safecase.vocabulary import Finding
from tests.measures.small_service import NOW, look, verdicts
from tests.targets.servers import Request, Response, serving

PLAIN = (("Content-Type", "text/plain; charset=utf-8"),)


def text(expires: datetime = NOW + timedelta(days=30), more: str = "") -> bytes:
    told = f"Contact: mailto:security@garden.example\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\n{more}"
    return told.encode()


def probe(tmp_path: Path, response: Response, path: str = "/.well-known/security.txt") -> list[Finding]:
    def answers(request: Request) -> Response:
        return response if request.path == path else Response(404)

    with serving(answers) as url:
        return look(reporters_find_us, tmp_path, f'deployment: {{endpoint: "{url}"}}')


def test_a_served_file_that_is_good_passes(tmp_path: Path) -> None:
    assert verdicts(probe(tmp_path, Response(200, text(), PLAIN))) == ["pass"]


@pytest.mark.parametrize(
    ("response", "rule"),
    [
        (Response(404), "absent"),
        (Response(401), "absent"),
        (Response(200, text(), (("Content-Type", "text/html"),)), "type"),
        (Response(200, text(), (("Content-Type", "text/plain; charset=latin-1"),)), "type"),
        (Response(200, text()), "type"),
        (Response(200, text(NOW - timedelta(days=1)), PLAIN), "expires"),
        (Response(200, text(NOW + timedelta(days=400)), PLAIN), "expires"),
        (Response(200, text(more="Canonical: https://other.example/security.txt\n"), PLAIN), "canonical"),
        (Response(302, b"", (("Location", "https://other.example/security.txt"),)), "redirect"),
        (Response(302, b"", (("Location", "/.well-known/security.txt"),)), "redirect"),
    ],
)
def test_each_fault_of_a_served_file_fails(response: Response, rule: str, tmp_path: Path) -> None:
    (one,) = probe(tmp_path, response)
    assert (one.verdict, one.rule) == ("fail", rule)
    assert one.mend


def test_a_server_in_trouble_is_unknown(tmp_path: Path) -> None:
    assert verdicts(probe(tmp_path, Response(503))) == ["unknown"]
    down = look(reporters_find_us, tmp_path, 'deployment: {endpoint: "http://127.0.0.1:9/v1"}')
    assert verdicts(down) == ["unknown"]


def test_a_stranger_s_host_is_not_asked(tmp_path: Path) -> None:
    (one,) = look(reporters_find_us, tmp_path, 'vulnerabilities: {security_txt: "https://garden.example/security.txt"}')
    assert one.verdict == "unknown"
    assert "i-own-this-target" in one.mend


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    def answers(request: Request) -> Response:
        if request.path == "/security.txt":
            return Response(200, text(), PLAIN)
        return Response(301, b"", (("Location", "/security.txt"),))

    with serving(answers) as url:
        assert verdicts(look(reporters_find_us, tmp_path, f'deployment: {{endpoint: "{url}"}}')) == ["pass"]


def test_a_file_goes_before_the_network_and_its_faults_have_lines(tmp_path: Path) -> None:
    manifest = 'vulnerabilities: {security_txt: security.txt}\ndeployment: {endpoint: "http://127.0.0.1:9/v1"}'
    assert verdicts(look(reporters_find_us, tmp_path, manifest, {"security.txt": text()})) == ["pass"]
    (one,) = look(reporters_find_us, tmp_path, manifest, {"security.txt": text(NOW - timedelta(days=1))})
    assert str(one.place) == "security.txt:2"


def test_without_a_file_and_an_endpoint_it_is_unknown(tmp_path: Path) -> None:
    assert verdicts(look(reporters_find_us, tmp_path)) == ["unknown"]


POLICY = """In scope is the guide.
Write to security@garden.test, we answer within 3 working days.
Safe harbour: no legal action.
Prompt injection and bias count.
"""


def lint(tmp_path: Path, policy: str, manifest: str = "", name: str = "SECURITY.md") -> list[str]:
    found = look(disclosure_agreed, tmp_path, manifest, {name: policy})
    return [f.rule for f in found if f.verdict == "fail"]


def test_a_whole_policy_passes_wherever_it_lies(tmp_path: Path) -> None:
    assert lint(tmp_path, POLICY, name=".github/SECURITY.md") == []


@pytest.mark.parametrize(
    ("part", "rule"),
    [("In scope is", "scope"), ("security@garden.test", "report"), ("within 3 working days", "answer"),
     ("Safe harbour: no legal action.", "harbour"), ("Prompt injection and", "ai"), ("bias", "bias")],
)  # fmt: skip
def test_each_missing_part_is_found(part: str, rule: str, tmp_path: Path) -> None:
    assert lint(tmp_path, POLICY.replace(part, "")) == [rule]
    assert lint(tmp_path, POLICY.replace(part, f"<!-- {part} -->")) == [rule]


def test_a_promise_longer_than_the_manifest_s_is_found(tmp_path: Path) -> None:
    assert lint(tmp_path, POLICY, "vulnerabilities: {first_answer_days: 3}") == []
    assert lint(tmp_path, POLICY, "vulnerabilities: {first_answer_days: 2}") == ["answer"]
    assert lint(tmp_path, POLICY.replace("3 working days", "72 hours"), "vulnerabilities: {first_answer_days: 3}") == []


def test_a_placeholder_is_found(tmp_path: Path) -> None:
    assert lint(tmp_path, POLICY + "TODO\n") == ["placeholder"]


def test_another_language_an_address_and_nothing_at_all(tmp_path: Path) -> None:
    german = "Schreiben Sie uns, wenn Ihnen etwas auffällt. " * 20
    assert verdicts(look(disclosure_agreed, tmp_path, files={"SECURITY.md": german})) == ["unknown"]
    address = 'vulnerabilities: {policy: "https://garden.example/policy"}'
    assert verdicts(look(disclosure_agreed, tmp_path, address)) == ["unknown"]
    (tmp_path / "SECURITY.md").unlink()
    assert verdicts(look(disclosure_agreed, tmp_path)) == ["fail"]


def fix(tmp_path: Path, test: str, source: str = "", fixed: str = "2026-01-01") -> tuple[str, str]:
    manifest = f'vulnerabilities: {{fixes: [{{report: R-1, fixed: {fixed}, test: "{test}"}}]}}'
    (one,) = look(fixes_tested, tmp_path, manifest, {"tests/test_a.py": source})
    return one.verdict, one.message


@pytest.mark.parametrize(
    ("source", "standing"),
    [
        ("def test_a():\n    assert x", "tests"),
        ("async def test_a():\n    '''why'''\n    with raises(E):\n        f()", "tests"),
        ("def test_a(self):\n    self.assertEqual(1, f())", "tests"),
        ("def test_a():\n    assert True", "empty"),
        ("def test_a():\n    assert (x, 'always')", "empty"),
        ("def test_a():\n    pass", "empty"),
        ("def test_a():\n    ask_and_see()", "unclear"),
        ("def test_a():\n    return\n    assert x", "skipped"),
        ("def test_a():\n    pytest.skip('later')\n    assert x", "skipped"),
        ("def test_a():\n    def inner():\n        assert x", "empty"),
        ("@pytest.mark.skip\ndef test_a():\n    assert x", "skipped"),
        ("@pytest.mark.xfail(reason='x')\ndef test_a():\n    assert x", "skipped"),
        ("@pytest.mark.skipif(WINDOWS, reason='x')\ndef test_a():\n    assert x", "tests"),
        ("@pytest.mark.skipif(True, reason='x')\ndef test_a():\n    assert x", "skipped"),
        ("@unittest.skip('x')\ndef test_a():\n    assert x", "skipped"),
        ("pytestmark = pytest.mark.skip\ndef test_a():\n    assert x", "skipped"),
        ("pytestmark = [pytest.mark.slow]\ndef test_a():\n    assert x", "tests"),
        ("pytest.skip('x', allow_module_level=True)\ndef test_a():\n    assert x", "skipped"),
        ("def test_a():\n    assert x\ndef test_a():\n    pass", "empty"),
        ("# def test_a(): assert x", "absent"),
        ("def test_a(:", "unclear"),
        ("(" * 5000, "unclear"),
    ],
)
def test_a_test_stands_as_its_code_says(source: str, standing: str) -> None:
    assert look_at(source, ["test_a"]).standing == standing


@given(st.text("def test_a():\n  asert@pymrk.()[]'", max_size=120))
def test_any_source_is_looked_at(source: str) -> None:
    look_at(source, ["test_a"])


def test_a_class_is_gone_into_and_is_no_test_itself() -> None:
    source = "class TestA:\n    pytestmark = pytest.mark.skip\n    def test_a(self):\n        assert x"
    assert look_at(source, ["TestA", "test_a"]).standing == "skipped"
    assert look_at(source, ["TestA"]).standing == "unclear"
    assert look_at(source, []).standing == "absent"


def test_a_fix_names_a_test_that_is_there(tmp_path: Path) -> None:
    good = "def test_a():\n    assert x"
    assert fix(tmp_path, "tests/test_a.py::test_a[latin-1]", good)[0] == "pass"
    assert fix(tmp_path, "tests/test_a.py::test_b", good)[0] == "fail"
    assert fix(tmp_path, "tests/test_a.py", good)[0] == "fail"
    assert fix(tmp_path, "../elsewhere.py::test_a", good)[0] == "fail"
    assert fix(tmp_path, "", good)[0] == "fail"
    assert fix(tmp_path, "tests/test_a.py::test_a", good, fixed="2027-01-01")[0] == "fail"
    assert fix(tmp_path, "probe:prompt_injection")[0] == "pass"
    assert fix(tmp_path, "probe:tea_leaves")[0] == "fail"
    assert fix(tmp_path, "suite:visits#a")[0] == "fail"


def test_a_row_of_a_test_set_must_be_there(tmp_path: Path) -> None:
    manifest = (
        "testing: {suites: [{id: v, file: v.yaml}]}\n"
        'vulnerabilities: {fixes: [{report: R-1, fixed: 2026-01-01, test: "suite:v#a"}]}'
    )
    rows = "- {id: a, input: May I?, expected: yes}"
    assert verdicts(look(fixes_tested, tmp_path, manifest, {"v.yaml": rows})) == ["pass"]
    assert verdicts(look(fixes_tested, tmp_path, manifest, {"v.yaml": rows.replace("a,", "b,")})) == ["fail"]
    assert verdicts(look(fixes_tested, tmp_path, manifest, {"v.yaml": "- {id: a}"})) == ["unknown"]


def test_where_no_fix_is_recorded_nothing_is_shown(tmp_path: Path) -> None:
    assert verdicts(look(fixes_tested, tmp_path)) == ["unknown"]
