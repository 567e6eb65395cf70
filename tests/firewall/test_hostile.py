"""What a hostile hub and a hostile client cannot do."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from safecase.firewall import addresses
from safecase.firewall.policy import Policy
from safecase.firewall.refusals import Refusal

pytest.importorskip("starlette", reason="the extra `firewall` is not installed")
pytest.importorskip("uvicorn", reason="the extra `firewall` is not installed")

from .conftest import Build, Wall
from .hub import EVIL, Hub, safetensors

FILES = {"config.json": b'{"a": 1}', "model.safetensors": safetensors(), "model.pkl": EVIL}


def get(wall: Wall, path: str, **more: object) -> httpx2.Response:
    return httpx2.get(wall.url + path, **more)  # type: ignore[arg-type]


def test_a_hub_that_leads_to_a_private_address_is_not_followed(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.redirects["/acme/bert/resolve/main/model.safetensors"] = "http://169.254.169.254/latest"
    assert get(wall, "/acme/bert/resolve/main/model.safetensors").status_code == 502


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org", "https://127.0.0.1", "https://10.0.0.1", "https://[::1]", "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254", "https://[fd00::1]", "https://0.0.0.0", "https://[64:ff9b::7f00:1]",
        "https://[2002:7f00:1::]", "https://224.0.0.1", "ftp://example.org", "https://user@example.org", "https://[",
    ],
)  # fmt: skip
def test_no_address_inside_is_asked_unless_it_is_allowed(url: str) -> None:
    guard = addresses.Guard(hub=addresses.hub("https://hub.example"))
    with pytest.raises(Refusal):
        asyncio.run(guard.addresses(addresses.origin_of(url)))


def test_an_allowed_host_may_be_inside() -> None:
    guard = addresses.Guard(hub=addresses.hub("https://hub.example"), hosts=("127.*",))
    assert asyncio.run(guard.addresses(addresses.origin_of("http://127.0.0.1:9"))) == ("127.0.0.1",)


def test_a_repository_that_was_renamed_is_judged_by_its_new_name(hub: Hub, build_wall: Build) -> None:
    hub.put("acme/old", FILES)
    hub.put("evil/new", FILES)
    hub.redirects["/acme/old/resolve/main/config.json"] = "/evil/new/resolve/main/config.json"
    with build_wall(policy=Policy(repositories=("acme/*",))) as wall:
        refused = get(wall, "/acme/old/resolve/main/config.json")
        assert refused.status_code == 403
        assert "evil/new" in refused.headers["x-error-message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Repo-Commit": "main"}, 502),
        ({"ETag": "x"}, 502),
        ({"X-Linked-Etag": "W/x"}, 502),
        ({"X-Linked-Size": "9" * 30}, 502),
        ({"X-Linked-Size": "1e3"}, 502),
        ({"X-Big": "x" * 200_000}, 502),
        ({"X-Other": "x"}, 200),
    ],
)
def test_a_hub_whose_headers_are_wrong_is_told_as_failed(
    hub: Hub, wall: Wall, headers: dict[str, str], status: int
) -> None:
    hub.put("acme/bert", {"a.json": b"{}"})
    hub.headers = headers
    assert httpx2.head(f"{wall.url}/acme/bert/resolve/main/a.json").status_code == status


def test_a_hub_that_fails_is_502_with_its_reason_escaped(hub: Hub, wall: Wall) -> None:
    hub.put("acme/bert", FILES)
    hub.status = 500
    found = get(wall, "/acme/bert/resolve/main/config.json")
    assert found.status_code == 502
    assert "the hub is ill" in found.headers["x-error-message"]


def test_a_hub_that_is_not_there_is_502(hub: Hub, build_wall: Build) -> None:
    with build_wall(upstream="http://127.0.0.1:1") as wall:
        found = get(wall, "/acme/bert/resolve/main/config.json")
        assert (found.status_code, "cannot be reached" in found.headers["x-error-message"]) == (502, True)


# requests


@pytest.mark.parametrize(
    "path",
    [
        "/acme/bert/resolve/main/%2e%2e/x", "/acme/bert/resolve/main/..%2fx", "/acme/bert/resolve/main/a%00b",
        "/acme/bert/resolve/main/a%0d%0aSet-Cookie:x", "/acme/bert/resolve/main/a%5cb", "/acme/bert/resolve/main//a",
        "/acme/bert/resolve/%2e%2e/a", "/..%2f..%2f/bert/resolve/main/a", "/acme/bert/resolve/main/%ff",
        "/acme/bert/resolve/main/" + "a" * 1001, "/acme/bert/resolve/main/%E2%80%AEx",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(hub: Hub, wall: Wall, path: str) -> None:
    assert get(wall, path).status_code in (400, 404)  # a line break fits no route at all
    assert not hub.calls


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/acme/bert/resolve/main/a", 405),
        ("POST", "/acme/bert/resolve/main/a", 405),
        ("POST", "/api/models/acme/bert/commit/main", 404),
        ("GET", "/api/models/acme/bert/xet-read-token/main", 404),
        ("GET", "/api/models?search=x", 404),
        ("GET", "/", 404),
        ("GET", "/api/whoami-v2", 401),
    ],
)
def test_what_is_no_download_stays_here(hub: Hub, wall: Wall, method: str, path: str, status: int) -> None:
    assert httpx2.request(method, wall.url + path).status_code == status
    assert not hub.calls


def test_whoami_answers_without_asking_the_hub(hub: Hub, wall: Wall) -> None:
    found = get(wall, "/api/whoami-v2", headers={"Authorization": "Bearer x"})
    assert found.json()["name"] == "safecase-firewall"
    assert not hub.calls


def test_a_hub_that_trickles_is_given_up_in_time(hub: Hub, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safecase.firewall.fetching.GRACE_SECONDS", 0.3)
    hub.put("acme/bert", FILES)
    hub.drips = True
    found = get(wall, "/acme/bert/resolve/main/model.safetensors")
    assert (found.status_code, "in time" in found.headers["x-error-message"]) == (504, True)


@pytest.mark.parametrize("name", ["../../evil", "a//b", "/etc/passwd", "a\u0000b", "x/../y", "."])
def test_a_name_that_the_hub_lists_cannot_lead_out_of_quarantine(hub: Hub, wall: Wall, name: str) -> None:
    hub.put("acme/bert", {"config.json": b"{}", name: b"{}"})
    assert get(wall, "/acme/bert/resolve/main/config.json").status_code == 200
    outside = [f for f in wall.store.parent.rglob("*") if f.name in ("evil", "passwd", "y")]
    assert not outside
