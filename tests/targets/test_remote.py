"""Targets that are asked by many at once, over real sockets: what each API is asked, and what comes of its answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.conversations import Called, Message, Tool, said
from safecase.targets.answers import Event, events_in, json_in, object_in, wait
from safecase.targets.connection import Answer
from safecase.targets.dialects import DIALECTS
from safecase.targets.permission import allowed
from safecase.targets.remote import RemoteTarget
from safecase.targets.target import Ask, Reply, Unanswered
from safecase.targets.wire import Wire
from tests.targets.servers import Answers, Request, Response, completion, raw_server, serving

T = TypeVar("T")
KEY = "sk-of-the-test"
LOOK_UP = Tool(name="look_up", description="Looks up a plant.", parameters='{"type":"object","properties":{"name":{}}}')
TALK = (
    Message(role="system", text="You tell of plants."),
    Message(role="user", text="What is a rose?"),
    Message(role="assistant", text="", calls=(Called(tool="look_up", arguments='{"name":"rose"}'),)),
    Message(role="tool", text="A shrub.", answers="look_up"),
)


def asking(
    answers: Answers, ask: Callable[[RemoteTarget], Coroutine[Any, Any, T]], *, api: str = "chat", timeout_s: float = 5
) -> T:
    async def whole(url: str) -> T:
        wire = Wire(allowed(url), most=8, timeout_s=timeout_s)
        target = RemoteTarget(wire, DIALECTS[api], model="m", identities={"ada": {"authorization": f"Bearer {KEY}"}})
        try:
            return await ask(target)
        finally:
            await target.close()

    with serving(answers) as url:
        return asyncio.run(whole(url))


def answer(api: str, text: str, calls: tuple[Called, ...] = ()) -> Any:
    match api:
        case "chat":
            functions = [
                {"type": "function", "id": "1", "function": {"name": c.tool, "arguments": c.arguments}} for c in calls
            ]
            message = {"role": "assistant", "content": text, "tool_calls": functions}
            return {"choices": [{"message": message}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        case "completions":
            return {"choices": [{"text": text}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        case "responses":
            items = [{"type": "function_call", "name": c.tool, "arguments": c.arguments} for c in calls]
            message = {"type": "message", "content": [{"type": "output_text", "text": text}]}
            return {"output": [message, *items], "usage": {"input_tokens": 7, "output_tokens": 3}}
        case _:
            blocks = [{"type": "tool_use", "name": c.tool, "input": json.loads(c.arguments)} for c in calls]
            content = [{"type": "text", "text": text}, *blocks]
            return {"content": content, "usage": {"input_tokens": 7, "output_tokens": 3}}


@pytest.mark.parametrize("api", DIALECTS)
def test_an_answer_is_read_from_every_api(api: str) -> None:
    wanted = Called(tool="look_up", arguments='{"name":"rose"}')
    calls = () if api == "completions" else (wanted,)
    content = json.dumps(answer(api, "A rose.", calls)).encode()
    seen: list[Request] = []

    def answers(request: Request) -> Response:
        seen.append(request)
        return Response(200, content)

    reply = asking(answers, lambda target: target.ask(Ask(conversation=TALK, tools=(LOOK_UP,), max_tokens=9)), api=api)
    assert (reply.text, reply.tokens_in, reply.tokens_out) == ("A rose.", 7, 3)
    assert [(call.tool, json.loads(call.arguments)) for call in reply.calls] == [
        (call.tool, json.loads(call.arguments)) for call in calls
    ]
    (request,) = seen
    assert request.path == "/v1" + DIALECTS[api].path
    assert request.body[DIALECTS[api].tokens] == 9
    assert request.headers["authorization"] == f"Bearer {KEY}"
    for text in ("You tell of plants.", "What is a rose?", "A shrub."):
        assert text in json.dumps(request.body)


def test_a_tools_result_stands_in_the_role_of_a_tool_and_answers_its_call() -> None:
    chat = DIALECTS["chat"].body(Ask(conversation=TALK, tools=(LOOK_UP,)))
    assert chat["messages"][3]["role"] == "tool"
    assert chat["messages"][3]["tool_call_id"] == chat["messages"][2]["tool_calls"][0]["id"]
    responses = DIALECTS["responses"].body(Ask(conversation=TALK))
    assert responses["input"][3] == {
        "type": "function_call_output",
        "call_id": responses["input"][2]["call_id"],
        "output": "A shrub.",
    }
    messages = DIALECTS["messages"].body(Ask(conversation=TALK))
    assert messages["system"] == "You tell of plants."
    result = messages["messages"][2]["content"][0]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", messages["messages"][1]["content"][0]["id"])


STREAMS = {
    "chat": [
        {"choices": [{"index": 0, "delta": {"content": "A "}}]},
        {"choices": [{"index": 1, "delta": {"content": "no"}}]},
        {"choices": [{"index": 0, "delta": {"content": "rose."}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
    ],
    "completions": [
        {"choices": [{"text": "A "}]},
        {"choices": [{"text": "rose."}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
    ],
    "responses": [
        {"type": "response.output_text.delta", "delta": "A "},
        {"type": "response.completed", "response": answer("responses", "A rose.")},
    ],
    "messages": [
        {"type": "message_start", "message": {"usage": {"input_tokens": 7}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "A rose."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    ],
}


@pytest.mark.parametrize("api", DIALECTS)
def test_a_stream_gives_the_same_as_a_whole_answer(api: str) -> None:
    content = "".join(f"data: {json.dumps(event)}\n\n" for event in STREAMS[api]) + "data: [DONE]\n\n"
    response = Response(200, content.encode(), (("Content-Type", "text/event-stream"),))
    reply = asking(lambda _: response, lambda target: target.ask(Ask(conversation=said("x"), stream=True)), api=api)
    assert (reply.text, reply.tokens_in, reply.tokens_out) == ("A rose.", 7, 3)


def fault(answers: Answers, **more: Any) -> Unanswered:
    with pytest.raises(Unanswered) as found:
        asking(answers, lambda target: target.ask(Ask(conversation=said("x"))), **more)
    return found.value


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (Response(500, b"<html>oops"), "http_5xx", "HTTP 500"),
        (Response(404, b"{}"), "http_4xx", "HTTP 404"),
        (Response(200, b"<html>hello</html>"), "bad_response", "no JSON"),
        (Response(200, b"[1, 2]"), "bad_response", "no chat completion"),
        (Response(200, b'{"choices": [{"message": 3}]}'), "bad_response", "no chat completion"),
        (Response(200, b'{"error": {"message": "the sky fell"}}'), "bad_response", "the sky fell"),
        (Response(200, b"[" * 100_000), "bad_response", "no JSON"),
        (Response(200, b"x", (("Content-Encoding", "gzip"),)), "bad_response", "compresses"),
        (Response(200, b'{"x": "' + b"y" * 3_000_000 + b'"}'), "bad_response", "more than 2 MB"),
        (Response(302, b"", (("Location", "http://127.0.0.1:1/"),)), "http_4xx", "HTTP 302"),
    ],
)
def test_what_is_no_answer_says_why(response: Response, kind: str, says: str) -> None:
    found = fault(lambda _: response)
    assert found.fault == kind
    assert says in found.message


def test_a_limit_says_when_to_come_again() -> None:
    found = fault(lambda _: Response(429, b"{}", (("Retry-After", "7"),)))
    assert (found.fault, found.again_s) == ("rate_limited", 7.0)
    assert wait({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT"}, lambda: 1792567680.0) == 10.0
    assert wait({"retry-after": "soon"}) == 0.0


def test_a_slow_target_is_left_alone() -> None:
    def slow(_: Request) -> Response:
        time.sleep(0.6)
        return completion("late")

    assert fault(slow, timeout_s=0.1).fault == "timeout"


def test_nobody_there_is_told() -> None:
    async def ask() -> Reply:
        target = RemoteTarget(Wire(allowed("http://127.0.0.1:9/v1"), most=1, timeout_s=5), DIALECTS["chat"])
        return await target.ask(Ask(conversation=said("x")))

    with pytest.raises(Unanswered, match="cannot be reached"):
        asyncio.run(ask())


def test_a_name_with_several_addresses_is_tried_at_each_of_them() -> None:
    async def ask(url: str) -> Reply:
        permission = msgspec.structs.replace(allowed(url), addresses=("::1", "127.0.0.1"))
        target = RemoteTarget(Wire(permission, most=1, timeout_s=5), DIALECTS["chat"])
        try:
            return await target.ask(Ask(conversation=said("x")))
        finally:
            await target.close()

    with serving(lambda _: completion("here")) as url:
        assert asyncio.run(ask(url)).text == "here"


def test_a_parameter_that_a_server_does_not_know_is_left_out_from_then_on() -> None:
    bodies: list[Any] = []

    def picky(request: Request) -> Response:
        bodies.append(request.body)
        for name in ("seed", "max_tokens"):
            if name in request.body:
                return Response(400, json.dumps({"error": {"param": name, "message": "unknown"}}).encode())
        return completion("fine")

    async def twice(target: RemoteTarget) -> Reply:
        asked = Ask(conversation=said("x"), seed=1, max_tokens=5)
        await target.ask(asked)
        return await target.ask(asked)

    assert asking(picky, twice).text == "fine"
    assert len(bodies) == 4
    assert bodies[3]["max_completion_tokens"] == 5


def test_a_filter_in_front_of_the_model_is_no_fault() -> None:
    refused = Response(400, json.dumps({"error": {"code": "content_filter", "message": "no"}}).encode())
    assert asking(lambda _: refused, lambda target: target.ask(Ask(conversation=said("x")))).refused_by_filter


def test_our_credential_never_comes_back_in_a_reply() -> None:
    def gossip(request: Request) -> Response:
        return completion(f"You said {request.headers['authorization']}")

    reply = asking(gossip, lambda target: target.ask(Ask(conversation=said("x"))))
    assert reply.text == "You said Bearer <key>"


def test_another_encoding_is_read_as_far_as_it_goes() -> None:
    content = json.dumps({"choices": [{"message": {"content": "Grün"}}]}, ensure_ascii=False).encode("latin-1")
    response = Response(200, content, (("Content-Type", "application/json; charset=latin-1"),))
    assert asking(lambda _: response, lambda target: target.ask(Ask(conversation=said("x")))).text == "Grün"


def streamed(*pieces: bytes, pause_s: float = 0.0, whole: bool = True) -> Any:
    """Write pieces of a stream as they are, with a pause before the second."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(asked.partition(b"content-length:")[2].split()[0]))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head)
        for number, piece in enumerate(pieces):
            if number == 1:
                await asyncio.sleep(pause_s)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        if whole:
            writer.write(b"0\r\n\r\n")
        writer.close()

    return handle


def from_stream(handle: Any, *, timeout_s: float = 5) -> Reply:
    async def whole(url: str) -> Reply:
        target = RemoteTarget(Wire(allowed(url), most=1, timeout_s=timeout_s), DIALECTS["chat"], stream=True)
        try:
            return await target.ask(Ask(conversation=said("x")))
        finally:
            await target.close()

    with raw_server(handle) as url:
        return asyncio.run(whole(url))


def piece(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def test_the_time_to_the_first_token_is_told_apart_from_the_whole() -> None:
    role = b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'
    reply = from_stream(streamed(role, piece("A "), piece("rose."), pause_s=0.1))
    assert reply.text == "A rose."
    assert 0.1 <= reply.first_token_s <= reply.seconds
    assert from_stream(streamed(piece("A "), piece("rose."), pause_s=0.1)).first_token_s < 0.1


ENDLESS = (piece("x" * 100_000),) * 30


@pytest.mark.parametrize(
    ("handle", "kind", "says"),
    [
        (streamed(piece("A "), b"data: <html>\n\n"), "bad_response", "no JSON"),
        (streamed(piece("A "), b'data: {"choices": [{"del'), "bad_response", "no JSON"),
        (streamed(piece("A "), whole=False), "connection", "broke off"),
        (streamed(b": ping\n\n", b"data: [DONE]\n\n"), "bad_response", "no chat completion"),
        (streamed(b'data: {"type": "other"}\n\n'), "bad_response", "no chat completion"),
        (streamed(piece("A "), b'data: {"error": {"message": "out of memory"}}\n\n'), "bad_response", "out of memory"),
        (streamed(piece("A "), b'data: {"error": "overloaded"}\n\n'), "bad_response", "overloaded"),
        (streamed(*ENDLESS), "bad_response", "more than 2 MB"),
        (streamed(piece("A "), piece("B"), pause_s=5), "timeout", "no answer within"),
    ],
)
def test_a_stream_that_is_no_answer_says_why(handle: Any, kind: str, says: str) -> None:
    with pytest.raises(Unanswered, match=says) as found:
        from_stream(handle, timeout_s=0.5)
    assert found.value.fault == kind


def test_a_filter_that_steps_in_in_the_middle_of_a_stream_is_no_fault() -> None:
    refusal = b'data: {"error": {"code": "policy", "message": "a rule"}}\n\n'
    assert from_stream(streamed(piece("A "), refusal)).refused_by_filter


def test_a_stream_that_was_cut_off_is_no_response() -> None:
    created = {"type": "response.created", "response": {"status": "in_progress", "output": []}}
    assert DIALECTS["responses"].joined([created]) == {}


def test_events_are_read_however_their_lines_end() -> None:
    body = b'data: {"a":\r\ndata: 1}\r\n\r\n: ping\n\nevent: x\ndata:2\n\ndata: [DONE]\n\n'
    answer = Answer(status=200, headers={}, body=body, seconds=3.0, arrived=((10, 1.0), (len(body), 2.0)))
    assert events_in(answer) == [Event('{"a":\n1}', 2.0), Event("2", 2.0)]


@given(st.binary(max_size=300))
def test_whatever_comes_is_an_answer_or_says_why(body: bytes) -> None:
    answer = Answer(status=200, headers={"content-type": "text/x; charset=utf-7"}, body=body, seconds=0.0)
    with contextlib.suppress(Unanswered):
        json_in(answer)
    for event in events_in(answer):
        with contextlib.suppress(Unanswered):
            DIALECTS["chat"].reply(object_in(event))
