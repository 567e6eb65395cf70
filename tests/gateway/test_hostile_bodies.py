"""Random requests of all APIs: nothing fails, every ledger is whole, and no secret reaches an upstream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.gateway.app import Gateway
from safecase.gateway.policy import policy_of
from safecase.gateway.server import Settings, build
from tests.gateway.calling import KEY, Everybody

FAMILIES = ["chat", "responses", "messages", "embeddings"]
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
PATHS["embeddings"] = "/v1/embeddings"
SECRETS = ["rosalind.k+x@garden-of-roses.org", "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O50Zb5Hm", "4111 1111 1111 1111"]


class Heard:
    """Stands for all upstreams: keeps what it was sent, and answers with it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def ask(self, chain: Any, _shape: Any, body: Any, _passed: Any) -> Any:
        self.bodies.append(body(chain[0]))
        return Told(chain[0])


class Told:
    status, kind, retry_after = 200, "application/json", ""

    def __init__(self, upstream: Any) -> None:
        self.upstream = upstream

    async def whole(self, _most: int) -> bytes:
        return b'{"choices": [], "output": [], "content": [], "data": []}'

    def done(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Heard, list[dict[str, Any]]]]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    said = {
        "upstreams": [{"id": "a", "url": "http://127.0.0.1:1/v1"}, {"id": "b", "url": "http://x", "api": "anthropic"}],
        "guards": {"injection": {"block": []}},
        "log": {"folder": "log"},
    }
    app = build(Settings(policy=policy_of(said, "test"), root=folder), Everybody(), lambda text: text)
    heard = Heard()
    app._upstreams.ask = heard.ask  # type: ignore[method-assign]
    events: list[dict[str, Any]] = []
    app._log.add = events.append  # type: ignore[method-assign]
    yield app, heard, events
    app.close()


def ask(app: Gateway, path: str, content: bytes) -> tuple[int, bytes]:
    """Ask as a server does; gives the status and the body."""
    sent: list[Any] = []
    headers = [(b"authorization", f"Bearer {KEY}".encode()), (b"content-type", b"application/json")]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("127.0.0.1", 1)}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


def spelt(text: str, how: str) -> str:
    """Spell a JSON text another way."""
    if how == "escaped":
        return "".join(f"\\u{ord(sign):04x}" for sign in text)
    if how == "ESCAPED":
        return "".join(f"\\u{ord(sign):04X}" for sign in text)
    if how == "every other":
        return "".join(f"\\u{ord(sign):04x}" if at % 2 else sign for at, sign in enumerate(text))
    return text


TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "\x00", "\ud800", "\udfff\ud800", "<EMAIL_1>", "\u202e", "\U000e0041", "a" * 300, "\\u0040"]),
)
NAMES = st.sampled_from(
    ["content", "text", "type", "role", "name", "input", "output", "arguments", "function", "tools", "description",
     "system", "metadata", "source", "title", "citations", "parameters", "tomorrow", "instructions", "stop"]
)  # fmt: skip
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False), TEXT)
VALUE = st.recursive(
    st.one_of(LEAF, st.just("PLANTED"), st.just("so PLANTED.")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "king"])
MESSAGE = st.fixed_dictionaries(
    {"role": ROLES, "content": st.one_of(st.just("ask PLANTED now"), st.lists(VALUE, max_size=3), TEXT)},
    optional={"name": TEXT, "tool_calls": VALUE, "tomorrow": VALUE},
)


@st.composite
def body(draw: st.DrawFn) -> dict[str, Any]:
    """Give a request that is about one: with what its API wants, and more."""
    made = draw(st.dictionaries(NAMES, VALUE, max_size=4))
    made |= {"model": draw(st.one_of(st.just("m"), TEXT)), "max_tokens": draw(st.sampled_from([1, 9, 10**9, -1, "x"]))}
    made["messages"] = draw(st.lists(MESSAGE, min_size=1, max_size=3))
    made["input"] = draw(st.one_of(st.just("ask PLANTED now"), st.lists(st.one_of(MESSAGE, TEXT), max_size=3)))
    return made


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    family=st.sampled_from(FAMILIES),
    body=body(),
    secret=st.sampled_from(SECRETS),
    how=st.sampled_from(["plain", "escaped", "ESCAPED", "every other"]),
)
def test_nothing_fails_and_no_secret_leaves(
    made: tuple[Gateway, Heard, list[dict[str, Any]]], family: str, body: dict[str, Any], secret: str, how: str
) -> None:
    app, heard, events = made
    heard.bodies.clear()
    events.clear()
    content = json.dumps(body).replace("PLANTED", spelt(secret, how)).encode()
    status, said = ask(app, PATHS[family], content)
    assert status in (200, 400, 403, 404, 413, 422), (status, said, events)
    (event,) = events
    assert event["status"] == status
    assert (status >= 400) == ("error" in json.loads(said))
    if event.get("guards"):
        ran = {name: entry["result"] for name, entry in event["guards"].items()}
        assert "error" not in ran.values(), ran
        assert ran["redaction.in"] != "skipped"
        assert ran["injection.in"] != "skipped"
    assert secret not in json.dumps(event, ensure_ascii=False)
    for one in heard.bodies:
        kept = json.loads(one)
        assert secret not in json.dumps(_looked_at(kept), ensure_ascii=False), one
    assert len(heard.bodies) == (status == 200)


def _looked_at(value: Any, key: str = "") -> Any:
    """Leave out what is known to hold names and kinds, which no guard reads (docs/gateway.md)."""
    if isinstance(value, dict):
        return {name: _looked_at(inner, name) for name, inner in value.items() if name not in ("type", "role", "model")}
    return [_looked_at(inner) for inner in value] if isinstance(value, list) else value
