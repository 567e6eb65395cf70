"""Whatever is sent: the API's own error with the right status, and not a byte to the upstream."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.gateway.apis import SHAPES
from safecase.gateway.apis.api import Shape
from safecase.gateway.bodies import read_body
from safecase.gateway.refusals import Refused
from safecase.gateway.sse import Frames
from tests.gateway.calling import KEY, Client, gateway
from tests.gateway.upstream import Provider, running

GOOD = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
CHAT = "/v1/chat/completions"
PATHS = [CHAT, "/v1/responses", "/v1/messages", "/v1/embeddings"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Provider]]:
    with (
        running() as provider,
        gateway(tmp_path_factory.mktemp("gateway"), provider.url, limits={"body_bytes": 20_000, "depth": 20}) as made,
    ):
        yield made, provider


BAD: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "no json": (b"hello", 400),
    "half": (b'{"model": "m", ', 400),
    "more behind": (json.dumps(GOOD).encode() + b"}", 400),
    "list": (b"[]", 400),
    "null": (b"null", 400),
    "not utf-8": (b'{"model": "\xff"}', 400),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), 400),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), 400),
    "twice": (b'{"model": "a", "model": "b"}', 400),
    "twice inside": (b'{"model": "m", "messages": [{"role": "user", "role": "system"}]}', 400),
    "nan": (b'{"model": "m", "temperature": NaN}', 400),
    "infinity": (b'{"model": "m", "temperature": 1e999}', 400),
    "digits": (b'{"model": "m", "n": ' + b"9" * 5000 + b"}", 400),
    "deep": (b'{"model": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
    "deep in a text": (b'{"model": "' + b"[" * 500 + b'"}', 422),
    "large": (b'{"model": "' + b"a" * 30_000 + b'"}', 413),
    "no model": (b"{}", 422),
    "model of another kind": (b'{"model": 7}', 422),
    "stream of another kind": (b'{"model": "m", "stream": "yes"}', 422),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", list(BAD))
def test_a_body_that_is_none_is_refused(client: tuple[Client, Provider], path: str, name: str) -> None:
    gate, provider = client
    provider.asked.clear()
    content, status = BAD[name]
    answer = gate.post(path, content)
    assert answer.status == status
    error = answer.body["error"]
    assert error["message"]
    assert answer.body.get("type") == ("error" if path.endswith("/messages") else None)
    assert not provider.asked


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (CHAT, {"messages": []}),
        (CHAT, {"messages": "hello"}),
        (CHAT, {"messages": [7]}),
        (CHAT, {"messages": [{"role": "king", "content": "x"}]}),
        (CHAT, {"messages": [{"role": "user", "content": 7}]}),
        (CHAT, {"max_tokens": -1}),
        (CHAT, {"max_tokens": True}),
        (CHAT, {"n": 0}),
        ("/v1/messages", {"max_tokens": None}),
        ("/v1/messages", {"messages": [{"role": "tool", "content": "x"}]}),
        ("/v1/responses", {"input": 7}),
        ("/v1/responses", {"input": "x", "background": True}),
        ("/v1/embeddings", {"input": [1, 2, 3]}),
        ("/v1/embeddings", {"input": [[1, 2], [3]]}),
        ("/v1/embeddings", {"input": []}),
        ("/v1/embeddings", {"input": {}}),
    ],
)
def test_a_field_that_is_wrong_is_named(client: tuple[Client, Provider], path: str, change: dict[str, Any]) -> None:
    gate, provider = client
    provider.asked.clear()
    answer = gate.post(path, {**GOOD, **change})
    assert answer.status == 422
    assert not provider.asked
    if path != "/v1/messages":
        assert answer.body["error"]["param"]


def test_other_methods_paths_and_types_are_refused(client: tuple[Client, Provider]) -> None:
    gate, provider = client
    provider.asked.clear()
    assert gate.get(CHAT).status == 405
    assert gate.post("/v1/chat/completions/../../x", GOOD).status == 404
    assert gate.post("/v1/files", GOOD).status == 404
    assert gate.post("//v1/chat/completions", GOOD).status == 404
    assert gate.post(CHAT, GOOD, content_type="text/plain").status == 415
    assert gate.post(CHAT, GOOD, content_type="multipart/form-data").status == 415
    assert not provider.asked


@pytest.mark.parametrize(
    "head",
    [
        "authorization: Bearer {key}\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n",
        "authorization: Bearer {key}\r\ncontent-length: {length}\r\ncontent-length: 3\r\n",
        "authorization: Bearer {key}\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n",
        "authorization: Bearer {key}\r\ncontent-length: -1\r\n",
        "authorization: Bearer {key}\r\ncontent-length: {length}\r\ncontent-type: text/plain\r\n",
        "authorization : Bearer {key}\r\ncontent-length: {length}\r\n",
        "x-api-key: other\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n",
    ],
)
def test_headers_that_could_be_read_in_two_ways_are_refused(client: tuple[Client, Provider], head: str) -> None:
    gate, provider = client
    provider.asked.clear()
    body = json.dumps(GOOD).encode()
    said = head.format(key=KEY, length=len(body))
    where = urlsplit(gate.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=5) as one:
        start = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        one.sendall(f"{start}{said}\r\n".encode() + body)
        answer = one.recv(65536)
    assert answer.split(b" ")[1][:1] == b"4", answer
    assert not provider.asked


def nested(leaf: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Give JSON of these leaves and names."""
    return st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
        max_leaves=12,
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), st.data())
def test_no_json_makes_the_gateway_fail(client: tuple[Client, Provider], path: str, data: st.DataObject) -> None:
    gate, provider = client
    provider.answer = lambda _path, _body: {"choices": [], "output": [], "content": [], "data": []}
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.floats(allow_nan=False))
    names = st.sampled_from(
        ["model", "messages", "role", "content", "input", "type", "text", "tools", "stream", "max_tokens", "system"]
    )
    body = data.draw(st.dictionaries(names, nested(leaf, names), max_size=6))
    if data.draw(st.booleans()):
        body = {**GOOD, "input": "hello"} | body
    body.pop("stream", None)
    answer = gate.post(path, body)
    assert answer.status in (200, 400, 403, 404, 413, 422), (answer.status, body)


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_of_bodies_fail(content: bytes) -> None:
    try:
        read = read_body(content, 10)
    except Refused as why:
        read, reason = {}, why.reason
    else:
        reason = "unreadable"
    assert isinstance(read, dict)
    assert reason == "unreadable"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_frames_are_the_same_however_the_bytes_come(content: bytes, size: int) -> None:
    whole, cut = Frames(), Frames()
    at_once = list(whole.feed(content))
    pieces = [frame for at in range(0, len(content), size) for frame in cut.feed(content[at : at + size])]
    assert [(f.name, f.data) for f in at_once if f.data] == [(f.name, f.data) for f in pieces if f.data]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.family)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_answer_makes_an_api_fail(shape: Shape, data: st.DataObject) -> None:
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8))
    names = st.sampled_from(
        ["choices", "delta", "message", "content", "type", "index", "tool_calls", "function", "arguments", "name",
         "output", "item", "response", "part", "text", "usage", "content_block", "partial_json", "output_index"]
    )  # fmt: skip
    kinds = st.sampled_from(
        ["response.output_item.done", "response.completed", "response.output_text.delta", "function_call", "tool_use",
         "response.function_call_arguments.delta", "content_block_start", "content_block_delta", "message_start"]
    )  # fmt: skip
    body = data.draw(st.dictionaries(names, nested(st.one_of(leaf, kinds), names), max_size=5))
    list(shape.answer(json.loads(json.dumps(body))))
    list(shape.tool_calls(json.loads(json.dumps(body))))
    shape.usage(body)
    event = shape.event(body)
    assert all(isinstance(piece.slot.text, str) for piece in event.pieces)
