"""Clients that speak HTTP wrongly, slowly or without end, over raw sockets to a gateway as it runs in earnest."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from safecase.gateway import connections, requests
from safecase.gateway.connections import Connection
from safecase.gateway.policy import policy_of
from safecase.gateway.server import Settings, build
from tests.gateway.calling import KEY, Everybody
from tests.gateway.upstream import Provider, running

CHAT = "/v1/chat/completions"
GOOD = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}).encode()
AUTH = f"authorization: Bearer {KEY}\r\n"
TYPE = "content-type: application/json\r\n"


class Raw:
    """Sends bytes, and gives what comes back."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log

    def ask(self, content: bytes = b"", *, half_close: bool = False) -> bytes:
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as one:
            try:
                one.sendall(content)
                if half_close:
                    one.shutdown(socket.SHUT_WR)
                while not whole(said) and (part := one.recv(65536)):
                    said += part
            except (ConnectionError, TimeoutError):
                pass
        return said

    def post(self, body: bytes = GOOD, more: str = "", path: str = CHAT, version: str = "1.1") -> bytes:
        head = f"POST {path} HTTP/{version}\r\nhost: x\r\n{AUTH}{TYPE}content-length: {len(body)}\r\n{more}\r\n"
        return self.ask(head.encode("latin-1") + body)


def whole(said: bytes) -> bool:
    head, found, body = said.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found and lengths and len(body) >= lengths[0])


def status(said: bytes) -> int:
    """Give the status, having seen that an error is one of the API."""
    head, _, body = said.partition(b"\r\n\r\n")
    found = int(head.split(b" ")[1])
    if found >= 400:
        assert b"content-type: application/json" in head.lower(), said
        assert json.loads(body)["error"]["message"]
    return found


@contextmanager
def running_gateway(folder: Path, upstream: str) -> Iterator[Raw]:
    said = {
        "upstreams": [
            {"id": "main", "url": upstream, "retries": 0},
            {"id": "claude", "url": upstream, "api": "anthropic", "retries": 0},
        ],
        "limits": {"body_bytes": 100_000},
        "log": {"folder": "log", "texts": True},
    }
    app = build(Settings(policy=policy_of(said, "test"), root=folder), Everybody(), lambda text: text)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", http=Connection, lifespan="on", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Raw(listening.getsockname()[1], folder / "log")
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Raw, Provider]]:
    with running() as provider, running_gateway(tmp_path_factory.mktemp("gateway"), provider.url) as raw:
        yield raw, provider


@pytest.fixture
def raw(both: tuple[Raw, Provider]) -> Raw:
    both[1].asked.clear()
    both[1].answer = lambda _path, _body: {"choices": []}
    return both[0]


@pytest.fixture
def provider(both: tuple[Raw, Provider]) -> Provider:
    return both[1]


START = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{AUTH}{TYPE}"
CHUNKED = f"{START}transfer-encoding: chunked\r\n\r\n"
SMUGGLED = {
    "both lengths": f"{START}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, turned": f"{START}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": f"{START}content-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "the same length twice": f"{START}content-length: 4\r\ncontent-length: 4\r\n\r\nabcd",
    "a list of lengths": f"{START}content-length: 4, 4\r\n\r\nabcd",
    "a length with a sign": f"{START}content-length: +4\r\n\r\nabcd",
    "a length in hex": f"{START}content-length: 0x4\r\n\r\nabcd",
    "a length of 5,000 digits": f"{START}content-length: {'9' * 5000}\r\n\r\nabcd",
    "an unknown coding": f"{START}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{START}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked and then not": f"{START}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a folded header": f"{START}x-a: b\r\n content-length: 4\r\ncontent-length: 0\r\n\r\n",
    "a bare line feed": f"POST {CHAT} HTTP/1.1\nhost: x\n{AUTH}{TYPE}content-length: 2\n\n{{}}",
    "a bare carriage return": f"{START}x-a: b\rcontent-length: 4\r\n\r\nabcd",
    "a zero byte": f"{START}x-a: b\0c\r\ncontent-length: 2\r\n\r\n{{}}",
    "a space before the colon": f"{START}content-length : 2\r\n\r\n{{}}",
    "no colon": f"{START}content-length 2\r\n\r\n{{}}",
    "a chunk of no size": f"{CHUNKED}zz\r\n{{}}\r\n0\r\n\r\n",
    "a chunk of a negative size": f"{CHUNKED}-2\r\n{{}}\r\n0\r\n\r\n",
    "a chunk of too large a size": f"{CHUNKED}fffffffffffffffff\r\n{{}}\r\n0\r\n\r\n",
    "a chunk longer than it says": f"{CHUNKED}1\r\n{{}}\r\n0\r\n\r\n",
    "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another version": f"POST {CHAT} HTTP/9.9\r\nhost: x\r\n\r\n",
    "no path": "GET  HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path that is no ASCII": "GET /v1/\xff HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", list(SMUGGLED))
def test_what_two_servers_could_read_differently_is_refused(raw: Raw, provider: Provider, name: str) -> None:
    assert 400 <= status(raw.ask(SMUGGLED[name].encode("latin-1"), half_close=True)) < 500
    assert not provider.asked


def test_a_refusal_without_a_readable_request_has_the_form_of_the_api(raw: Raw) -> None:
    said = raw.ask(b"POST /v1/messages HTTP/1.1\r\ncontent-length: x\r\n\r\n")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["type"] == "error"


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_too_many_headers_are_refused(raw: Raw, provider: Provider, count: int) -> None:
    assert status(raw.post(more="".join(f"x-{n}: 1\r\n" for n in range(count)))) == 431
    assert not provider.asked


def test_a_head_without_end_is_cut_off_before_it_fills_the_memory(raw: Raw, provider: Provider) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", raw.port), timeout=5) as one:
        one.sendall(START.encode() + b"x-a: ")
        try:
            for _ in range(1000):
                one.sendall(b"a" * 65_536)
                sent += 65_536
        except ConnectionError:
            pass
    assert sent < 20_000_000, "the rest stands in buffers of sockets, which are not the gateway's"
    assert not provider.asked


def test_a_long_path_is_refused(raw: Raw) -> None:
    assert status(raw.post(path="/v1/" + "a" * 200_000)) == 431


def test_a_head_that_comes_too_slowly_is_sent_away(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    began = time.monotonic()
    assert status(raw.ask(START.encode()[:-4])) == 408
    assert status(raw.ask()) == 408, "one that says nothing is sent away, too"
    assert time.monotonic() - began < 3


def test_a_second_head_that_comes_too_slowly_is_sent_away(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    with socket.create_connection(("127.0.0.1", raw.port), timeout=5) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        said = one.recv(65536)
        assert status(said) == 200
        one.sendall(b"GET /healthz HTTP/1.1\r\nho")
        assert status(one.recv(65536)) == 408
        assert one.recv(65536) == b""


def test_a_body_that_comes_too_slowly_is_sent_away(
    raw: Raw, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BODY_S", 0.2)
    assert status(raw.ask(f"{START}content-length: 100\r\n\r\n{{".encode())) == 408
    assert status(raw.ask(f"{CHUNKED}1\r\n{{\r\n".encode())) == 408
    assert not provider.asked


def test_chunks_without_end_are_refused_at_the_bound(raw: Raw, provider: Provider) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    assert status(raw.ask(CHUNKED.encode() + chunk * 10)) == 413
    assert not provider.asked


def test_trailers_decide_nothing(raw: Raw, provider: Provider) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{TYPE}transfer-encoding: chunked\r\n\r\n".encode()
    body = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(GOOD), GOOD, AUTH.encode())
    assert 400 <= status(raw.ask(head + body)) < 500
    assert not provider.asked


def test_a_client_that_ends_its_half_within_a_body_asks_nothing(raw: Raw, provider: Provider) -> None:
    raw.ask(f"{START}content-length: 500\r\n\r\n".encode() + GOOD, half_close=True)
    assert not provider.asked


def test_requests_in_a_row_are_answered_in_order(raw: Raw, provider: Provider) -> None:
    one = f"{START}content-length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    bad = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{TYPE}content-length: 2\r\n\r\n{{}}".encode()
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", raw.port), timeout=5) as conn:
        conn.sendall(one + bad + one + last)
        said = b""
        while part := conn.recv(65536):
            said += part
    assert [int(one[:3]) for one in said.split(b"HTTP/1.1 ")[1:]] == [200, 401, 200, 200]
    assert len(provider.asked) == 2


def test_an_older_http_is_answered(raw: Raw) -> None:
    assert status(raw.post(version="1.0")) == 200


def test_a_target_with_a_host_goes_nowhere_else(raw: Raw, provider: Provider) -> None:
    assert status(raw.post(path=f"http://elsewhere.example{CHAT}")) in (200, 400, 404)
    assert all(path == CHAT for path, _, _ in provider.asked)
    assert status(raw.ask(b"CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: x\r\n\r\n")) in (400, 404)
    assert status(raw.ask(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")) in (400, 404)


def test_what_is_compressed_is_refused_and_never_unpacked(raw: Raw, provider: Provider) -> None:
    bomb = gzip.compress(b" " * 50_000_000)[:90_000]
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        assert status(raw.post(bomb, f"content-encoding: {coding}\r\n")) == 415
        assert status(raw.post(GOOD, f"content-encoding: {coding}\r\n")) == 415
    assert status(raw.post(GOOD, "content-encoding: identity\r\n")) == 200
    assert len(provider.asked) == 1


@pytest.mark.parametrize("coding", ["utf-7", "utf-16", "utf-16-le", "utf-32", "cp500"])
def test_a_body_in_another_coding_is_refused_whatever_its_type_says(raw: Raw, provider: Provider, coding: str) -> None:
    said = GOOD.decode().encode(coding)
    if said == GOOD:  # UTF-7 leaves ASCII as it is, but for its own signs
        said = GOOD.replace(b"{", b"+AHs-")
    assert status(raw.post(said, f"x-charset: {coding}\r\n")) == 400
    assert not provider.asked


HALF = b'"\\ud800"'


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages", "/v1/embeddings"])
@pytest.mark.parametrize(
    "body",
    [
        b"{%b: 1, %b: 2}" % (HALF, HALF),
        b'{"model": %b}' % HALF,
        b'{"model": %b, "input": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}' % HALF,
        b'{"model": "m", "input": %b, "max_tokens": 1, "messages": [{"role": "user", "content": %b}]}' % (HALF, HALF),
        b'{"model": "m", "input": "x", "max_tokens": 1%b, "messages": [{"role": "user", "content": "x"}]}'
        % (b"0" * 300),
        b'{"model": "m", "input": "x", "max_output_tokens": 1%b, "max_tokens": 1, "messages": '
        b'[{"role": "user", "content": "x"}], "n": 1%b}' % (b"0" * 4000, b"0" * 4000),
        b'{"model": "m", "input": "x", "seed": 1%b, "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}'
        % (b"0" * 400),
    ],
)
def test_halves_of_signs_and_giant_numbers_break_nothing_and_are_logged(raw: Raw, path: str, body: bytes) -> None:
    said = raw.post(body, path=path)
    assert status(said) in (200, 400, 404, 422, 502 if path == "/v1/messages" else 200), said
    call = next(
        line[17:].decode() for line in said.split(b"\r\n") if line.lower().startswith(b"x-safecase-call:")
    ).strip()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        events = [json.loads(line) for path in raw.log.rglob("events-*") for line in path.read_bytes().splitlines()]
        if any(event.get("id") == call for event in events):
            return
        time.sleep(0.02)
    pytest.fail("the log does not have the call")


def test_many_marks_on_many_texts_take_no_time(raw: Raw) -> None:
    messages = [{"role": "user", "content": "x"}] * 2500
    body = json.dumps({"model": "m", "messages": messages}).encode()
    marks = json.dumps({f"/messages/{n}": "tool" for n in range(2500)}, separators=(",", ":"))
    began = time.monotonic()
    status(raw.post(body, f"x-safecase-origin: {marks}\r\n"))
    assert time.monotonic() - began < 3


def test_after_all_of_this_it_works_as_before(raw: Raw, provider: Provider) -> None:
    assert status(raw.post()) == 200
    assert len(provider.asked) == 1
