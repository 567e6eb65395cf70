"""`safecase supply scan`: a verdict for each path, whatever lies there."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema_rs import validator_for

from safecase.cli import app
from safecase.export import scans as writers
from safecase.measures.supply_chain import scan_cache
from safecase.measures.supply_chain.scan_cache import ScanCache
from safecase.measures.supply_chain.scanning import MOST_FINDINGS, Options, Scan, scan_paths
from safecase.readers import trees

BAD = b"cos\nsystem\n(S'true'\ntR."
ODD = b"\x80\x04cmypkg.features\nScaler\n)R."
GOOD = pickle.dumps({"a": [1, 2]})


def scanned(path: Path, **wishes: object) -> Scan:
    return next(iter(scan_paths([str(path)], Options(**wishes))))  # type: ignore[arg-type]


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["supply", "scan", *arguments], standalone_mode=False)
    return int(done.return_value or 0), done.stdout


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path_factory.mktemp("home")))


def test_the_worst_file_of_a_folder_decides(tmp_path: Path) -> None:
    (tmp_path / "good.pkl").write_bytes(GOOD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "odd.pkl").write_bytes(ODD)
    assert scanned(tmp_path).verdict == "suspicious"
    (tmp_path / "deep" / "bad.pkl").write_bytes(BAD)
    found = scanned(tmp_path)
    assert found.verdict == "malicious"
    assert found.findings[0].file == f"{tmp_path}/deep/bad.pkl"
    assert found.findings[0].rule == "pickle.call"
    assert found.looked_at == 3


def test_a_name_says_nothing(tmp_path: Path) -> None:
    for name in ("weights", "README.md", "model.safetensors", "a.png", ".hidden"):
        path = tmp_path / name
        path.write_bytes(BAD)
        assert scanned(path).verdict == "malicious", name


def test_what_is_beside_a_model_is_no_model_that_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("Free.\n")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    (tmp_path / "__init__.py").write_bytes(b"")
    assert scanned(tmp_path).verdict == "clean"
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert scanned(tmp_path).verdict == "error"


def test_a_file_that_is_named_is_always_judged(tmp_path: Path) -> None:
    path = tmp_path / "noise.bin"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    assert scanned(path).verdict == "unsupported"
    path.write_bytes(b"")
    assert scanned(path).verdict == "error"


def test_a_class_of_ones_own_can_be_allowed(tmp_path: Path) -> None:
    path = tmp_path / "odd.pkl"
    path.write_bytes(ODD)
    assert scanned(path, allow=frozenset({"mypkg.features.Scaler"})).verdict == "clean"


def test_links_are_not_a_way_around(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pkl"
    outside.write_bytes(BAD)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").symlink_to(outside)
    found = scanned(folder)
    assert {f.rule for f in found.findings} >= {"tree.link", "pickle.call"}
    assert found.verdict == "malicious"


def test_a_snapshot_of_a_hub_cache_is_made_of_links_and_clean(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "123").write_bytes(GOOD)
    (snapshot / "model.pkl").symlink_to("../../blobs/123")
    found = scanned(snapshot)
    assert (found.verdict, found.looked_at) == ("clean", 1)


def test_links_in_a_circle_pipes_and_missing_paths_end_in_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert scanned(tmp_path).verdict == "clean"
    (tmp_path / "self").symlink_to(tmp_path / "self")
    os.mkfifo(tmp_path / "pipe")
    found = scanned(tmp_path)
    assert found.verdict == "error"
    assert {f.rule for f in found.findings} == {"tree.dangling", "tree.special"}
    assert scanned(tmp_path / "pipe").findings[0].rule == "tree.special"
    assert scanned(tmp_path / "nothing").findings[0].rule == "tree.unreadable"
    assert scanned(Path("/dev/zero")).findings[0].rule == "tree.special"


def test_a_folder_deeper_than_models_are_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_DEPTH", 3)
    (tmp_path / "a/b/c/d/e").mkdir(parents=True)
    assert [f.rule for f in scanned(tmp_path).findings] == ["tree.deep"]


def test_a_tree_of_too_many_entries_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_ENTRIES", 5)
    for index in range(9):
        (tmp_path / f"{index}.txt").write_text("x")
    found = scanned(tmp_path)
    assert (found.verdict, found.looked_at) == ("error", 5)


def test_among_too_many_findings_the_worst_stay(tmp_path: Path) -> None:
    for index in range(MOST_FINDINGS + 5):
        (tmp_path / f"{index:05}.pkl").write_bytes(ODD)
    (tmp_path / "zz.pkl").write_bytes(BAD)
    found = scanned(tmp_path)
    assert len(found.findings) == MOST_FINDINGS
    assert found.findings[0].says == "malicious"
    assert found.left_out == 6


def test_files_are_passed_over_only_where_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "bad.pkl").write_bytes(BAD)
    assert scanned(tmp_path, exclude=("old",)).verdict == "clean"
    assert scanned(tmp_path, exclude=("old/*.pkl",)).verdict == "clean"
    assert scanned(tmp_path, exclude=("new",)).verdict == "malicious"


def test_digests_are_given_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(GOOD)
    import hashlib

    assert scanned(path, hash=True).files[0].sha256 == hashlib.sha256(GOOD).hexdigest()
    assert not scanned(path).files[0].sha256


# Exit codes and forms


@pytest.mark.parametrize(
    ("content", "code"), [(GOOD, 0), (BAD, 1), (ODD, 1), (b"\xff" * 99, 3), (b"", 3)], ids=lambda v: str(v)[:20]
)
def test_the_exit_code_says_clean_found_or_not_judged(tmp_path: Path, content: bytes, code: int) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    for form in ("text", "json", "jsonl", "sarif"):
        assert run(str(path), "--format", form)[0] == code


def test_json_lines_are_those_of_the_contract(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.pkl", tmp_path / "good.pkl"
    bad.write_bytes(BAD)
    good.write_bytes(GOOD)
    lines = [json.loads(line) for line in run(str(bad), str(good), "--format", "jsonl")[1].splitlines()]
    assert [(line["path"], line["verdict"]) for line in lines] == [(str(bad), "malicious"), (str(good), "clean")]
    finding = lines[0]["findings"][0]
    assert {"rule", "file", "member", "offset", "message", "severity", "mend", "why", "cwe", "references"} <= set(
        finding
    )
    assert finding["cwe"] == ["CWE-502"]
    assert finding["offset"] > 0


def test_sarif_is_valid(tmp_path: Path) -> None:
    for name, content in (("bad.pkl", BAD), ("odd.pkl", ODD), ("broken.pkl", GOOD[:-4])):
        (tmp_path / name).write_bytes(content)
    log = json.loads(run(str(tmp_path), "--format", "sarif")[1])
    schema = json.loads((Path(__file__).parents[1] / "export" / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
    del schema["definitions"]["run"]["properties"]["language"]["pattern"]  # it has a bracket too many
    del schema["definitions"]["toolComponent"]["properties"]["language"]["pattern"]
    validator_for(schema).validate(log)
    kinds = {result["ruleId"]: result["kind"] for result in log["runs"][0]["results"]}
    assert kinds["pickle.call"] == "fail"
    assert kinds["pickle.broken"] == "open"


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb\u202e.pkl"
    path.write_bytes(BAD)
    text = run(str(path))[1]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(line.startswith((" ", "malicious")) for line in text.splitlines())


def test_a_name_that_is_no_utf8_can_be_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"m\xff.pkl")).write_bytes(BAD)
    for form in ("text", "json", "jsonl", "sarif"):
        code, text = run(str(tmp_path), "--format", form)
        assert code == 1
        assert "pickle.call" in text


def test_it_can_be_written_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(BAD)
    code, text = run(str(tmp_path / "a.pkl"), "--format", "json", "-o", str(tmp_path / "out.json"))
    assert (code, text) == (1, "")
    assert json.loads((tmp_path / "out.json").read_text())["verdict"] == "malicious"


# What is remembered


def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safecase.measures.supply_chain.scanning.WORTH_KEEPING", -1.0)
    monkeypatch.setattr(scan_cache, "SETTLED_NS", -(10**18))


def test_an_unchanged_file_is_looked_into_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costly(monkeypatch)
    path = tmp_path / "a.pkl"
    path.write_bytes(BAD)
    cache = ScanCache(tmp_path / "c.sqlite", frozenset())
    first = next(iter(scan_paths([str(path)], Options(), cache=cache)))
    monkeypatch.setattr("safecase.readers.artifacts.look.look_at", lambda *a, **k: pytest.fail("looked again"))
    again = next(iter(scan_paths([str(path)], Options(), cache=cache)))
    assert again.findings == first.findings


def test_a_copy_of_known_bytes_is_not_looked_into_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costly(monkeypatch)
    (tmp_path / "a.pkl").write_bytes(BAD)
    cache = ScanCache(tmp_path / "c.sqlite", frozenset())
    list(scan_paths([str(tmp_path / "a.pkl")], Options(), cache=cache))
    (tmp_path / "b.pkl").write_bytes(BAD)
    monkeypatch.setattr("safecase.readers.artifacts.look.look_at", lambda *a, **k: pytest.fail("looked again"))
    assert next(iter(scan_paths([str(tmp_path / "b.pkl")], Options(), cache=cache))).verdict == "malicious"


def test_a_changed_file_or_other_rules_are_looked_at_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costly(monkeypatch)
    path = tmp_path / "a.pkl"
    path.write_bytes(ODD)
    cache = ScanCache(tmp_path / "c.sqlite", frozenset())
    assert next(iter(scan_paths([str(path)], Options(), cache=cache))).verdict == "suspicious"
    allowed = frozenset({"mypkg.features.Scaler"})
    other = ScanCache(tmp_path / "c.sqlite", allowed)
    assert next(iter(scan_paths([str(path)], Options(allow=allowed), cache=other))).verdict == "clean"
    path.write_bytes(BAD.ljust(len(ODD), b"."))
    assert next(iter(scan_paths([str(path)], Options(), cache=cache))).verdict == "malicious"


def test_a_broken_memory_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 100)
    (tmp_path / "a.pkl").write_bytes(BAD)
    cache = ScanCache(tmp_path / "c.sqlite", frozenset())
    assert next(iter(scan_paths([str(tmp_path / "a.pkl")], Options(), cache=cache))).verdict == "malicious"


def test_the_summary_counts(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(BAD)
    (tmp_path / "b.pkl").write_bytes(GOOD)
    found = list(scan_paths([str(tmp_path / "a.pkl"), str(tmp_path / "b.pkl")], Options()))
    assert writers.summary(found).startswith("1 malicious, 1 clean; 2 files")
