"""Faults of several checks that a review found, each with its benign twin."""

from __future__ import annotations

import pytest

from safecase.checks import _bounded
from safecase.engines.cvss import severity_of
from safecase.measures.protection.answers import look_at
from safecase.measures.supply_chain.checks import materials_listed

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
