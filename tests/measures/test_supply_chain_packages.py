"""pkg.trust: malware, imitations, and releases that are too young."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.lookalikes import Lookalikes, distance, skeleton
from safecase.measures.supply_chain.checks.packages_trusted import packages_trusted
from safecase.measures.supply_chain.known_packages import imitates
from tests.measures.looking import looked, rules, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LISTED = "maintenance: {advisories: advisories}\n"


def _package(name: str, version: str, uploaded: str = "2026-01-05T10:00:00Z") -> str:
    time = f', upload-time = "{uploaded}"' if uploaded else ""
    source = f'source = {{ registry = "https://packages.example/simple" }}\nsdist = {{ hash = "sha256:00"{time} }}'
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\n{source}\n\n'


def _malware(name: str, *, ecosystem: str = "PyPI", made: str = "2026-11-22T00:00:00Z") -> dict[str, str]:
    record = {
        "id": "MAL-2026-7",
        "modified": made,
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            }
        ],
    }
    return {"advisories/MAL-2026-7.json": json.dumps(record)}


def test_a_package_on_the_malware_list_fails(tmp_path: Path) -> None:
    files = {"uv.lock": "version = 1\n" + _package("thorns", "1.0"), **_malware("Thorns")}
    found = looked(packages_trusted, written(tmp_path, files, LISTED), now=NOW)
    assert rules(found) == ["pkg.malicious"]


def test_packages_that_are_known_and_old_pass(tmp_path: Path) -> None:
    files = {"uv.lock": "version = 1\n" + _package("requests", "2.33.0"), **_malware("thorns")}
    found = looked(packages_trusted, written(tmp_path, files, LISTED), now=NOW)
    assert [f.verdict for f in found] == ["pass"], [f.message for f in found]


@pytest.mark.parametrize(
    ("files", "manifest"),
    [
        (_malware("thorns"), ""),
        (_malware("thorns", made="2026-11-01T00:00:00Z"), LISTED),
        ({"advisories/GHSA-1.json": '{"id": "GHSA-1", "modified": "2026-11-22T00:00:00Z", "affected": []}'}, LISTED),
    ],
    ids=["none", "old", "without malware"],
)
def test_a_list_that_cannot_show_it_leaves_malware_unknown(
    tmp_path: Path, files: dict[str, str], manifest: str
) -> None:
    lock = {"uv.lock": "version = 1\n" + _package("requests", "2.33.0")}
    found = looked(packages_trusted, written(tmp_path, files | lock, manifest), now=NOW)
    assert rules(found, "unknown") == ["pkg.bundle"]
    assert not rules(found)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("reqeusts", "requests"),
        ("request5", "requests"),
        ("nurnpy", "numpy"),
        ("scikitlearn", "scikit-learn"),
        ("tensorfow", "tensorflow"),
        ("urlib3", "urllib3"),
        ("pyyml", "pyyaml"),
    ],
)
def test_a_name_one_slip_from_a_well_known_one_fails_until_it_is_reviewed(
    tmp_path: Path, name: str, other: str
) -> None:
    assert imitates("PyPI", name) == other
    files = {"uv.lock": "version = 1\n" + _package(name, "1.0"), **_malware("thorns")}
    assert rules(looked(packages_trusted, written(tmp_path, files, LISTED), now=NOW)) == ["pkg.lookalike"]
    reviewed = LISTED + f"supply_chain: {{packages: {{reviewed: [{name}]}}}}\n"
    assert not rules(looked(packages_trusted, written(tmp_path, files, reviewed), now=NOW))


@pytest.mark.parametrize("name", ["requests", "toml", "tomli", "httpx", "pip", "garden-of-roses", "torch", "torchx2"])
def test_known_and_unlike_names_are_left_alone(name: str) -> None:
    assert imitates("PyPI", name) in {"", "torchx"}


def test_scopes_of_npm_are_not_compared() -> None:
    assert imitates("npm", "expres") == "express"
    assert imitates("npm", "@garden/expres") == ""


def test_a_declared_name_is_compared_too_and_one_in_no_lock_is_unknown(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname = "g"\ndependencies = ["reqeusts"]\n', **_malware("thorns")}
    found = looked(packages_trusted, written(tmp_path, files, LISTED), now=NOW)
    assert rules(found) == ["pkg.lookalike"]
    assert rules(found, "unknown") == ["pkg.unlocked"]


def test_a_release_of_yesterday_fails_and_a_reviewed_one_does_not(tmp_path: Path) -> None:
    files = {"uv.lock": "version = 1\n" + _package("requests", "9.0", "2026-11-22T10:00:00Z"), **_malware("thorns")}
    assert rules(looked(packages_trusted, written(tmp_path, files, LISTED), now=NOW)) == ["pkg.young"]
    reviewed = LISTED + "supply_chain: {packages: {reviewed: [requests==9.0]}}\n"
    assert not rules(looked(packages_trusted, written(tmp_path, files, reviewed), now=NOW))
    other = LISTED + "supply_chain: {packages: {reviewed: [requests==8.0]}}\n"
    assert rules(looked(packages_trusted, written(tmp_path, files, other), now=NOW)) == ["pkg.young"]
    none = LISTED + "supply_chain: {packages: {minimum_age_days: 0}}\n"
    assert not rules(looked(packages_trusted, written(tmp_path, files, none), now=NOW))


def test_a_lock_without_times_is_as_old_as_its_line_in_git(tmp_path: Path) -> None:
    old, new = "requests==2.33.0 --hash=sha256:00\n", "idna==3.20 --hash=sha256:00\n"
    written(tmp_path, {"requirements.txt": old, **_malware("thorns")}, LISTED)
    _commit(tmp_path, "2026-11-01T10:00:00Z")
    written(tmp_path, {"requirements.txt": old + new}, LISTED)
    _commit(tmp_path, "2026-11-22T10:00:00Z")
    (finding,) = (f for f in looked(packages_trusted, tmp_path, now=NOW) if f.verdict != "pass")
    assert finding.rule == "pkg.age"
    assert "idna 3.20" in finding.message
    assert "requests" not in finding.message


def _commit(folder: Path, moment: str) -> None:
    environment = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment, "HOME": str(folder)}
    who = ("-c", "user.name=ada", "-c", "user.email=ada@garden.example")
    for arguments in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "a change")):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


@given(st.lists(st.text("abcdeo01lrn-", min_size=1, max_size=9), max_size=12), st.text("abcdeo01lrn-", max_size=9))
def test_the_index_finds_what_comparing_with_each_name_finds(known: list[str], name: str) -> None:
    found = Lookalikes(known, len(known)).of(name)
    alike = [k for k in known if skeleton(k) == skeleton(name)]
    near = [k for k in known if min(len(k), len(name)) >= 5 and distance(k, name, 2) < 2]
    assert bool(found) == (name not in known and bool(alike or near))
    assert found in {"", *alike, *near}
