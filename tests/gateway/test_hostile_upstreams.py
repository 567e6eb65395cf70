"""Upstreams that answer wrongly, endlessly or to deceive: the client gets the API's own form, and nothing forbidden."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.gateway.calling import Answer, Client, gateway

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
CANARY = "FOXGLOVE-7203-NIGHTSHADE"
EVIL = "http://evil.example/x"
ASK = {"model": "m", "input": "hello", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"content-type: application/json\r\n"
STREAM = OK + b"content-type: text/event-stream\r\n"
WHOLE = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}}]}'


class Wire:
    """An upstream that sends bytes, whatever they are."""

    def __init__(self) -> None:
        self.url = ""
        self.says: Callable[[socket.socket], None] = lambda _: None
        self.stop = threading.Event()

    def one(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                said = b""
                while b"\r\n\r\n" not in said:
                    part = connection.recv(65536)
                    if not part:
                        return
                    said += part
                self.says(connection)
            except OSError:
                pass  # the gateway had enough

    def bytes(self, content: bytes) -> None:
        self.says = lambda connection: connection.sendall(content)


@contextmanager
def wired() -> Iterator[Wire]:
    wire = Wire()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

        def serve() -> None:
            while not wire.stop.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=wire.one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            wire.stop.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Client]]:
    with wired() as wire:
        bounds = {"retries": 0, "idle_s": 0.5, "first_byte_s": 0.5}
        upstreams = [{"id": f"main{n}", "url": wire.url, "models": [f"m{n}"], **bounds} for n in range(100)]
        upstreams += [
            {"id": f"claude{n}", "url": wire.url, "api": "anthropic", "models": [f"m{n}"], **bounds} for n in range(100)
        ]
        policy: dict[str, Any] = {
            "upstreams": upstreams,
            "limits": {"answer_bytes": 300_000},
            "guards": {"canary": {"words": [CANARY]}},
        }
        with gateway(tmp_path_factory.mktemp("gateway"), wire.url, **policy) as client:
            yield wire, client


@pytest.fixture
def wire(both: tuple[Wire, Client]) -> Wire:
    return both[0]


_MODELS = iter(range(10_000))


@pytest.fixture
def ask(both: tuple[Wire, Client]) -> Callable[..., Answer]:
    """Ask by an upstream of its own, whose circuit is closed, and see that the log has the status."""

    def asking(path: str = CHAT, *, stream: bool = False) -> Answer:
        got = both[1].post(path, {**ASK, "model": f"m{next(_MODELS) % 100}", "stream": stream})
        call, until = got.headers["x-safecase-call"], time.monotonic() + 5
        while time.monotonic() < until:
            for event in both[1].events():
                if event["id"] == call:
                    assert event["status"] == got.status
                    assert event["guards"]
                    assert CANARY not in json.dumps(event)
                    return got
            time.sleep(0.02)
        raise AssertionError("the log does not have the call")

    return asking


def sized(content: bytes, head: bytes = JSON) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(content) + content


def chunked(content: bytes, head: bytes = STREAM, end: bytes = b"0\r\n\r\n") -> bytes:
    return head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(content), content) + end


BAD = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "HTML": sized(b"<html><script>x</script>", OK + b"content-type: text/html\r\n"),
    "HTML called JSON": sized(b"<html><script>x</script>"),
    "no JSON": sized(b'{"choices": ['),
    "a list": sized(b"[]"),
    "a text": sized(b'"fine"'),
    "null": sized(b"null"),
    "a number": sized(b"1e400"),
    "deep": sized(b"[" * 100_000),
    "bad UTF-8": sized(b'{"choices": "\xff"}'),
    "shorter than it says": JSON + b"content-length: 500\r\n\r\n" + WHOLE,
    "a broken chunk": JSON + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + WHOLE,
    "chunks without end": JSON + b"transfer-encoding: chunked\r\n\r\n5\r\n{    \r\n",
    "too large": sized(b" " * 400_000 + WHOLE),
    "a bomb": sized(gzip.compress(b" " * 50_000_000 + WHOLE), JSON + b"content-encoding: gzip\r\n"),
    "no gzip": sized(WHOLE, JSON + b"content-encoding: gzip\r\n"),
    "a coding nobody knows": sized(b"\x00\x01", JSON + b"content-encoding: rot13\r\n"),
    "large headers": sized(WHOLE, JSON + b"x-a: " + b"a" * 100_000 + b"\r\n"),
    "many headers": sized(WHOLE, JSON + b"".join(b"x-%d: a\r\n" % n for n in range(40_000))),
    "two lengths": JSON + b"content-length: 3\r\ncontent-length: 80\r\n\r\n" + WHOLE,
    "elsewhere": sized(b"", b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/v1\r\n"),
    "nothing new": sized(b"", b"HTTP/1.1 304 Same\r\n"),
    "no content": b"HTTP/1.1 204 None\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "a failure in HTML": sized(b"<html>secret", b"HTTP/1.1 500 Oh\r\ncontent-type: text/html\r\n"),
    "a refusal that is no JSON": sized(b"{", b"HTTP/1.1 400 No\r\ncontent-type: application/json\r\n"),
    "a refusal that is deep": sized(b"[" * 50_000, b"HTTP/1.1 400 No\r\ncontent-type: application/json\r\n"),
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("name", list(BAD))
def test_an_answer_that_is_none_is_told_as_such(wire: Wire, ask: Callable[..., Answer], path: str, name: str) -> None:
    wire.bytes(BAD[name])
    got = ask(path)
    assert got.status == (400 if "refusal" in name else 502)
    assert got.headers["content-type"] == "application/json"
    assert got.body["error"]["message"]
    assert (got.body.get("type") == "error") == (path == MESSAGES)
    assert b"script" not in got.raw
    assert b"secret" not in got.raw


def test_an_answer_that_stalls_is_given_up(wire: Wire, ask: Callable[..., Answer]) -> None:
    wire.says = lambda connection: (connection.sendall(JSON + b"content-length: 50\r\n\r\n{"), wire.stop.wait(2))
    assert ask().status == 504
    wire.says = lambda connection: wire.stop.wait(2)
    assert ask().status == 504


def test_early_hints_without_end_are_given_up(wire: Wire, ask: Callable[..., Answer]) -> None:
    def hint(connection: socket.socket) -> None:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
            time.sleep(0.01)

    wire.says = hint
    assert ask().status in (502, 504)


def test_headers_of_the_upstream_stay_there(wire: Wire, ask: Callable[..., Answer]) -> None:
    more = b"set-cookie: a=b\r\nx-evil: 1\r\nlocation: http://evil.example\r\ntrailer: x-late\r\n"
    wire.bytes(sized(WHOLE, JSON + more))
    got = ask()
    assert got.status == 200
    assert not {"set-cookie", "x-evil", "location", "trailer"} & set(got.headers)


def piece(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


ENDLESS: dict[str, bytes] = {
    "pieces": piece("more and more ") * 50,
    "comments": b": still here\n\n" * 200,
    "events without data": b"event: ping\n\n" * 200,
    "one line": b"a" * 60_000,
}


@pytest.mark.parametrize("name", list(ENDLESS))
def test_a_stream_without_end_is_ended_at_the_bound(wire: Wire, ask: Callable[..., Answer], name: str) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(STREAM + b"connection: close\r\n\r\n" + piece("begun. ") + b"data: " * (name == "one line"))
        while not wire.stop.is_set():
            connection.sendall(ENDLESS[name])

    wire.says = endless
    got = ask(stream=True)
    assert len(got.raw) < 1_500_000
    # Where nothing could go on before the bound was reached, it is an error and no stream.
    last = got.raw.removesuffix(b"\n\n").split(b"data: ")[-1]
    assert json.loads(last)["error"]["code"] == "upstream"


BROKEN = {
    "stalls": STREAM + b"transfer-encoding: chunked\r\n\r\n",
    "no JSON": chunked(piece("begun. ") + b"data: {\n\n"),
    "a list": chunked(piece("begun. ") + b"data: []\n\n"),
    "a number": chunked(piece("begun. ") + b"data: 1e999\n\n"),
    "a broken chunk": chunked(piece("begun. "), end=b"zz\r\n"),
    "cut off": chunked(piece("begun. "), end=b""),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_stream_that_breaks_ends_in_the_apis_own_form(wire: Wire, ask: Callable[..., Answer], name: str) -> None:
    def broken(connection: socket.socket) -> None:
        connection.sendall(BROKEN[name])
        if name == "stalls":
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece("begun. ")), piece("begun. ")))
            wire.stop.wait(2)

    wire.says = broken
    got = ask(stream=True)
    said = json.loads(got.raw.split(b"data: ")[-1])
    assert said["error"]["code"] in ("upstream", "upstream_slow")


def test_of_a_tool_call_that_is_cut_off_nothing_is_heard(wire: Wire, ask: Callable[..., Answer]) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "wire_money", "arguments": '{"to": "mallory'}}
    event = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    wire.bytes(chunked(b"data: " + json.dumps(event).encode() + b"\n\n", end=b""))
    assert b"wire_money" not in ask(stream=True).raw
    event = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "wire_money"}}
    wire.bytes(chunked(b"data: " + json.dumps(event).encode() + b"\n\n", end=b""))
    assert b"wire_money" not in ask(MESSAGES, stream=True).raw


def twice(text: str, path: str) -> bytes:
    """Give an answer whose first reading says `text`, and whose second says nothing of it."""
    bad = json.dumps({"content": text})[1:-1]
    if path == MESSAGES:
        bad, good = json.dumps([{"type": "text", "text": text}]), json.dumps([{"type": "text", "text": "ok"}])
        return f'{{"type": "message", "content": {bad}, "content": {good}}}'.encode()
    if path == RESPONSES:
        one = f'{{"type": "output_text", "text": {json.dumps(text)}, "text": "ok"}}'
        return f'{{"output": [{{"type": "message", "content": [{one}]}}]}}'.encode()
    return f'{{"choices": [{{"index": 0, "message": {{"role": "assistant", {bad}, "content": "ok"}}}}]}}'.encode()


@pytest.mark.parametrize("text", [CANARY, f"[a]({EVIL})"])
@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
def test_a_key_that_stands_twice_hides_nothing(wire: Wire, ask: Callable[..., Answer], path: str, text: str) -> None:
    wire.bytes(sized(twice(text, path)))
    assert text.encode() not in ask(path).raw


@pytest.mark.parametrize("text", [CANARY, f"[a]({EVIL})"])
def test_in_a_stream_neither(wire: Wire, ask: Callable[..., Answer], text: str) -> None:
    one = f'{{"choices": [{{"index": 0, "delta": {{"content": {json.dumps(text)}, "content": "ok"}}}}]}}'
    wire.bytes(chunked(b"data: " + one.encode() + b"\n\ndata: [DONE]\n\n"))
    got = ask(stream=True)
    assert text.encode() not in got.raw
    assert b"ok" in got.raw


@pytest.mark.parametrize("where", ["event: {0}\n", ": {0}\n", "id: {0}\n", "retry: {0}\n", "{0}: x\n", "{0}\n"])
def test_beside_the_data_of_an_event_nothing_is_said(wire: Wire, ask: Callable[..., Answer], where: str) -> None:
    wire.bytes(chunked(where.format(CANARY).encode() + piece("ok") + where.format(CANARY).encode() + b"\n"))
    assert CANARY.encode() not in ask(stream=True).raw


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
def test_fields_that_nobody_knows_are_looked_at(wire: Wire, ask: Callable[..., Answer], path: str) -> None:
    said = {"type": "message", "choices": [], "output": [], "content": [], "tomorrow": {"deep": [f"see {EVIL}"]}}
    wire.bytes(sized(json.dumps(said).encode()))
    assert EVIL.encode() not in ask(path).raw


def test_the_text_of_a_refusal_is_looked_at(wire: Wire, ask: Callable[..., Answer]) -> None:
    told = json.dumps({"error": {"message": f"your prompt {CANARY} is too long, see {EVIL}"}}).encode()
    wire.bytes(sized(told, b"HTTP/1.1 400 No\r\ncontent-type: application/json\r\n"))
    got = ask()
    assert got.status >= 400
    assert CANARY.encode() not in got.raw
    assert EVIL.encode() not in got.raw


@pytest.mark.parametrize("count", [b"9" * 40, b"-1", b"1e300", b"true", b'"7"', b"9" * 18])
def test_counts_that_are_none_neither_break_nor_drain_anything(
    wire: Wire, ask: Callable[..., Answer], both: tuple[Wire, Client], count: bytes
) -> None:
    wire.bytes(sized(WHOLE[:-1] + b', "usage": {"prompt_tokens": %b, "completion_tokens": %b}}' % (count, count)))
    assert ask().status == 200
    assert all(0 <= used <= 10**9 for used in both[1].admission.settled[-1])
