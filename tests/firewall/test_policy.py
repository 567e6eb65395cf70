"""What a policy lets through, what a hostile hub cannot do, and what newer rules change."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date
from pathlib import Path

import httpx2
import pytest

from safecase.errors import ManifestError, UsageError
from safecase.firewall import policy as policies
from safecase.firewall.policy import Accepted, Policy, Verdicts
from safecase.firewall.verdicts import Judged, Seen, decide

pytest.importorskip("starlette", reason="the extra `firewall` is not installed")
pytest.importorskip("uvicorn", reason="the extra `firewall` is not installed")

from .conftest import Build, Wall
from .hub import EVIL, Hub, safetensors, sha256

FILES = {"config.json": b'{"a": 1}', "model.safetensors": safetensors(), "model.pkl": EVIL}
SUSPICIOUS = Judged(format="pickle", verdict="suspicious", findings=(Seen(rule="a.b", says="suspicious", message="m"),))
TODAY = date(2026, 11, 23)


def get(wall: Wall, path: str, **more: object) -> httpx2.Response:
    return httpx2.get(wall.url + path, **more)  # type: ignore[arg-type]


def accepted(*, rule: str = "a.b", expires: str = "2026-12-01", digest: str = "0" * 64) -> Accepted:
    return Accepted(sha256=digest, rule=rule, reason="ours", by="ada@shop.example", expires=expires)


# decisions


def test_what_is_not_clean_is_refused_unless_the_policy_serves_it() -> None:
    assert decide(SUSPICIOUS, "0" * 64, "m.pkl", Policy(), TODAY).action == "refuse"
    lenient = Policy(verdicts=Verdicts(suspicious="serve"))
    assert decide(SUSPICIOUS, "0" * 64, "m.pkl", lenient, TODAY).action == "serve"


def test_an_acceptance_holds_for_its_bytes_its_rule_and_its_time() -> None:
    def action(one: Accepted) -> str:
        return decide(SUSPICIOUS, "0" * 64, "m.pkl", Policy(accept=(one,)), TODAY).action

    assert action(accepted()) == "serve"
    assert action(accepted(expires="2026-11-23")) == "serve"
    assert action(accepted(expires="2026-11-22")) == "refuse"
    assert action(accepted(rule="a.c")) == "refuse"
    assert action(accepted(digest="1" * 64)) == "refuse"


def test_a_format_that_the_policy_does_not_name_is_refused_and_a_text_is_not() -> None:
    only = Policy(formats=("safetensors",))
    assert decide(Judged(format="gguf", verdict="clean"), "0" * 64, "m.gguf", only, TODAY).action == "refuse"
    assert decide(Judged(format="", verdict="clean"), "0" * 64, "README.md", only, TODAY).action == "serve"


# reading


def test_a_policy_is_read_and_its_faults_have_places(tmp_path: Path) -> None:
    file = tmp_path / "firewall.yaml"
    file.write_text("repositories: [acme/*]\nrevisions: commit\nverdicts: {unsupported: serve}\n")
    found = policies.read(file)
    assert (found.repositories, found.revisions, found.verdicts.unsupported) == (("acme/*",), "commit", "serve")
    file.write_text("hide: true\nrevisions: some\n")
    with pytest.raises(ManifestError) as why:
        policies.read(file)
    assert why.value.place is not None
    assert why.value.place.line == 2


@pytest.mark.parametrize(
    "text", ["verdicts: {malicious: serve}", "pins: {a/b: main}", "unknown: 1", "- a", "max_bytes: 0"]
)
def test_a_wrong_policy_is_one_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "firewall.yaml"
    file.write_text(text)
    with pytest.raises(ManifestError):
        policies.read(file)


def test_an_acceptance_of_a_day_that_is_none_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "firewall.yaml"
    row = f"{{sha256: {'a' * 64}, rule: a.b, reason: ours, by: ada, expires: 2026-02-31}}"
    file.write_text(f"accept:\n  - {row}\n")
    with pytest.raises(ManifestError, match="no such day"):
        policies.read(file)


def test_a_manifest_is_a_policy_for_its_own_models_at_their_commits(tmp_path: Path) -> None:
    commit = "abcdef0123" * 4
    file = tmp_path / "safecase.yaml"
    file.write_text(
        "safecase: 1\nservice: {id: shop}\n"
        f"models: [{{id: a, source: 'hf:acme/bert', revision: {commit}}}, {{id: b, source: 'hf:acme/gpt'}}]\n"
    )
    found = policies.read(file)
    assert (found.repositories, found.pins) == (("acme/bert", "acme/gpt"), {"acme/bert": commit})
    file.write_text("safecase: 1\nservice: {id: shop}\n")
    with pytest.raises(UsageError, match="names no model"):
        policies.read(file)


# over the wire


def test_a_moving_revision_is_refused_where_a_commit_is_wanted(hub: Hub, build_wall: Build) -> None:
    commit = hub.put("acme/bert", FILES)
    with build_wall(policy=Policy(revisions="commit")) as wall:
        refused = get(wall, "/acme/bert/resolve/main/config.json")
        assert (refused.status_code, "by its commit" in refused.headers["x-error-message"]) == (403, True)
        assert get(wall, f"/acme/bert/resolve/{commit}/config.json").status_code == 200


def test_a_pinned_repository_is_served_at_its_pin_whatever_main_is(hub: Hub, build_wall: Build) -> None:
    commit = hub.put("acme/bert", FILES)
    newer = hub.put("acme/bert", {"config.json": b"{}"})
    with build_wall(policy=Policy(pins={"acme/bert": commit})) as wall:
        assert get(wall, "/acme/bert/resolve/main/config.json").headers["x-repo-commit"] == commit
        assert get(wall, "/api/models/acme/bert").json()["sha"] == commit
        assert get(wall, f"/acme/bert/resolve/{newer}/config.json").status_code == 403


def test_an_accepted_finding_is_served_and_told_by_whom(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall() as wall:
        assert get(wall, "/acme/bert/resolve/main/model.pkl").status_code == 403
        rules = {f["rule"] for f in wall.events("scanned")[0]["findings"]}
    allowed = tuple(accepted(rule=rule, digest=sha256(EVIL), expires="2999-01-01") for rule in rules)
    with build_wall(policy=Policy(accept=allowed)) as wall:
        assert get(wall, "/acme/bert/resolve/main/model.pkl").content == EVIL
        assert set(wall.events("served")[0]["accepted_by"]) == {"ada@shop.example"}


def test_a_file_above_the_most_bytes_is_refused_without_being_fetched(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(policy=Policy(max_bytes=10)) as wall:
        assert get(wall, "/acme/bert/resolve/main/model.safetensors").status_code == 403
        assert hub.gets("model.safetensors") == 0


def test_the_least_wanted_goes_when_the_store_is_full(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", {"a.safetensors": safetensors(4000), "b.safetensors": safetensors(4001)})
    with build_wall(quota=6000) as wall:
        assert get(wall, "/acme/bert/resolve/main/a.safetensors").status_code == 200
        assert get(wall, "/acme/bert/resolve/main/b.safetensors").status_code == 200
        assert get(wall, "/healthz").json()["blobs"] == 1
        assert get(wall, "/acme/bert/resolve/main/a.safetensors").status_code == 200
        assert hub.gets("a.safetensors") == 2


def test_a_file_that_never_fits_is_507(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(quota=10) as wall:
        assert get(wall, "/acme/bert/resolve/main/model.safetensors").status_code == 507


@pytest.mark.parametrize(
    ("card", "status"), [({"cardData": {"license": "MIT"}}, 200), ({}, 403), ({"cardData": {"license": "gpl"}}, 403)]
)
def test_a_licence_is_wanted_where_the_policy_names_some(
    hub: Hub, build_wall: Build, card: dict[str, object], status: int
) -> None:
    hub.put("acme/bert", FILES)
    hub.card = card
    with build_wall(policy=Policy(licences=("mit",))) as wall:
        assert get(wall, "/acme/bert/resolve/main/config.json").status_code == status


def test_files_are_refused_by_their_names(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", {"sub/code.py": b"x = 1\n"})
    with build_wall(policy=Policy(files_refused=("*.py",))) as wall:
        assert get(wall, "/acme/bert/resolve/main/sub/code.py").status_code == 403


def test_newer_rules_judge_again_and_what_they_refuse_is_no_longer_given(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    path = "/acme/bert/resolve/main/model.pkl"
    with build_wall() as wall:
        assert get(wall, path).status_code == 403
        rules = {f["rule"] for f in wall.events("scanned")[0]["findings"]}
    allowed = tuple(accepted(rule=rule, digest=sha256(EVIL), expires="2999-01-01") for rule in rules)
    with build_wall(policy=Policy(accept=allowed)) as wall:
        assert get(wall, path).status_code == 200
        folder = wall.store
    with contextlib.closing(sqlite3.connect(folder / "firewall.sqlite")) as database, database:
        # as if older rules had found nothing in it
        clean = b'{"format":"pickle","verdict":"clean","findings":[]}'
        database.execute("UPDATE verdict SET rules = 'older', judged = ?", (clean,))
    with build_wall() as wall:
        refused = get(wall, path)
        assert (refused.status_code, refused.headers["x-error-code"]) == (403, "GatedRepo")
        assert hub.gets("model.pkl") == 2


def test_a_copy_that_was_changed_on_the_disk_is_not_judged_but_fetched_again(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    path = "/acme/bert/resolve/main/model.safetensors"
    with build_wall() as wall:
        assert get(wall, path).status_code == 200
        folder = wall.store
    (kept,) = (f for f in (folder / "blobs").rglob("*") if f.is_file())
    kept.chmod(0o600)
    kept.write_bytes(bytes(len(FILES["model.safetensors"])))
    with contextlib.closing(sqlite3.connect(folder / "firewall.sqlite")) as database, database:
        database.execute("UPDATE verdict SET rules = 'older'")
    with build_wall() as wall:
        assert get(wall, path).content == FILES["model.safetensors"]
        assert hub.gets("model.safetensors") == 2
