"""Finding the parts of a service: models, packages, workloads, and digests that change when the part does."""

from __future__ import annotations

from pathlib import Path

from safecase.service.digests import Digests
from safecase.service.discover import Inventory, discover, parameters_digest
from safecase.service.read import read

MINIMAL = "safecase: 1\nservice: {id: shop}\n"
PICKLE = b"\x80\x04K\x01."


def inventory(folder: Path, **files: str | bytes) -> Inventory:
    for name, content in {"safecase.yaml": MINIMAL, **files}.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return discover(read(folder / "safecase.yaml"), Digests(folder, None))


def names(found: Inventory) -> set[str]:
    return {subject.name for subject in found.subjects}


def fact(found: Inventory, key: str) -> object:
    return next(f.value for f in found.facts if f.key == key)


def test_a_model_file_is_found_by_its_content(tmp_path: Path) -> None:
    found = inventory(tmp_path, **{"data__model.pkl": PICKLE, "notes.txt": "\x80 text"})
    assert "model-file:data/model.pkl" in names(found)
    assert fact(found, "discovered.model_files") == 1


def test_a_declared_model_covers_its_files_and_keeps_its_name(tmp_path: Path) -> None:
    text = MINIMAL + "models: [{id: churn, file: data}]\n"
    found = inventory(tmp_path, **{"safecase.yaml": text, "data__model.pkl": PICKLE})
    assert "model:churn" in names(found)
    assert not any(n.startswith("model-file:data") for n in names(found))


def test_a_declared_model_that_is_not_there_is_still_to_be_looked_for(tmp_path: Path) -> None:
    found = inventory(tmp_path, **{"safecase.yaml": MINIMAL + "models: [{id: churn, file: gone.pkl}]\n"})
    assert "model:churn" in names(found)
    assert fact(found, "discovered.model_files") == 1


def test_members_of_a_workspace_belong_to_the_lock_above(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        **{
            "pyproject.toml": "",
            "uv.lock": "version = 1\n",
            "packages__a__pyproject.toml": "",
            "web__package.json": "{}",
        },
    )
    assert {n for n in names(found) if n.startswith("packages:")} == {"packages:."}


def test_requirements_in_a_folder_of_that_name_belong_to_the_folder_above(tmp_path: Path) -> None:
    found = inventory(tmp_path, **{"pyproject.toml": "", "requirements__dev.txt": "click\n"})
    assert {n for n in names(found) if n.startswith("packages:")} == {"packages:."}


def test_kubernetes_manifests_are_one_subject(tmp_path: Path) -> None:
    found = inventory(tmp_path, **{"k__a.yaml": "apiVersion: v1\nkind: Pod\n", "ci.yml": "on: push\n"})
    assert fact(found, "discovered.kubernetes_files") == 1
    assert "kubernetes" in names(found)


def test_the_running_service_changes_with_its_code_but_not_with_an_exception(tmp_path: Path) -> None:
    base = MINIMAL + 'deployment: {endpoint: "http://127.0.0.1:1/v1"}\n'
    first = inventory(tmp_path, **{"safecase.yaml": base, "app.py": "a"})
    accepted = base + "exceptions: [{control: SC-11, owner: a, reason: because of this, expires: '2026-12-01'}]\n"
    second = inventory(tmp_path, **{"safecase.yaml": accepted, "app.py": "a"})
    third = inventory(tmp_path, **{"safecase.yaml": accepted, "app.py": "b"})
    name = "endpoint:http://127.0.0.1:1/v1"
    assert first.digests[name] == second.digests[name] != third.digests[name]
    assert first.digests["service"] != second.digests["service"]


def test_what_a_check_reads_of_the_manifest_is_a_subject_of_its_own(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "safecase.yaml").write_text(text)
        return parameters_digest(read(tmp_path / "safecase.yaml").manifest, ("testing.attacks",))

    assert digest(MINIMAL) == digest(MINIMAL + "ai: {kind: [llm]}\n")
    assert digest(MINIMAL) != digest(MINIMAL + "testing: {attacks: {limit: 0.2}}\n")
