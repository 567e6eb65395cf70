"""What goes through the firewall, over real sockets and without the hub's own client."""

from __future__ import annotations

import concurrent.futures

import httpx2
import pytest

pytest.importorskip("starlette", reason="the extra `firewall` is not installed")
pytest.importorskip("uvicorn", reason="the extra `firewall` is not installed")

from .conftest import Build, Wall
from .hub import EVIL, Hub, git_sha1, safetensors, sha256

MODEL = safetensors(1000)
FILES = {"config.json": b'{"a": 1}', "model.safetensors": MODEL, "pytorch_model.bin": EVIL, "sub/x.txt": b"text"}


def get(wall: Wall, path: str, **more: object) -> httpx2.Response:
    return httpx2.get(wall.url + path, **more)  # type: ignore[arg-type]


def test_a_file_is_given_with_the_headers_that_clients_need(hub: Hub, wall: Wall) -> None:
    commit = hub.put("acme/bert", FILES)
    head = httpx2.head(f"{wall.url}/acme/bert/resolve/main/model.safetensors")
    assert head.status_code == 200
    assert head.headers["etag"] == f'"{sha256(MODEL)}"' == head.headers["x-linked-etag"]
    assert head.headers["x-repo-commit"] == commit
    assert head.headers["content-length"] == head.headers["x-linked-size"] == str(len(MODEL))
    assert not {"x-xet-hash", "link"} & set(head.headers)
    assert hub.gets("model.safetensors") == 0
    body = get(wall, "/acme/bert/resolve/main/model.safetensors")
    assert body.content == MODEL
    text = get(wall, f"/acme/bert/resolve/{commit}/config.json")
    assert (text.content, text.headers["etag"]) == (FILES["config.json"], f'"{git_sha1(FILES["config.json"])}"')


def test_a_malicious_file_is_refused_with_a_reason_in_one_line_of_ascii(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    for _ in range(2):
        refused = get(wall, "/acme/bert/resolve/main/pytorch_model.bin")
        assert refused.status_code == 403
        assert refused.headers["x-error-code"] == "GatedRepo"
        reason = refused.headers["x-error-message"]
        assert "pytorch_model.bin is malicious" in reason
        assert reason.isascii()
        assert reason.isprintable()
    assert httpx2.head(f"{wall.url}/acme/bert/resolve/main/pytorch_model.bin").status_code == 403
    assert hub.gets("pytorch_model.bin") == 1
    assert not list((wall.store / "blobs").rglob(sha256(EVIL)))
    assert not list((wall.store / "quarantine").iterdir())


def test_a_second_request_needs_no_hub(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    assert get(wall, "/acme/bert/resolve/main/model.safetensors").status_code == 200
    asked = sum(hub.calls.values())
    assert httpx2.head(f"{wall.url}/acme/bert/resolve/main/model.safetensors").status_code == 200
    assert get(wall, "/acme/bert/resolve/main/model.safetensors").content == MODEL
    assert sum(hub.calls.values()) == asked


def test_twenty_clients_at_once_make_one_fetch_and_one_scan(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.slow = 0.1
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        url = "/acme/bert/resolve/main/model.safetensors"
        answers = list(pool.map(lambda _: get(wall, url, timeout=30).content, range(20)))
    assert answers == [MODEL] * 20
    assert hub.gets("model.safetensors") == 1
    assert len(wall.events("scanned")) == 1
    assert len(wall.events("served")) == 20


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-5", 206, slice(5, 6)),
        ("bytes=0-9999999", 206, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
        ("bytes=1-2,4-5", 200, slice(0, None)),
        ("bytes=9-3", 200, slice(0, None)),
    ],
)
def test_parts_of_a_file_are_given(hub: Hub, wall: Wall, asked: str, status: int, part: slice) -> None:
    hub.put("acme/bert", FILES)
    found = get(wall, "/acme/bert/resolve/main/model.safetensors", headers={"Range": asked})
    assert (found.status_code, found.content) == (status, MODEL[part])
    if status == 206:
        start = part.indices(len(MODEL))[0]
        assert found.headers["content-range"] == f"bytes {start}-{start + len(found.content) - 1}/{len(MODEL)}"


def test_a_part_beyond_the_end_is_416(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    found = get(wall, "/acme/bert/resolve/main/model.safetensors", headers={"Range": f"bytes={len(MODEL)}-"})
    assert found.status_code == 416
    assert found.headers["content-range"] == f"bytes */{len(MODEL)}"


def test_a_part_of_another_version_is_the_whole_file(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    asked = {"Range": "bytes=10-", "If-Range": '"another"'}
    assert get(wall, "/acme/bert/resolve/main/model.safetensors", headers=asked).content == MODEL


def test_the_download_from_the_hub_goes_on_where_it_broke(hub: Hub, wall: Wall) -> None:
    content = safetensors(3_000_000)
    hub.put("acme/bert", {"model.safetensors": content})
    hub.break_after["model.safetensors"] = [1_200_000, 900_000]
    assert get(wall, "/acme/bert/resolve/main/model.safetensors", timeout=30).content == content
    ranges = [h.get("range") for m, p, h in hub.seen if m == "GET" and p.endswith("model.safetensors")]
    assert ranges[0] is None
    assert len(ranges) == 3
    assert all(r and r != "bytes=0-" for r in ranges[1:])


def test_other_bytes_than_announced_are_refused(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.content["model.safetensors"] = MODEL[:-1] + b"x"
    refused = get(wall, "/acme/bert/resolve/main/model.safetensors")
    assert refused.status_code == 403
    assert "another digest" in refused.headers["x-error-message"]
    del hub.content["model.safetensors"]
    assert get(wall, "/acme/bert/resolve/main/model.safetensors").content == MODEL


def test_more_and_fewer_bytes_than_announced_are_a_failure_of_the_hub(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.content["model.safetensors"] = MODEL + b"x"
    more = get(wall, "/acme/bert/resolve/main/model.safetensors")
    assert (more.status_code, "more than" in more.headers["x-error-message"]) == (502, True)
    hub.content["config.json"] = b"{"
    fewer = get(wall, "/acme/bert/resolve/main/config.json", timeout=30)
    assert fewer.status_code == 502


def test_a_branch_that_moved_is_told_and_its_new_files_are_judged(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(pin_seconds=0.0) as wall:
        assert get(wall, "/acme/bert/resolve/main/config.json").content == FILES["config.json"]
        commit = hub.put("acme/bert", {"config.json": b'{"a": 2}', "w.pkl": EVIL})
        found = get(wall, "/acme/bert/resolve/main/config.json")
        assert (found.content, found.headers["x-repo-commit"]) == (b'{"a": 2}', commit)
        assert wall.events("moved")[0]["commit"] == commit
        assert get(wall, "/acme/bert/resolve/main/w.pkl").status_code == 403


def test_within_a_minute_a_branch_stays_what_it_was(hub: Hub, wall: Wall) -> None:
    commit = hub.put("acme/bert", FILES)
    get(wall, "/acme/bert/resolve/main/config.json")
    hub.put("acme/bert", {"config.json": b"{}"})
    found = get(wall, "/acme/bert/resolve/main/model.safetensors")
    assert (found.status_code, found.headers["x-repo-commit"]) == (200, commit)


def test_what_was_given_once_is_given_while_the_hub_is_down(hub: Hub, wall: Wall) -> None:
    commit = hub.put("acme/bert", FILES)
    path = f"/acme/bert/resolve/{commit}/model.safetensors"
    assert get(wall, path).status_code == 200
    hub.status = 503
    assert get(wall, path).content == MODEL
    assert get(wall, f"/acme/bert/resolve/{commit}/config.json").status_code == 502


def test_no_token_of_a_client_goes_to_the_hub_and_none_into_the_log(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(token="hf_ours") as wall:
        get(wall, "/acme/bert/resolve/main/config.json", headers={"Authorization": "Bearer hf_theirs"})
        assert {h.get("authorization") for _, _, h in hub.seen} == {"Bearer hf_ours"}
        assert "hf_" not in str(wall.events())


def test_who_asks_is_told_in_the_log_with_its_controls_escaped(hub: Hub, wall: Wall) -> None:
    commit = hub.put("acme/bert", FILES)
    get(wall, "/acme/bert/resolve/main/config.json", headers=[(b"User-Agent", b"x\x85y")])
    (event,) = wall.events("served")
    assert event["client"] == {"address": "127.0.0.1", "agent": "x\\x85y"}
    assert (event["repo"], event["commit"], event["file"]) == ("acme/bert", commit, "config.json")
    assert event["sha256"] == sha256(FILES["config.json"])
    assert event["verdict"] == "clean"


def test_health_counts_what_there_is(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    get(wall, "/acme/bert/resolve/main/model.safetensors")
    found = get(wall, "/healthz").json()
    assert found == {"ok": True, "events_lost": 0, "approved": 1, "blobs": 1, "bytes": len(MODEL)}


def test_a_client_that_waits_is_sent_round_and_gets_its_file(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/bert", FILES)
    with build_wall(patience=0.05) as wall:
        hub.slow = 0.3
        path = "/acme/bert/resolve/main/model.safetensors"
        first = get(wall, path, follow_redirects=False)
        assert (first.status_code, first.headers["location"]) == (307, f"{path}?safecase-round=1")
        assert get(wall, path, follow_redirects=True).content == MODEL
        last = get(wall, "/acme/bert/resolve/main/config.json?safecase-round=18", follow_redirects=False)
        assert (last.status_code, last.headers["retry-after"]) == (429, "1")


def test_a_configuration_is_judged_with_the_code_that_it_names(hub: Hub, wall: Wall) -> None:
    code = b"import os\nos.system('touch /dev/null')\n\nclass Thing:\n    pass\n"
    config = b'{"model_type": "bert", "auto_map": {"AutoModel": "modeling_thing.Thing"}}'
    commit = hub.put("acme/bert", {"config.json": config, "modeling_thing.py": code, "model.safetensors": MODEL})
    refused = [f for f in ("config.json", "modeling_thing.py") if _status(wall, f) == 403]
    assert refused
    assert _status(wall, "model.safetensors") == 200
    assert wall.events("judged_together")[0]["commit"] == commit
    assert len(wall.events("judged_together")) == 1


def test_honest_configurations_judged_together_are_given(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES | {"config.json": b'{"model_type": "bert"}', "README.md": b"# bert\n"})
    assert [_status(wall, f) for f in ("config.json", "README.md", "sub/x.txt")] == [200, 200, 200]


def _status(wall: Wall, file: str) -> int:
    return get(wall, f"/acme/bert/resolve/main/{file}").status_code


def test_a_hub_that_begins_again_and_again_is_given_up(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", {"model.safetensors": safetensors(400_000)})
    hub.break_after["model.safetensors"] = [100_000] * 50
    hub.no_ranges = True
    found = get(wall, "/acme/bert/resolve/main/model.safetensors", timeout=30)
    assert (found.status_code, "again and again" in found.headers["x-error-message"]) == (502, True)


def test_a_hub_that_fails_for_a_moment_is_asked_again(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.fail_gets = 2
    assert get(wall, "/acme/bert/resolve/main/model.safetensors", timeout=30).content == MODEL


def test_a_link_to_the_next_page_leads_back_to_the_firewall(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.page = 2
    found = get(wall, "/api/models/acme/bert/tree/main?recursive=true")
    following = found.links["next"]["url"]
    assert following.startswith(f"{wall.url}/api/models/acme/bert/tree/")
    listed = [*found.json(), *httpx2.get(following).json()]
    assert [f["path"] for f in listed] == sorted(FILES)
    assert "xetHash" not in str(listed)
