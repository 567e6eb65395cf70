"""The hub's own client, unchanged, with the firewall as its endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `firewall` is not installed")
pytest.importorskip("uvicorn", reason="the extra `firewall` is not installed")

from .conftest import Build, Wall
from .hub import EVIL, Hub, safetensors

client: Any = pytest.importorskip("huggingface_hub", reason="the client of the hub is not installed")

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

MODEL = safetensors(50_000)
FILES = {"config.json": b'{"a": 1}', "model.safetensors": MODEL, "nested/deep/vocab.txt": b"a\nb\n"}


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Any]:
    def download(wall: Wall, name: str, **more: Any) -> bytes:
        more.setdefault("repo_id", "acme/bert")
        path = client.hf_hub_download(filename=name, endpoint=wall.url, cache_dir=tmp_path / "cache", **more)
        return Path(path).read_bytes()

    yield download
    client.close_session()


def test_a_file_arrives(hub: Hub, wall: Wall, fetch: Any) -> None:
    hub.put("acme/bert", FILES)
    assert fetch(wall, "model.safetensors") == MODEL
    assert fetch(wall, "nested/deep/vocab.txt") == b"a\nb\n"


def test_a_snapshot_arrives_over_several_pages_and_without_xet(
    hub: Hub, wall: Wall, fetch: Any, tmp_path: Path
) -> None:
    hub.put("acme/bert", FILES)
    hub.page = 2
    found = Path(client.snapshot_download("acme/bert", endpoint=wall.url, cache_dir=tmp_path / "cache"))
    assert {str(f.relative_to(found)): f.read_bytes() for f in found.rglob("*") if f.is_file()} == FILES
    assert not any("xet" in path for _, path, _ in hub.seen)


def test_a_data_set_arrives_from_a_branch_with_a_slash(hub: Hub, wall: Wall, fetch: Any) -> None:
    hub.put("datasets/acme/rows", {"rows.csv": b"a,b\n1,2\n"}, revision="refs/pr/1")
    assert fetch(wall, "rows.csv", repo_id="acme/rows", repo_type="dataset", revision="refs/pr/1") == b"a,b\n1,2\n"


def test_a_refusal_reaches_the_user_with_our_reason(hub: Hub, wall: Wall, fetch: Any) -> None:
    hub.put("acme/bert", {"model.pkl": EVIL})
    for _ in range(2):  # the first is told by GET, the second by HEAD
        with pytest.raises(
            client.errors.GatedRepoError, match=r"refused by the safecase firewall: model\.pkl is malic"
        ):
            fetch(wall, "model.pkl")


def test_a_refusal_within_a_snapshot_reaches_the_user(hub: Hub, wall: Wall, fetch: Any, tmp_path: Path) -> None:
    hub.put("acme/bert", FILES | {"pytorch_model.bin": EVIL})
    with pytest.raises(client.errors.GatedRepoError, match=r"pytorch_model.bin is malicious"):
        client.snapshot_download("acme/bert", endpoint=wall.url, cache_dir=tmp_path / "cache")


def test_a_hidden_file_is_absent_and_a_loader_takes_the_safe_one(
    hub: Hub, build_wall: Build, fetch: Any, tmp_path: Path
) -> None:
    from safecase.firewall.policy import Policy

    hub.put("acme/bert", FILES | {"pytorch_model.bin": EVIL})
    with build_wall(policy=Policy(hide=True)) as wall:
        with pytest.raises(client.errors.EntryNotFoundError):
            fetch(wall, "pytorch_model.bin")
        assert fetch(wall, "model.safetensors") == MODEL
        found = Path(client.snapshot_download("acme/bert", endpoint=wall.url, cache_dir=tmp_path / "other"))
        assert {f.name for f in found.iterdir()} == {"config.json", "model.safetensors", "nested"}


def test_the_client_resumes_what_it_has(hub: Hub, wall: Wall, tmp_path: Path) -> None:
    from huggingface_hub.file_download import http_get

    hub.put("acme/bert", FILES)
    part = tmp_path / "part"
    part.write_bytes(MODEL[:20_000])
    with part.open("r+b") as file:
        file.seek(20_000)
        url = f"{wall.url}/acme/bert/resolve/main/model.safetensors"
        http_get(url, file, resume_size=20_000, expected_size=len(MODEL))
    client.close_session()
    assert part.read_bytes() == MODEL
    assert wall.events("served")[0]["bytes"] == len(MODEL) - 20_000


def test_a_slow_hub_does_not_make_the_client_give_up(hub: Hub, build_wall: Build, fetch: Any) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(patience=0.1) as wall:
        hub.slow = 0.5
        assert fetch(wall, "model.safetensors", etag_timeout=5) == MODEL


def test_a_repository_that_the_policy_does_not_name_is_refused_with_its_reason(
    hub: Hub, build_wall: Build, fetch: Any
) -> None:
    from safecase.firewall.policy import Policy

    hub.put("acme/bert", FILES)
    with (
        build_wall(policy=Policy(repositories=("ours/*",), contact="ml-security@shop.example")) as wall,
        pytest.raises(client.errors.GatedRepoError, match=r"not among the repositories.*ml-security@shop.example"),
    ):
        fetch(wall, "config.json")


def test_facts_of_a_repository_and_of_paths_are_given(hub: Hub, wall: Wall, fetch: Any) -> None:
    commit = hub.put("acme/bert", FILES)
    api = client.HfApi(endpoint=wall.url)
    info = api.model_info("acme/bert")
    assert (info.sha, len(info.siblings)) == (commit, 3)
    (found,) = api.get_paths_info("acme/bert", ["config.json"])
    assert (found.path, found.size) == ("config.json", 8)
    assert api.file_exists("acme/bert", "config.json")
    assert not api.file_exists("acme/bert", "none.json")
    assert not api.repo_exists("acme/none")
