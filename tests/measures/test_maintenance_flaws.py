"""Locked packages are matched with advisories; whatever was not judged is said."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.measures.maintenance.checks.flaws_known import flaws_known
from safecase.readers.known_flaws import Package, flaws_of
from safecase.readers.osv import Advisory, Affected, Event, Range
from safecase.service.read import read
from safecase.service.subjects import Packages
from safecase.vocabulary import Finding, Place

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(id: str = "GHSA-1", **more: Any) -> dict[str, Any]:
    package = {"package": {"ecosystem": "PyPI", "name": "tulip"}, "ranges": [span("0", "2.0")]}
    return {"id": id, "modified": "2026-11-22T00:00:00Z", "affected": [package]} | more


def span(introduced: str, fixed: str | None = None, kind: str = "ECOSYSTEM", **more: str) -> dict[str, Any]:
    events = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else []), *({k: v} for k, v in more.items())]
    return {"type": kind, "events": events}


def about(
    name: str, *ranges: dict[str, Any], ecosystem: str = "PyPI", versions: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": list(ranges), "versions": list(versions)}


def found(
    folder: Path,
    records: list[dict[str, Any]] | None,
    lock: str = "tulip==1.0\n",
    *,
    created: datetime | None = NOW,
    name: str = "requirements.txt",
) -> list[Finding]:
    advisories = ""
    if records is not None:
        advisories = "maintenance: {advisories: advisories}\n"
        (folder / "advisories").mkdir(exist_ok=True)
        files = {}
        for number, one in enumerate(records):
            content = one["raw"] if "raw" in one else json.dumps(one).encode()
            file = f"{number}.json"
            (folder / "advisories" / file).write_bytes(content)
            files[file] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        if created:
            told = {"created": created.isoformat(), "files": files}
            (folder / "advisories" / "manifest.json").write_text(json.dumps(told))
    (folder / name).write_text(lock)
    return run(folder, advisories, (name,))


def run(folder: Path, more: str, files: tuple[str, ...]) -> list[Finding]:
    (folder / "safecase.yaml").write_text(f"safecase: 1\nservice: {{id: garden}}\n{more}")
    service = read(folder / "safecase.yaml")
    context = Context(root=folder, manifest=service.manifest, now=NOW, seconds=60, manifest_path="safecase.yaml")
    return list(flaws_known.run(Packages(name="packages:.", folder=".", files=files), context))


def verdicts(findings: list[Finding]) -> list[str]:
    return [f.verdict for f in findings]


def test_a_known_flaw_is_found_with_its_line_and_the_version_that_mends_it(tmp_path: Path) -> None:
    (one,) = found(tmp_path, [record(aliases=["CVE-2026-1"], summary="tulips leak")], "# ours\ntulip==1.0\n")
    assert one.verdict == "fail"
    assert "CVE-2026-1 (GHSA-1): tulips leak" in one.message
    assert "2.0" in one.mend
    assert one.place == Place(file="requirements.txt", line=2)


def test_without_advisories_nothing_is_known(tmp_path: Path) -> None:
    (one,) = found(tmp_path, None)
    assert one.verdict == "unknown"
    assert one.mend


def test_a_bundle_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tulip==1\n")
    with pytest.raises(CollectError, match="not there"):
        run(tmp_path, "maintenance: {advisories: elsewhere}\n", ("requirements.txt",))


def test_an_old_bundle_leaves_it_unknown_even_without_a_flaw(tmp_path: Path) -> None:
    (one,) = found(tmp_path, [record()], "tulip==2.0\n", created=NOW - timedelta(days=8))
    assert (one.verdict, one.rule) == ("unknown", "vuln.bundle")
    assert "8 days old" in one.message


def test_without_a_manifest_the_newest_record_tells_the_date(tmp_path: Path) -> None:
    old = record("GHSA-2", modified="2026-01-01T00:00:00Z")
    assert verdicts(found(tmp_path, [old, record()], "tulip==2.0\n", created=None)) == ["pass"]
    (tmp_path / "b").mkdir()
    (one,) = found(tmp_path / "b", [old], "tulip==2.0\n", created=None)
    assert "newest record" in one.message


def test_a_bundle_of_tomorrow_is_not_believed(tmp_path: Path) -> None:
    assert verdicts(found(tmp_path, [record()], "tulip==2.0\n", created=NOW + timedelta(days=3))) == ["unknown"]


def test_a_withdrawn_record_does_not_count(tmp_path: Path) -> None:
    assert verdicts(found(tmp_path, [record(withdrawn="2026-01-01T00:00:00Z")])) == ["pass"]


def test_a_record_of_another_registry_says_nothing_of_a_package(tmp_path: Path) -> None:
    other = record("GHSA-7", affected=[about("tulip", span("0"), ecosystem="npm")])
    (unknown,) = found(tmp_path, [other], "tulip==1.0\n")
    assert (unknown.verdict, unknown.rule) == ("unknown", "vuln.bundle")
    assert "no advisory of PyPI" in unknown.message
    ours = record("GHSA-8", affected=[about("rose", span("0"))])
    assert verdicts(found(tmp_path, [other, ours], "tulip==1.0\n")) == ["pass"]


def test_records_of_one_flaw_are_one_finding(tmp_path: Path) -> None:
    records = [
        record("GHSA-1", aliases=["CVE-2026-1"]),
        record("PYSEC-1", aliases=["CVE-2026-1"], affected=[about("tulip", span("0", "2.1"))]),
        record("CVE-2026-1", severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]),
        record("GHSA-9"),
    ]
    findings = found(tmp_path, records)
    assert [f.key.rpartition(":")[2] for f in findings] == ["CVE-2026-1", "GHSA-9"]
    assert findings[0].severity == "critical"
    assert "2.1" in findings[0].mend, "what mends it by all sources"


def test_malicious_packages_are_critical_and_ask_for_new_secrets(tmp_path: Path) -> None:
    (one,) = found(tmp_path, [record("MAL-2026-1", affected=[about("tulip", versions=("1.0",))])])
    assert (one.severity, one.rule) == ("critical", "vuln.malicious")
    assert "secret" in one.mend


@pytest.mark.parametrize(
    ("version", "affected", "verdict"),
    [
        ("1.0", about("Tulip", span("0", "2.0")), "fail"),
        ("2.0", about("tulip", span("0", "2.0")), "pass"),
        ("2.0rc1", about("tulip", span("0", "2.0")), "fail"),
        ("2.0.post1", about("tulip", span("0", "2.0")), "pass"),
        ("1!0.1", about("tulip", span("0", "2.0")), "pass"),
        ("2.0+cu121", about("tulip", span("0", last_affected="2.0")), "fail"),
        ("2.0", about("tulip", span("0", last_affected="2.0")), "fail"),
        ("2.0.1", about("tulip", span("0", last_affected="2.0")), "pass"),
        ("1.5", about("tulip", span("1.0", "1.2"), span("1.4", "1.6")), "fail"),
        ("1.3", about("tulip", span("1.0", "1.2"), span("1.4", "1.6")), "pass"),
        ("1.5", {**about("tulip"), "ranges": [{"type": "ECOSYSTEM", "events": [
            {"fixed": "1.6"}, {"introduced": "1.4"}, {"fixed": "1.2"}, {"introduced": "0"}]}]}, "fail"),
        ("1.0.0", about("tulip", versions=("1.0",)), "fail"),
        ("1.0", about("tulip", versions=("langchain==1.0", "1.1")), "pass"),
        ("3.0", about("tulip", span("0", limit="2.0")), "pass"),
        ("1.0", about("tulip", span("0", limit="*")), "fail"),
        ("1.0", about("tulip", span("0", "2.0-NA")), "unknown"),
        ("1.0", about("tulip", span("0", "abc", kind="GIT")), "unknown"),
        ("1.0", about("tulip", span("0", "abc", kind="GIT"), versions=("0.9",)), "pass"),
        ("1.0", about("tulip"), "unknown"),
    ],
)  # fmt: skip
def test_a_python_version_is_judged_by_versions_and_ranges(
    version: str, affected: dict[str, Any], verdict: str, tmp_path: Path
) -> None:
    assert verdicts(found(tmp_path, [record(affected=[affected])], f"tulip=={version}\n")) == [verdict]


@pytest.mark.parametrize(
    ("version", "verdict"), [("1.2.3", "fail"), ("1.3.0-beta.1", "fail"), ("1.3.0", "pass"), ("1.10.0", "pass")]
)
def test_npm_packages_are_judged_by_semantic_versions(version: str, verdict: str, tmp_path: Path) -> None:
    lock = {
        "lockfileVersion": 3,
        "packages": {"node_modules/@bed/tulip": {"version": version, "integrity": "sha512-x"}},
    }
    affected = about("@bed/tulip", span("1.0.0", "1.3.0", kind="SEMVER"), ecosystem="npm")
    findings = found(tmp_path, [record(affected=[affected])], json.dumps(lock), name="package-lock.json")
    assert verdicts(findings) == [verdict]


def test_what_has_no_exact_version_is_named(tmp_path: Path) -> None:
    lock = "tulip==2.0\nrose>=1\ngit+https://git.example/lily@main#egg=lily\n"
    (one,) = found(tmp_path, [record()], lock)
    assert (one.verdict, one.rule) == ("unknown", "vuln.inexact")
    assert "rose (no exact version)" in one.message
    assert "lily (from version control)" in one.message


def test_constraints_give_the_version_and_install_nothing(tmp_path: Path) -> None:
    found(tmp_path, [record()], "-c constraints.txt\ntulip\n")
    (tmp_path / "constraints.txt").write_text("tulip==1.0\nrose==1.0\n")
    files = ("constraints.txt", "requirements.txt")
    (one,) = run(tmp_path, "maintenance: {advisories: advisories}\n", files)
    assert (one.verdict, one.place) == ("fail", Place(file="constraints.txt", line=1))
    other = record(affected=[about("rose", span("0"))])
    (tmp_path / "advisories" / "manifest.json").unlink()
    (tmp_path / "advisories" / "0.json").write_text(json.dumps(other))
    assert verdicts(run(tmp_path, "maintenance: {advisories: advisories}\n", files)) == ["pass"]


def test_what_is_declared_and_in_no_lock_is_named(tmp_path: Path) -> None:
    found(tmp_path, [record()], "tulip==2.0\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "bot"\ndependencies = ["tulip", "rose"]\n')
    files = ("pyproject.toml", "requirements.txt")
    (one,) = run(tmp_path, "maintenance: {advisories: advisories}\n", files)
    assert (one.verdict, one.rule) == ("unknown", "vuln.unlocked")
    assert "rose" in one.message
    assert "tulip" not in one.message


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id": "X", "affected": [{"package": {"name": "tulip"}}]}',
        b'{"affected": [{"package": {"ecosystem": "PyPI", "name": "tulip"}}]}',
        b'{"id": "X", "affected": {"name": "tulip"}}',
        b'{"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "tulip"}, "ranges": [{"events": [1]}]}]}',
        b'{"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "tulip"}, "versions": [1]}]}',
        b'{"id": "X", "name": "tulip", ',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_record_that_is_none_leaves_it_unknown(raw: bytes, tmp_path: Path) -> None:
    (one,) = found(tmp_path, [record(), {"raw": raw}], "tulip==2.0\n")
    assert (one.verdict, one.rule) == ("unknown", "vuln.bundle")


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    found(tmp_path, [record()], "tulip==2.0\n")
    (tmp_path / "advisories" / "0.json").write_text(json.dumps(record("GHSA-2")))
    (tmp_path / "advisories" / "new.json").write_text(json.dumps(record("GHSA-3")))
    (one,) = run(tmp_path, "maintenance: {advisories: advisories}\n", ("requirements.txt",))
    assert one.verdict == "unknown"
    assert "0.json is not what the manifest says" in one.message
    assert "new.json is not in the manifest" in one.message


def test_more_files_than_are_walked_leave_it_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safecase.readers.repository.MOST_FILES", 2)
    (one,) = found(tmp_path, [record(), record("B"), record("C")], "tulip==2.0\n", created=None)
    assert (one.verdict, one.rule) == ("unknown", "vuln.bundle")


def test_a_name_that_is_written_in_escapes_is_still_found(tmp_path: Path) -> None:
    raw = json.dumps(record()).replace('"tulip"', '"\\u0074ulip"').encode()
    assert verdicts(found(tmp_path, [{"raw": raw}])) == ["fail"]


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_zips_of_records_are_read_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    inner = zipped({"GHSA-1.json": json.dumps(record()).encode()})
    (tmp_path / "requirements.txt").write_text("tulip==1.0\n")
    folder = tmp_path / "advisories" / "osv" / "PyPI"
    folder.mkdir(parents=True)
    (folder / "all.zip").write_bytes(inner)
    assert verdicts(run(tmp_path, "maintenance: {advisories: advisories}\n", ("requirements.txt",))) == ["fail"]
    manifest = {
        "created": NOW.isoformat(),
        "files": {"osv/PyPI/all.zip": {"sha256": hashlib.sha256(inner).hexdigest(), "size": len(inner)}},
    }
    outer = zipped({"osv/PyPI/all.zip": inner, "manifest.json": json.dumps(manifest).encode()})
    (tmp_path / "bundle.zip").write_bytes(outer)
    assert verdicts(run(tmp_path, "maintenance: {advisories: bundle.zip}\n", ("requirements.txt",))) == ["fail"]


def test_broken_and_nested_zips_are_problems_not_tracebacks(tmp_path: Path) -> None:
    good = zipped({"GHSA-1.json": json.dumps(record()).encode()})
    broken = bytearray(good)
    broken[40:50] = b"\0" * 10
    (tmp_path / "requirements.txt").write_text("tulip==2.0\n")
    (tmp_path / "advisories").mkdir()
    (tmp_path / "advisories" / "a.zip").write_bytes(bytes(broken))
    (tmp_path / "advisories" / "b.zip").write_bytes(zipped({"c.zip": good}))
    (tmp_path / "advisories" / "d.zip").write_bytes(good[:-10])
    (tmp_path / "advisories" / "e.json").write_text(json.dumps(record()))
    (one,) = run(tmp_path, "maintenance: {advisories: advisories}\n", ("requirements.txt",))
    assert (one.verdict, one.rule) == ("unknown", "vuln.bundle")
    assert all(f"{name}.zip" in one.message for name in "abd")


def test_a_record_that_unpacks_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tulip==2.0\n")
    bomb = zipped(
        {"GHSA-1.json": b'{"name": "tulip"' + b" " * 30_000_000, "GHSA-2.json": json.dumps(record()).encode()}
    )
    (tmp_path / "bundle.zip").write_bytes(bomb)
    (one,) = run(tmp_path, "maintenance: {advisories: bundle.zip}\n", ("requirements.txt",))
    assert "larger than 8 MB" in one.message


VERSIONS = st.builds(
    lambda a, b, tail: f"{a}.{b}{tail}", st.integers(0, 4), st.integers(0, 4), st.sampled_from(["", "rc1", "+l"])
)


@given(
    VERSIONS,
    st.lists(st.tuples(st.sampled_from(["introduced", "fixed", "last_affected", "limit"]), VERSIONS), max_size=6),
)
def test_every_package_is_either_judged_or_named(version: str, events: list[tuple[str, str]]) -> None:
    package = Package(registry="PyPI", name="tulip", version=version, place=Place(file="x"))
    part = Range(kind="ECOSYSTEM", events=tuple(Event(kind=k, version=v) for k, v in events))
    affected = Affected(ecosystem="PyPI", name="tulip", ranges=(part,), versions=())
    flaws, unjudged = flaws_of([package], [Advisory(id="A", file="a", affected=(affected,))])
    assert len(flaws) + len(unjudged) <= 1
    if not any(kind == "introduced" for kind, _ in events):
        assert unjudged
