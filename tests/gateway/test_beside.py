"""Guards that look while the upstream already works: nothing goes to the client before they are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from safecase.gateway import server
from safecase.gateway.guards.guard import Call, Direction, Guard, Outcome
from safecase.gateway.policy import Fail
from tests.gateway.calling import gateway
from tests.gateway.test_calls import PATHS, asking, echo
from tests.gateway.upstream import Provider

PIECES = [b'data: {"choices":[{"index":0,"delta":{"content":"the answer"}}]}\n\n', b"data: [DONE]\n\n"]


class Slow(Guard):
    """Takes its time, and then says what the test wants."""

    id: ClassVar[str] = "slow"
    directions: ClassVar[frozenset[Direction]] = frozenset({"beside"})
    controls: ClassVar[tuple[str, ...]] = ()

    def __init__(self, fail: Fail, says: Callable[[], Outcome]) -> None:
        super().__init__(fail)
        self._says = says

    def beside(self, call: Call) -> Outcome:
        time.sleep(0.15)
        assert call.before[0][1] == "Hello."
        return self._says()


def broken() -> Outcome:
    raise RuntimeError("secret of ours")


def use(monkeypatch: pytest.MonkeyPatch, says: Callable[[], Outcome], fail: Fail = "closed") -> None:
    monkeypatch.setattr(server, "guards_of", lambda *_: [Slow(fail, says)])


@pytest.mark.parametrize("path", PATHS)
def test_a_refusal_comes_before_the_answer_and_the_upstream_stops(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    use(monkeypatch, lambda: Outcome("block", "it looks like an attack", 1))
    provider.answer, provider.pause = echo, 5.0
    with gateway(tmp_path, provider.url) as client:
        began = time.monotonic()
        answer = client.post(path, asking(path, "Hello."))
        event = client.events()[0]
    assert time.monotonic() - began < 4
    assert answer.status == 403
    assert "it looks like an attack" in answer.body["error"]["message"]
    assert event["guards"]["slow.beside"]["result"] == "block"
    assert len(provider.asked) == 1
    until = time.monotonic() + 5
    while not provider.cancelled and time.monotonic() < until:
        time.sleep(0.01)
    assert provider.cancelled == 1


def test_no_piece_of_a_stream_goes_out_before_it_is_allowed(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lambda: Outcome("block", "no", 1))
    provider.pieces = PIECES
    with gateway(tmp_path, provider.url) as client:
        refused = client.post(PATHS[0], asking(PATHS[0], "Hello.") | {"stream": True})
        assert refused.status == 403
        assert b"the answer" not in refused.raw
    use(monkeypatch, lambda: Outcome("pass"))
    with gateway(tmp_path / "again", provider.url) as client:
        passed = client.post(PATHS[0], asking(PATHS[0], "Hello.") | {"stream": True})
        assert (passed.status, passed.raw) == (200, b"".join(PIECES))


@pytest.mark.parametrize(("fail", "status"), [("closed", 503), ("open", 200)])
def test_one_that_breaks_is_told_and_decided_on_by_its_mode(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, fail: Fail, status: int
) -> None:
    use(monkeypatch, broken, fail)
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        answer = client.post(PATHS[0], asking(PATHS[0], "Hello."))
        assert answer.status == status
        assert b"secret of ours" not in answer.raw
        assert client.events()[0]["guards"]["slow.beside"]["result"] == "error"


def test_what_the_cache_knows_waits_for_them_too(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [Outcome("block", "no", 1), Outcome("pass")]
    use(monkeypatch, lambda: said.pop())
    provider.answer = echo
    with gateway(tmp_path, provider.url, cache={"on": True}) as client:
        assert client.post(PATHS[0], asking(PATHS[0], "Hello.")).status == 200
        assert client.post(PATHS[0], asking(PATHS[0], "Hello.")).status == 403
    assert len(provider.asked) == 1
