"""A catalogue's files are held against each other: the shipped ones are sound, and every kind of fault is placed."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.catalogue import references, schema
from safecase.catalogue.lint import lint
from safecase.catalogue.read import COMPILED, FILES, catalogue, compile_, shipped_folder
from safecase.cli.catalogue import _sayable

SAYABLE = _sayable()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "data"))


def changed(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_catalogue_is_sound() -> None:
    assert [str(f.message) for f in lint(shipped_folder(), SAYABLE)] == []


def test_it_holds_the_whole_of_the_mission() -> None:
    rows = catalogue()
    assert (len(rows.controls), len(rows.threats), len(rows.measures), len(rows.risk_groups)) == (147, 102, 9, 7)
    assert all(threat.controls for threat in rows.threats.values())


def test_the_compiled_form_says_what_the_yaml_says() -> None:
    assert (shipped_folder() / COMPILED).read_bytes() == compile_(shipped_folder())


@pytest.mark.parametrize("file", FILES)
def test_every_file_obeys_its_json_schema(file: str) -> None:
    import json

    import jsonschema_rs
    import yaml

    kind = schema.kind_of(file)
    shipped = json.loads((shipped_folder() / "schema" / f"{kind}.json").read_text())
    assert shipped == json.loads(json.dumps(schema.schemas()[kind]))
    jsonschema_rs.validate(shipped, yaml.safe_load((shipped_folder() / file).read_text()))


FAULTS = [
    ("threats.yaml", "controls: [AI-01, AI-13,", "controls: [AI-01, AI-99,", "AI-99, which is no control"),
    ("threats.yaml", "- id: T02", "- id: T01", "T01 is in threats.yaml already"),
    ("threats.yaml", "when: gen and reach", "when: gen and raech", "nobody can say the fact raech"),
    ("threats.yaml", "when: gen and reach", "when: gen and __import__('os')", "cannot be read"),
    ("threats.yaml", '"LLM01:2026"', '"LLM01:2025"', "edition 2025"),
    ("threats.yaml", '"LLM01:2026"', '"LLM01"', "bears no edition"),
    ("threats.yaml", '"LLM01:2026"', '"LLM11:2026"', "no id of a list"),
    ("threats.yaml", '"AML.T0051.000"', '"AML.T0058"', "was merged"),
    ("threats.yaml", "stride: [tampering", "stride: [tampring", "tampring"),
    ("facts.yaml", "when: not only_none", "when: not ai", "ai follows from itself"),
    ("facts.yaml", "when: ai.kind == speech\n", "when: ai.kind == speach\n", "ai.kind is never speach"),
    ("facts.yaml", "when: ai.kind == speech\n", "when: gen == llm\n", "is a derived fact"),
    ("controls/testing.yaml", "checks: [eval.business]", "checks: [EvalBusiness]", "no id of a check"),
    ("controls/testing.yaml", "  checks: [eval.business]\n", "", "neither a check nor an attestation"),
    ("controls/testing.yaml", "severity: high", "severity: hgih", "hgih"),
    ("controls/testing.yaml", "- id: TV-01", "- id: TV-1", "is no id"),
    ("controls/testing.yaml", "checks: [redteam.run]", "checks: [redteam.walk]", ""),
    ("profiles.yaml", "TM-07, IN-04", "TM-77, IN-04", "TM-77, which is no control"),
    ("measures.yaml", "- id: training", "- id: traning", "in this order"),
    ("risk_groups.yaml", "text:", "txt:", "txt"),
    ("editions.yaml", "names:", "nmaes:", ""),
    ("version.yaml", "version: ", "version ", ""),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), FAULTS, ids=[f"{f[0]}: {f[2]}" for f in FAULTS])
def test_every_fault_is_told_with_its_place(folder: Path, file: str, old: str, new: str, told: str) -> None:
    changed(folder, file, old, new)
    found = lint(folder, SAYABLE)
    assert found
    assert told in " ".join(f.message for f in found)
    placed = [f for f in found if f.place is not None and f.place.line > 0]
    assert placed, [f.message for f in found]


def test_a_check_that_the_catalogue_gives_to_another_control_is_told(folder: Path) -> None:
    changed(folder, "controls/supply_chain.yaml", "checks: [model.scan]", "checks: [model.format]")
    changed(folder, "controls/supply_chain.yaml", "checks: [model.format]\n", "checks: [model.scan]\n")
    assert "model" in " ".join(f.message for f in lint(folder, SAYABLE))


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    (folder / "threats.yaml").unlink()
    assert [f.message for f in lint(folder, SAYABLE)] == ["threats.yaml cannot be read: No such file or directory"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FILES),
    st.integers(0, 10_000),
    st.sampled_from(["", "[", "x: y", "- - -", "\x00", "&a *a", "{", "  "]),
)
def test_no_change_of_a_file_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, file: str, at: int, put: str
) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path_factory.mktemp("c") / "data"))
    text = (folder / file).read_text()
    lines = text.splitlines()
    lines[at % len(lines)] = put
    (folder / file).write_text("\n".join(lines))
    for fault in lint(folder, SAYABLE):
        assert fault.message


@given(st.text(max_size=30))
def test_any_text_is_an_id_or_has_a_fault(text: str) -> None:
    assert (
        references.fault_of(text, catalogue().editions)
        or references.source_of(text)
        or text in catalogue().editions.topics
    )
