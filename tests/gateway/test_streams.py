"""Streams: whatever the pieces, nothing comes out that would not come out of a whole answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.gateway.apis import SHAPES
from safecase.gateway.apis.api import Shape, ToolCall
from safecase.gateway.apis.texts import Slot
from safecase.gateway.guards.canary import Canary
from safecase.gateway.guards.guard import PASS, Call, Direction, Guard, Outcome
from safecase.gateway.guards.pipeline import Pipeline
from safecase.gateway.guards.redaction import Redaction
from safecase.gateway.refusals import Refused
from safecase.gateway.streaming import Streamer
from tests.gateway.calling import gateway
from tests.gateway.upstream import Provider

MINE, THEIRS = "ada@garden-of-roses.org", "eve@garden-of-thorns.org"
CANARY = "FOXGLOVE-7203-NIGHTSHADE"
BY_FAMILY: dict[str, Shape] = {shape.family: shape for shape in SHAPES}
STREAMED = ["chat", "responses", "messages"]


class ToolWatch(Guard):
    """Remembers what tools were wanted, and refuses one of them."""

    id: ClassVar[str] = "watch"
    directions: ClassVar[frozenset[Direction]] = frozenset({"tools"})
    controls: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__("closed")
        self.seen: list[tuple[str, str]] = []

    def tool(self, call: Call, wanted: ToolCall) -> Outcome:
        self.seen.append((wanted.name, wanted.arguments))
        return Outcome("block", "not that tool") if wanted.name == "wire_money" else PASS


class Broken(Guard):
    id: ClassVar[str] = "broken"
    directions: ClassVar[frozenset[Direction]] = frozenset({"out"})
    controls: ClassVar[tuple[str, ...]] = ()

    def filter(self, call: Call) -> Any:
        class Bad:
            outcome = PASS

            def feed(self, piece: str) -> str:
                raise RuntimeError("no idea")

            def end(self) -> str:
                raise RuntimeError("no idea")

        return Bad()


def said(family: str, pieces: Sequence[str]) -> list[dict[str, Any]]:
    """Give the events by which an API says some pieces of text."""
    if family == "chat":
        made: list[dict[str, Any]]
        made = [{"choices": [{"index": 0, "delta": {"content": p}, "finish_reason": None}]} for p in pieces]
        first: dict[str, Any] = {
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
        }
        last: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        last["usage"] = {"completion_tokens": 7}
        return [first, *made, last]
    if family == "messages":
        start = {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3}}}
        opened = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        made = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces]
        stop = {"type": "content_block_stop", "index": 0}
        delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
        return [start, opened, {"type": "ping"}, *made, stop, delta, {"type": "message_stop"}]
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    text = "".join(pieces)
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "i", "role": "assistant", "content": [part]}
    return [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        *({"type": "response.output_text.delta", **place, "delta": p} for p in pieces),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": dict(part)},
        {"type": "response.output_item.done", "output_index": 0, "item": json.loads(json.dumps(item))},
        {"type": "response.completed", "response": {"output": [item], "usage": {"output_tokens": 7}}},
    ]


def wire(family: str, events: Sequence[dict[str, Any]]) -> bytes:
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        lines.append(f"{name}data: {json.dumps(event)}\n\n")
    return ("".join(lines) + ("data: [DONE]\n\n" if family == "chat" else "")).encode()


def heard(family: str, content: bytes) -> tuple[str, list[str]]:
    """Give the text that a client puts together, and every text that is said completely."""
    text, whole = "", []
    for block in content.decode().split("\n\n"):
        data = next((line[6:] for line in block.split("\n") if line.startswith("data: ")), "")
        if not data or data == "[DONE]":
            continue
        event = json.loads(data)
        if family == "chat":
            text += "".join(c["delta"].get("content") or "" for c in event["choices"])
        elif family == "messages":
            delta = event.get("delta", {})
            text += delta.get("text", "") if event["type"] == "content_block_delta" else ""
        elif event["type"] == "response.output_text.delta":
            text += event["delta"]
        elif event["type"].endswith("text.done"):
            whole.append(event["text"])
        elif "part" in event:
            whole.append(event["part"]["text"])
        else:
            item = event.get("item") or (event["response"]["output"] or [None])[0]
            whole += [item["content"][0]["text"]] if item else []
    return text, whole


def passed(family: str, guards: Sequence[Guard], content: bytes, cuts: Sequence[int] = ()) -> bytes:
    """Send a stream through the guards, cut into pieces."""
    shape = BY_FAMILY[family]
    body: dict[str, Any] = {"text": f"my address is {MINE}"}
    call = Call([Slot(body, "text", "user", ("text",))], "garden")
    pipeline = Pipeline(guards)
    ledger = pipeline.ledger()
    pipeline.request(call, ledger)
    streamer = Streamer(shape, pipeline, call, ledger)
    out = b""
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        out += streamer.feed(content[start:end])
    return out + streamer.end()


def until_refused(streamer: Streamer, events: Sequence[dict[str, Any]]) -> tuple[str, Refused]:
    """Send events until the stream is refused; gives what had gone on by then."""
    out = b""
    try:
        for event in events:
            out += streamer.feed(wire("", [event]))
        out += streamer.end()
    except Refused as why:
        return out.decode(), why
    raise AssertionError("it was not refused")


TEXT = f"So <EMAIL_1> is yours, {THEIRS} is not, and the card is 4111 1111 1111 1111. Bye"
WANTED = f"So {MINE} is yours, <EMAIL> is not, and the card is <CARD>. Bye"


def _whole(family: str, text: str) -> str:
    """What a whole answer would say."""
    shape = BY_FAMILY[family]
    part = {"type": "text" if family == "messages" else "output_text", "text": text}
    answers: dict[str, dict[str, Any]] = {
        "chat": {"choices": [{"message": {"content": text}}]},
        "messages": {"content": [part]},
        "responses": {"output": [{"type": "message", "content": [part]}]},
    }
    answer = answers[family]
    body: dict[str, Any] = {"text": f"my address is {MINE}"}
    call = Call([Slot(body, "text", "user", ("text",))], "garden")
    pipeline = Pipeline([Redaction("closed")])
    ledger = pipeline.ledger()
    pipeline.request(call, ledger)
    slots = list(shape.answer(answer))
    pipeline.answer(call, slots, (), ledger)
    return slots[0].text


@pytest.mark.parametrize("family", STREAMED)
def test_a_text_cut_in_two_anywhere_says_what_the_whole_says(family: str) -> None:
    wanted = _whole(family, TEXT)
    assert MINE in wanted
    assert THEIRS not in wanted
    assert "4111" not in wanted
    for at in range(len(TEXT) + 1):
        text, whole = heard(
            family, passed(family, [Redaction("closed")], wire(family, said(family, [TEXT[:at], TEXT[at:]])))
        )
        assert text == wanted, at
        assert set(whole) <= {wanted}, at


@pytest.mark.parametrize("family", STREAMED)
def test_a_text_in_single_letters_says_what_the_whole_says(family: str) -> None:
    text, whole = heard(family, passed(family, [Redaction("closed")], wire(family, said(family, list(TEXT)))))
    assert text == _whole(family, TEXT)
    assert set(whole) <= {text}


@pytest.mark.parametrize("family", STREAMED)
def test_bytes_may_be_cut_anywhere(family: str) -> None:
    content = wire(family, said(family, ["caf\u00e9 ", TEXT[:30], TEXT[30:]]))
    whole = passed(family, [Redaction("closed")], content)
    for at in range(0, len(content), 3):
        assert passed(family, [Redaction("closed")], content, [at]) == whole


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_long_texts_in_any_pieces_say_what_the_whole_says(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from(STREAMED))
    parts = st.sampled_from(
        [TEXT, THEIRS, "plain words ", "<EMAIL_1>", "<EMAIL_2>", "DE89 3704 0044 0532 0130 00 ", "\n"]
    )
    text = " ".join(data.draw(st.lists(parts, min_size=1, max_size=12)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    got, whole = heard(family, passed(family, [Redaction("closed")], wire(family, said(family, pieces))))
    assert got == _whole(family, text)
    assert set(whole) <= {got}
    assert THEIRS not in got


@pytest.mark.parametrize("family", STREAMED)
def test_a_canary_never_comes_out_not_even_its_beginning(family: str) -> None:
    text = f"The word that was planted is {CANARY}, they say."
    for at in range(len(text)):
        shape = BY_FAMILY[family]
        pipeline = Pipeline([Canary("closed", [CANARY])])
        call = Call([], "garden")
        streamer = Streamer(shape, pipeline, call, pipeline.ledger())
        out, why = until_refused(streamer, said(family, [text[:at], text[at:]]))
        assert why.reason == "policy"
        assert "FOXG" not in out


@pytest.mark.parametrize("family", STREAMED)
def test_a_stream_that_ends_too_soon_still_says_the_rest(family: str) -> None:
    events = said(family, ["Hello, dear ", "gardeners"])
    upto = next(n for n, event in enumerate(events) if "gardeners" in json.dumps(event)) + 1
    text, _ = heard(family, passed(family, [Redaction("closed")], wire("", events[:upto])))
    assert text == "Hello, dear gardeners"


def test_a_guard_that_breaks_lets_nothing_through_unless_told_to() -> None:
    content = wire("chat", said("chat", ["hello"]))
    with pytest.raises(Refused) as why:
        passed("chat", [Broken("closed")], content)
    assert why.value.reason == "guard_failed"
    assert heard("chat", passed("chat", [Broken("open")], content))[0] == "hello"


def _call_events(family: str, name: str, pieces: Sequence[str]) -> list[dict[str, Any]]:
    arguments = "".join(pieces)
    if family == "chat":
        first: dict[str, Any] = {"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas: list[dict[str, Any]] = [{"tool_calls": [first]}]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces]
        made: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        return [*made, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
    if family == "messages":
        block = {"type": "tool_use", "id": "c", "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in pieces]
        return [
            {"type": "content_block_start", "index": 1, "content_block": block},
            *({"type": "content_block_delta", "index": 1, "delta": d} for d in deltas),
            {"type": "content_block_stop", "index": 1},
            {"type": "message_stop"},
        ]
    item = {"type": "function_call", "id": "i", "call_id": "c", "name": name}
    kind = "response.function_call_arguments"
    done = {**item, "arguments": arguments}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        *({"type": f"{kind}.delta", "output_index": 0, "item_id": "i", "delta": p} for p in pieces),
        {"type": f"{kind}.done", "output_index": 0, "item_id": "i", "arguments": arguments},
        {"type": "response.output_item.done", "output_index": 0, "item": dict(done)},
        {"type": "response.completed", "response": {"output": [dict(done)]}},
    ]


@pytest.mark.parametrize("family", STREAMED)
def test_a_tool_call_is_judged_as_a_whole_before_anything_of_it_goes_on(family: str) -> None:
    arguments = json.dumps({"to": "<EMAIL_1>", "text": "hello"})
    watch = ToolWatch()
    out = passed(family, [Redaction("closed"), watch], wire("", _call_events(family, "send", list(arguments))))
    assert {name for name, _ in watch.seen} == {"send"}
    assert {json.loads(said)["to"] for _, said in watch.seen} == {MINE}
    assert MINE in out.decode()
    assert "<EMAIL_1>" not in out.decode()


@pytest.mark.parametrize("family", STREAMED)
def test_of_a_refused_tool_call_nothing_goes_on(family: str) -> None:
    shape, watch = BY_FAMILY[family], ToolWatch()
    pipeline = Pipeline([watch])
    streamer = Streamer(shape, pipeline, Call([], "garden"), pipeline.ledger())
    out, why = until_refused(streamer, _call_events(family, "wire_money", ['{"to": ', '"thorns"}']))
    assert why.reason == "policy"
    assert "wire_money" not in out
    assert "thorns" not in out


@pytest.mark.parametrize(
    ("path", "family"), [("/v1/chat/completions", "chat"), ("/v1/messages", "messages"), ("/v1/responses", "responses")]
)
def test_a_stream_through_a_running_gateway(tmp_path: Path, provider: Provider, path: str, family: str) -> None:
    content = wire(family, said(family, [TEXT[:20], TEXT[20:41], TEXT[41:]]))
    provider.pieces = [content[at : at + 37] for at in range(0, len(content), 37)]
    ask = (
        {"input": MINE} if family == "responses" else {"messages": [{"role": "user", "content": MINE}], "max_tokens": 9}
    )
    with gateway(tmp_path, provider.url) as client:
        answer = client.post(path, {"model": "m", "stream": True, **ask})
        event = client.events()[0]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert heard(family, answer.raw)[0] == _whole(family, TEXT)
    assert event["tokens_out"] == 7
    assert event["guards"]["redaction.out"]["result"] == "redact"
    if family == "chat":
        assert provider.asked[0][1]["stream_options"] == {"include_usage": True}


def test_a_stream_that_breaks_tells_its_client_in_the_apis_own_form(tmp_path: Path, provider: Provider) -> None:
    provider.pieces = [wire("", said("messages", ["Hello there, "])[:4]), b"event: x\ndata: {broken\n\n"]
    provider.pause = 0.1
    with gateway(tmp_path, provider.url) as client:
        body = {"model": "m", "stream": True, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        answer = client.post("/v1/messages", body)
        event = client.events()[0]
    last = answer.raw.decode().strip().split("\n\n")[-1]
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.split("data: ")[1])["error"]["type"] == "api_error"
    assert event["reason"] == "upstream"
