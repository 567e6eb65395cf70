"""Whole calls through a running gateway: what goes up, what comes down, and what the log says of it."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateway.calling import KEY, gateway
from tests.gateway.upstream import Provider

MAIL = "ada@garden-of-roses.org"
OFF = {name: {"on": False} for name in ("redaction", "injection", "egress", "tools")}


def echo(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the last thing that was said, in the API's own form."""
    if path.endswith("/chat/completions"):
        said = body["messages"][-1]["content"]
        message = {"role": "assistant", "content": f"You said: {said}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [{"token": said}]}}
        return {"id": "1", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    if path.endswith("/responses"):
        said = body["input"] if isinstance(body["input"], str) else body["input"][-1]["content"]
        content = [{"type": "output_text", "text": f"You said: {said}", "annotations": []}]
        item = {"type": "message", "role": "assistant", "content": content}
        return {"id": "1", "output": [item], "usage": {"input_tokens": 3, "output_tokens": 4}}
    if path.endswith("/messages"):
        said = body["messages"][-1]["content"]
        content = [{"type": "text", "text": f"You said: {said}"}]
        return {"type": "message", "content": content, "usage": {"input_tokens": 3, "output_tokens": 4}}
    return {"object": "list", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 3}}


def asking(path: str, text: str) -> dict[str, Any]:
    """Ask something, in the API's own form."""
    if path.endswith("/responses"):
        return {"model": "m", "input": text}
    if path.endswith("/embeddings"):
        return {"model": "m", "input": [text]}
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return body | ({"max_tokens": 100} if path.endswith("/messages") else {})


PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_personal_stays_here_and_comes_back_to_its_sender(
    tmp_path: Path, provider: Provider, path: str
) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        answer = client.post(path, asking(path, f"write to {MAIL}"))
        event = client.events()[0]
    assert answer.status == 200
    sent = json.dumps(provider.asked[0][1])
    assert MAIL not in sent
    assert "<EMAIL_1>" in sent
    assert f"You said: write to {MAIL}" in answer.raw.decode()
    assert "logprobs" not in answer.raw.decode()
    assert event["guards"]["redaction.in"] == {"result": "redact", "found": 1}
    assert MAIL not in json.dumps(event)
    assert (event["tokens_in"], event["tokens_out"]) == (3, 4)


def test_embeddings_are_made_of_placeholders(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        answer = client.post("/v1/embeddings", asking("/v1/embeddings", f"write to {MAIL}"))
    assert answer.status == 200
    assert provider.asked[0][1]["input"] == ["write to <EMAIL_1>"]


def test_credentials_are_exchanged_and_the_clients_headers_stay_here(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        client.post(PATHS[0], asking(PATHS[0], "hello"), cookie="a=b", x_forwarded_for="10.0.0.1")
        client.post(PATHS[2], asking(PATHS[2], "hello"), anthropic_version="2023-06-01")
    first, second = (headers for _, _, headers in provider.asked)
    assert first["authorization"] == "Bearer sk-upstream"
    assert not {"cookie", "x-forwarded-for"} & first.keys()
    assert (second["x-api-key"], second["anthropic-version"]) == ("sk-ant", "2023-06-01")
    assert "authorization" not in second


def test_a_body_that_no_guard_changes_goes_up_byte_for_byte(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url, guards=OFF) as client:
        odd = b'{ "model" :"m",\n "messages":[{"role":"user","content":"caf\\u00e9 1e3"}], "n": 1 }'
        client.post(PATHS[0], odd)
    assert int(provider.asked[0][2]["content-length"]) == len(odd)


def test_without_a_key_or_with_a_wrong_one_nothing_goes_up(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        for headers in ({"authorization": ""}, {"authorization": "Bearer nope"}, {"x_api_key": "other"}):
            answer = client.post(PATHS[0], asking(PATHS[0], "hello"), **headers)
            assert answer.status == 401
            assert answer.body["error"]["type"] == "authentication_error"
        answer = client.post(PATHS[2], asking(PATHS[2], "hello"), authorization="", x_api_key="nope")
        assert answer.body["error"]["type"] == "authentication_error"
        assert answer.body["type"] == "error"
        assert client.post(PATHS[2], asking(PATHS[2], "hello"), authorization="", x_api_key=KEY).status == 200
    assert len(provider.asked) == 1


def test_a_key_may_do_only_what_it_is_for(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        client.admission.models = ("gpt-*",)
        assert client.post(PATHS[0], asking(PATHS[0], "hello")).status == 403
        client.admission.models, client.admission.scopes = (), ("embeddings",)
        assert client.post(PATHS[0], asking(PATHS[0], "hello")).status == 403
        assert client.post("/v1/embeddings", asking("/v1/embeddings", "hello")).status == 200
    assert len(provider.asked) == 1


def test_what_is_reserved_is_settled_by_what_was_used(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        client.post(PATHS[0], asking(PATHS[0], "hello") | {"max_tokens": 50, "n": 2})
        provider.status = 500
        client.post(PATHS[0], asking(PATHS[0], "hello"))
        assert client.admission.reserved == [(2, 100), (2, 1024)]
        assert client.admission.settled == [(3, 4), (2, 0)]


def test_an_answer_longer_than_the_policy_lets_it_be_is_not_asked_for(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url, limits={"output_tokens": 64}) as client:
        assert client.post(PATHS[0], asking(PATHS[0], "hello") | {"max_tokens": 65}).status == 422
        assert client.post(PATHS[0], asking(PATHS[0], "hello")).status == 200
    assert [body.get("max_completion_tokens") for _, body, _ in provider.asked] == [64]


def test_the_same_question_of_the_same_key_is_asked_once_when_answers_are_kept(
    tmp_path: Path, provider: Provider
) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url, cache={"on": True}) as client:
        first = client.post(PATHS[0], asking(PATHS[0], f"write to {MAIL}"))
        again = client.post(PATHS[0], asking(PATHS[0], f"write to {MAIL}"))
        client.post(PATHS[0], asking(PATHS[0], "something else"))
    assert first.body == again.body
    assert len(provider.asked) == 2


def test_the_next_upstream_answers_when_the_first_does_not(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{dead.getsockname()[1]}/v1"
        upstreams = [
            {"id": "first", "url": nowhere, "retries": 0, "fallback": ["second"], "rename": {"m": "m-1"}},
            {"id": "second", "url": provider.url, "rename": {"m": "other"}},
        ]
        with gateway(tmp_path, provider.url, upstreams=upstreams) as client:
            answer = client.post(PATHS[0], asking(PATHS[0], "hello"))
            event = client.events()[0]
    assert answer.status == 200
    assert event["upstream"] == "second"
    assert provider.asked[0][1]["model"] == "other"


def test_an_upstream_that_fails_again_and_again_is_left_alone_for_a_while(tmp_path: Path, provider: Provider) -> None:
    provider.status = 503
    with gateway(tmp_path, provider.url) as client:
        answers = [client.post(PATHS[0], asking(PATHS[0], "hello")).status for _ in range(8)]
        assert client.get("/healthz").body["upstreams"]["main"] == "open"
    assert answers == [502] * 8
    assert len(provider.asked) == 5


def _said(content: bytes, _path: str, _body: dict[str, Any]) -> bytes:
    return content


def test_an_upstreams_refusals_are_told_without_its_secrets(tmp_path: Path, provider: Provider) -> None:
    for status, kind, said, wanted in (
        (401, "", b'{"error": {"message": "bad key sk-upstream"}}', 502),
        (400, "", b'{"error": {"message": "messages are too long"}}', 400),
        (429, "", b'{"error": {"message": "slow down"}}', 429),
        (500, "text/html", b"<h1>sk-upstream</h1>", 502),
        (200, "text/html", b"<h1>hello</h1>", 502),
        (200, "", b"[1, 2]", 502),
        (307, "", b"", 502),
    ):
        provider.status, provider.kind = status, kind
        provider.answer = partial(_said, said)
        with gateway(tmp_path / str(status) / (kind.replace("/", "") or "x") / str(len(said)), provider.url) as client:
            answer = client.post(PATHS[0], asking(PATHS[0], "hello"))
        assert answer.status == wanted, (status, answer)
        assert "sk-upstream" not in answer.raw.decode()
        assert answer.body["error"]["message"]


def test_a_client_who_leaves_stops_the_upstream(tmp_path: Path, provider: Provider) -> None:
    provider.answer, provider.pause = echo, 5.0
    with gateway(tmp_path, provider.url) as client:
        host = urlsplit(client.url)
        body = json.dumps(asking(PATHS[0], "hello")).encode()
        head = (
            f"POST {PATHS[0]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
        )
        with socket.create_connection((str(host.hostname), int(host.port or 0))) as one:
            one.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            until = time.monotonic() + 5
            while not provider.asked and time.monotonic() < until:
                time.sleep(0.01)
        while not provider.cancelled and time.monotonic() < until:
            time.sleep(0.01)
        assert provider.cancelled == 1
        assert client.events()[0]["reason"] == "client_gone"


def test_the_log_is_a_chain_and_says_who_did_what(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        for _ in range(5):
            client.post(PATHS[0], asking(PATHS[0], f"write to {MAIL}"))
    (path,) = tmp_path.rglob("events-*.jsonl")
    lines = path.read_bytes().splitlines()
    assert len(lines) == 6
    before = "0" * 64
    for line in lines:
        assert json.loads(line)["prev"] == before
        before = hashlib.sha256(line).hexdigest()
    first = json.loads(lines[0])
    assert first["matrix"]["chat stream"]["redaction"] == "in out tools"
    assert first["controls"]["redaction"] == ["AI-04"]
    assert MAIL not in path.read_text()


def test_a_log_that_was_ended_is_gone_on_with(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    for _ in range(2):
        with gateway(tmp_path, provider.url) as client:
            client.post(PATHS[0], asking(PATHS[0], "hello"))
    lines = [json.loads(line) for path in sorted(tmp_path.rglob("events-*.jsonl")) for line in path.open()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]


def test_metrics_count_what_happened(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        client.post(PATHS[0], asking(PATHS[0], f"write to {MAIL}"))
        client.post(PATHS[0], asking(PATHS[0], "hello"), authorization="")
        text = client.get("/metrics").raw.decode()
    assert 'safecase_gateway_requests_total{api="chat",status="200"} 1' in text
    assert 'safecase_gateway_requests_total{api="chat",status="401"} 1' in text
    assert 'safecase_gateway_guard_results_total{guard="redaction",result="redact"} 2' in text
    assert 'safecase_gateway_tokens_total{direction="out"} 4' in text


def test_a_text_can_be_marked_as_foreign_and_never_as_trusted(tmp_path: Path, provider: Provider) -> None:
    provider.answer = echo
    with gateway(tmp_path, provider.url) as client:
        body = asking(PATHS[0], "hello")
        mark = {"/messages/0/content": "retrieved"}
        assert client.post(PATHS[0], body, x_safecase_origin=json.dumps(mark)).status == 200
        for bad in ('{"/messages/0/content": "system"}', '{"/nowhere": "tool"}', "no json", "[1]"):
            assert client.post(PATHS[0], body, x_safecase_origin=bad).status in (400, 422), bad
