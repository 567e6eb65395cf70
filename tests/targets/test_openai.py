from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest

from safecase.errors import CollectError
from safecase.readers.conversations import Message, said
from safecase.service.schema import Endpoint
from safecase.targets.openai import OpenAITarget
from tests.targets.servers import Answers, Request, Response, completion, serving

KEY = "sesame-of-the-test"


@contextlib.contextmanager
def target(answers: Answers, *, key: str = "", timeout_s: float = 5, seconds: float = 20) -> Iterator[OpenAITarget]:
    ends = time.monotonic() + seconds
    with serving(answers) as url:
        endpoint = Endpoint(url=url, model="tiny", key=key, timeout_s=timeout_s)
        with OpenAITarget(
            endpoint, secret=lambda text: text, owned=(), remaining=lambda: ends - time.monotonic()
        ) as made:
            yield made


def refusal(answers: Answers, **how: float) -> CollectError:
    with target(answers, key=KEY, **how) as asked, pytest.raises(CollectError) as refused:
        asked.ask(said("Hello"), max_tokens=5)
    assert KEY not in refused.value.message + refused.value.mend
    return refused.value


def test_a_conversation_is_asked_and_answered() -> None:
    seen: list[Request] = []

    def answers(request: Request) -> Response:
        seen.append(request)
        return completion("Good day.")

    with target(answers, key=KEY) as asked:
        turns = (Message(role="assistant", text="Yes?"), *said("Hello"))
        reply = asked.ask(turns, max_tokens=5, seed=3, temperature=0.0)
    assert (reply.text, reply.tokens_in, reply.tokens_out, reply.model) == ("Good day.", 7, 3, "tiny")
    assert seen[0].path == "/v1/chat/completions"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].body["messages"] == [{"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Hello"}]
    assert {name: seen[0].body[name] for name in ("max_tokens", "seed", "temperature")} == {
        "max_tokens": 5,
        "seed": 3,
        "temperature": 0.0,
    }


def test_our_credential_is_taken_out_of_what_comes_back() -> None:
    with target(lambda request: completion(f"You sent {request.headers['authorization']}"), key=KEY) as asked:
        assert asked.ask(said("Hello"), max_tokens=5).text == "You sent Bearer <key>"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_may_pass_is_tried_once_more(status: int) -> None:
    waiting = [Response(status, b"busy", (("Retry-After", "0"),)), completion("Here I am.")]
    with target(lambda _: waiting.pop(0)) as asked:
        assert asked.ask(said("Hello"), max_tokens=5).text == "Here I am."


def test_a_failure_that_stays_is_told() -> None:
    assert "HTTP 500" in refusal(lambda _: Response(500, b"", (("Retry-After", "0"),))).message


def test_a_refused_credential_is_told() -> None:
    assert "refuses our credential" in refusal(lambda _: Response(401)).message


def test_a_redirect_is_never_followed() -> None:
    paths: list[str] = []

    def answers(request: Request) -> Response:
        paths.append(request.path)
        return Response(307, b"", (("Location", "/elsewhere"),))

    assert "follow nowhere" in refusal(answers).message
    assert set(paths) == {"/v1/chat/completions"}


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 5}]}', b"[" * 100_000, b"\xff\xfe"],
)
def test_an_answer_that_is_no_completion_is_refused(body: bytes) -> None:
    assert refusal(lambda _: Response(200, body)).mend


def test_an_endless_answer_is_cut_off() -> None:
    assert "2 MB" in refusal(lambda _: Response(200, b"x" * 3_000_000)).message


def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    assert "compress" in refusal(lambda _: Response(200, bomb, (("Content-Encoding", "gzip"),))).message


@pytest.mark.parametrize(
    "response",
    [
        completion(None, finish_reason="content_filter"),
        Response(400, json.dumps({"error": {"code": "content_filter", "message": "no"}}).encode()),
    ],
)
def test_a_filter_that_steps_in_is_an_answer(response: Response) -> None:
    with target(lambda _: response) as asked:
        reply = asked.ask(said("Hello"), max_tokens=5)
    assert reply.refused_by_filter
    assert reply.text == ""


def test_texts_come_in_parts_or_as_a_refusal_too() -> None:
    parts = [{"type": "text", "text": "Good "}, {"type": "text", "text": "day."}, {"type": "image"}]
    with target(lambda _: completion(parts)) as asked:  # type: ignore[arg-type]
        assert asked.ask(said("Hello"), max_tokens=5).text == "Good day."
    with target(lambda _: completion(None, message={"content": None, "refusal": "No."})) as asked:
        assert asked.ask(said("Hello"), max_tokens=5).text == "No."


def test_a_parameter_that_the_endpoint_does_not_know_is_left_out_from_then_on() -> None:
    def answers(request: Request) -> Response:
        if "max_tokens" in request.body:
            return Response(400, json.dumps({"error": {"param": "max_tokens", "message": "use another"}}).encode())
        return completion(str(request.body["max_completion_tokens"]))

    with target(answers) as asked:
        assert [asked.ask(said("Hello"), max_tokens=5).text for _ in range(2)] == ["5", "5"]


def test_a_slow_endpoint_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = Endpoint(url=f"http://127.0.0.1:{mute.getsockname()[1]}/v1", timeout_s=0.2)
        began = time.monotonic()
        with (
            OpenAITarget(endpoint, secret=lambda text: text, owned=(), remaining=lambda: 20.0) as asked,
            pytest.raises(CollectError, match="did not answer within"),
        ):
            asked.ask(said("Hello"), max_tokens=5)
    assert time.monotonic() - began < 3


def test_an_endpoint_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    endpoint = Endpoint(url=f"http://127.0.0.1:{port}/v1")
    with (
        OpenAITarget(endpoint, secret=lambda text: text, owned=(), remaining=lambda: 20.0) as asked,
        pytest.raises(CollectError, match="cannot be reached"),
    ):
        asked.ask(said("Hello"), max_tokens=5)


def test_localhost_is_found_on_whichever_address_it_listens() -> None:
    with serving(lambda _: completion("Here.")) as url:
        endpoint = Endpoint(url=url.replace("127.0.0.1", "localhost"))
        with OpenAITarget(endpoint, secret=lambda text: text, owned=(), remaining=lambda: 20.0) as asked:
            assert asked.ask(said("Hello"), max_tokens=5).text == "Here."


def test_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with target(lambda _: completion("Here.")) as asked:
        assert asked.ask(said("Hello"), max_tokens=5).text == "Here."


def test_plain_http_behind_https_is_told_as_a_matter_of_tls() -> None:
    with serving(lambda _: completion("Here.")) as url:
        endpoint = Endpoint(url=url.replace("http:", "https:"))
        with (
            OpenAITarget(endpoint, secret=lambda text: text, owned=(), remaining=lambda: 20.0) as asked,
            pytest.raises(CollectError, match="TLS"),
        ):
            asked.ask(said("Hello"), max_tokens=5)


def test_another_api_is_not_asked() -> None:
    with pytest.raises(CollectError, match="kind http"):
        OpenAITarget(
            Endpoint(url="http://127.0.0.1:1", api="http"), secret=lambda t: t, owned=(), remaining=lambda: 1.0
        )
