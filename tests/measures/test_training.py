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


@pytest.mark.parametrize(
    "day", ["2026-10-0199", "2026-10-01garbage", "20261001", "2026-10-01T99:00", "2026-10-01x08:00"]
)
def test_what_only_begins_like_a_day_is_none(tmp_path: Path, day: str) -> None:
    findings = found(tmp_path, f"person,module,completed\nada,basics,{day}\nada,running,2026-10-01\n")
    assert told(findings, "fail") == ["ada/basics"]
    assert [f.place.line for f in findings if f.verdict == "unknown" and f.place] == [2]


@pytest.mark.parametrize("day", ["2026-10-01", "2026-10-01T08:00Z", "2026-10-01 08:00:00.123+02:00"])
def test_a_day_may_bear_a_time(tmp_path: Path, day: str) -> None:
    assert told(found(tmp_path, f"person,module,completed\nada,basics,{day}\nada,running,{day}\n"), "pass") == ["ada"]


def scores(tmp_path: Path, export: str, manifest: str = MANIFEST) -> dict[str, str]:
    findings = looked(knowledge_shown, written(tmp_path, {"records.csv": export}, manifest), now=NOW)
    assert all(f.mend for f in findings if f.verdict != "pass")
    return {f.key: f.verdict for f in findings}


def test_a_module_that_was_never_taken_shows_no_knowledge(tmp_path: Path) -> None:
    export = "person,module,completed,score\nada,basics,2026-10-01,0.9\n"
    assert scores(tmp_path, export) == {"ada/basics": "pass", "ada/running": "unknown"}


def test_one_of_whom_no_module_is_asked_has_neither_completed_nor_shown_anything(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("{id: basics, valid_days: 100}, ", "").replace(
        "  people:\n", "  people:\n    - {id: ben, roles: [data]}\n"
    )
    export = "person,module,completed,score\nada,running,2026-10-01,0.9\n"
    assert scores(tmp_path, export, manifest) == {"ada/running": "pass", "ben": "unknown"}
    assert told(found(tmp_path, export, manifest), "unknown") == ["ben"]


def test_without_modules_nothing_passes(tmp_path: Path) -> None:
    manifest = "\n".join(line for line in MANIFEST.splitlines() if "modules:" not in line) + "\n"
    assert set(scores(tmp_path, "person,module,completed,score\n", manifest).values()) == {"unknown"}


@pytest.mark.parametrize(
    ("first", "second", "verdicts"),
    [
        ("1", "0.9", ["pass", "pass"]),
        ("1", "95%", ["pass", "pass"]),
        ("1", "95", ["fail", "pass"]),
        ("0", "95", ["fail", "pass"]),
        ("0.9", "95", ["unknown", "pass"]),
        ("100", "90.5", ["pass", "pass"]),
        ("1%", "0.9", ["fail", "pass"]),
        ("0.8333333333333334", "1.0", ["pass", "pass"]),
    ],
)
def test_one_scale_holds_for_all_scores_of_a_file(tmp_path: Path, first: str, second: str, verdicts: list[str]) -> None:
    export = f"person,module,completed,score\nada,basics,2026-10-01,{first}\nada,running,2026-10-01,{second}\n"
    assert list(scores(tmp_path, export).values()) == verdicts


def test_a_person_who_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    manifest = MANIFEST + "  people_file: people.csv\n"
    (tmp_path / "people.csv").write_text("id\nno id at all\n")
    export = "person,module,completed,score\nada,basics,2026-10-01,0.9\nada,running,2026-10-01,0.9\n"
    assert scores(tmp_path, export, manifest)["people.csv:2"] == "unknown"


@given(st.text(max_size=12), st.booleans())
def test_any_score_is_a_share_or_none(text: str, points: bool) -> None:
    score = records._score(text, points=points)
    assert score is None or 0 <= score <= 1
