from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import CollectError
from safecase.targets.permission import allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"])
def test_this_machine_may_always_be_asked(host: str) -> None:
    assert allowed(f"http://{host}:8080/v1").loopback


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0", "[2001:db8::1]", "10.0.0.1", "169.254.169.254", "[::]"])
def test_any_other_host_is_refused_with_the_option_that_allows_it(host: str) -> None:
    with pytest.raises(CollectError) as refused:
        allowed(f"http://{host}:8080/v1")
    assert "--i-own-this-target" in refused.value.mend


def test_a_host_that_is_declared_ours_may_be_asked() -> None:
    assert not allowed("https://192.0.2.7/v1", ["192.0.2.7"]).loopback
    assert allowed("https://192.0.2.7:8443/v1", ["192.0.2.7:8443"]).port == 8443
    with pytest.raises(CollectError):
        allowed("https://192.0.2.7/v1", ["192.0.2.8"])


def test_no_name_is_looked_up_before_it_is_said_to_be_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(CollectError, match="not this machine") as told:
        allowed("http://a-secret.shop.test/v1")
    assert asked == []
    assert "a-secret" not in str(told.value)
    with pytest.raises(CollectError, match="not this machine"):
        allowed("http://localhost/v1")
    assert allowed("http://shop.test/v1", ["shop.test"]).addresses == ("192.0.2.7",)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://127.0.0.1/",
        "http://",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "file:///etc/passwd",
        "http://127.0.0.1/v1?key=quite-secret",
        "http://me:quite-secret@127.0.0.1/v1",
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_without_saying_it(url: str) -> None:
    with pytest.raises(CollectError) as refused:
        allowed(url)
    assert "quite-secret" not in refused.value.message + refused.value.mend
    assert refused.value.mend


@given(st.sampled_from("/?#@:"), st.text(max_size=60))
def test_nothing_behind_the_host_gets_permission_beyond_this_machine(sign: str, text: str) -> None:
    try:
        permission = allowed("http://127.0.0.1" + sign + text)
    except CollectError:
        return
    assert permission.loopback
