"""Who completed what, from the manifest and from exports of other systems, whatever they look like."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.training import records
from safecase.measures.training.checks.knowledge_shown import knowledge_shown
from safecase.measures.training.checks.modules_completed import modules_completed
from safecase.vocabulary import Finding
from tests.measures.looking import looked, written

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MANIFEST = """
training:
  people:
    - {id: ada, email: ada@shop.example, roles: [operator]}
    - {id: gone, email: gone@shop.example, until: "2026-01-31"}
  modules: [{id: basics, valid_days: 100}, {id: running, roles: [operator]}, {id: law, roles: [legal]}]
  records: [records.csv]
"""


def found(tmp_path: Path, export: str, manifest: str = MANIFEST, name: str = "records.csv") -> list[Finding]:
    return looked(modules_completed, written(tmp_path, {name: export}, manifest), now=NOW)


def told(findings: list[Finding], verdict: str) -> list[str]:
    return [f.key for f in findings if f.verdict == verdict]


def test_only_people_of_today_and_only_modules_of_their_roles_are_asked_for(tmp_path: Path) -> None:
    findings = found(tmp_path, "person,module,completed\nada,basics,2026-10-01\n")
    assert told(findings, "fail") == ["ada/running"]


def test_a_completion_lapses(tmp_path: Path) -> None:
    findings = found(tmp_path, "person,module,completed\nada,basics,2026-08-01\nada,running,2026-08-01\n")
    assert told(findings, "fail") == ["ada/basics"]


def test_a_completion_of_tomorrow_is_none_yet(tmp_path: Path) -> None:
    findings = found(tmp_path, "person,module,completed\nada,basics,2026-11-24\nada,running,2026-08-01\n")
    assert told(findings, "fail") == ["ada/basics"]


@pytest.mark.parametrize(
    "export",
    [
        "\ufeffUser;Course;Completion date\nADA@shop.example;basics;2026-10-01T08:00:00Z\nada;running;2026-10-01\n",
        "email\tcourse_id\tdate\nada@shop.example\tbasics\t2026-10-01\nada@shop.example\trunning\t2026-10-01\n",
    ],
)
def test_columns_are_known_by_the_names_that_exports_give_them(tmp_path: Path, export: str) -> None:
    assert told(found(tmp_path, export), "pass") == ["ada"]


def test_json_lines_are_read_as_well(tmp_path: Path) -> None:
    export = (
        '{"person": "ada", "module": "basics", "completed": "2026-10-01"}\n'
        '{"person": "ada", "module": "running", "completed": "2026-10-01", "score": 0.5}\n'
    )
    manifest = MANIFEST.replace("records.csv", "records.jsonl")
    assert told(found(tmp_path, export, manifest, "records.jsonl"), "pass") == ["ada"]


def test_rows_that_cannot_be_used_are_told_with_their_line(tmp_path: Path) -> None:
    export = (
        "person,module,completed,score\nada,basics,yesterday,\neve,basics,2026-10-01,\nada,running,2026-10-01,lots\n"
    )
    findings = found(tmp_path, export)
    assert [f.place.line for f in findings if f.verdict == "unknown" and f.place] == [2, 3, 4]


@pytest.mark.parametrize("missing", ["people", "modules", "records"])
def test_where_nothing_is_declared_nothing_is_judged(tmp_path: Path, missing: str) -> None:
    lines = [line for line in MANIFEST.splitlines() if f"  {missing}:" not in line]
    lines = [line for line in lines if missing != "people" or not line.startswith("    - ")]
    findings = found(tmp_path, "person,module,completed\n", "\n".join(lines) + "\n")
    assert [f.verdict for f in findings] == ["unknown"]


def test_a_score_below_the_mark_fails_and_no_score_is_unknown(tmp_path: Path) -> None:
    export = "person,module,completed,score\nada,basics,2026-10-01,79\nada,running,2026-10-01,\n"
    findings = looked(knowledge_shown, written(tmp_path, {"records.csv": export}, MANIFEST), now=NOW)
    assert {f.key: f.verdict for f in findings} == {"ada/basics": "fail", "ada/running": "unknown"}


@given(st.text(max_size=12))
def test_any_score_is_a_share_or_none(text: str) -> None:
    score = records._score(text)
    assert score is None or 0 <= score <= 1
