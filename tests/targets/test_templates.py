"""Services with an API of their own: what a template sends, and what is read of what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.errors import UsageError
from safecase.readers.conversations import Message, Next, said
from safecase.targets.locators import locator
from safecase.targets.target import Ask, Reply, following
from safecase.targets.templates import ReplyAt, Request, Template
from tests.targets.asking import fault, replies, reply
from tests.targets.servers import Request as Met
from tests.targets.servers import Response, raw_server, serving

TALK = (
    Message(role="system", text="Be kind."),
    Message(role="user", text="Hi"),
    Message(role="assistant", text="Hello"),
    Message(role="user", text='Say "x"'),
)


def told(value: Any, *headers: tuple[str, str]) -> Response:
    return Response(200, json.dumps(value).encode(), headers)


def test_a_template_is_filled_and_the_reply_found(tmp_path: Path) -> None:
    met: list[Met] = []

    def answers(request: Met) -> Response:
        met.append(request)
        usage = {"in": 7, "out": 3}
        call = {"function": {"name": "mail", "arguments": {"to": "bob"}}}
        return told({"data": [{"answer": {"text": "Green."}}], "usage": usage, "why": "end", "calls": [call]})

    with serving(answers) as url:
        file = {
            "base_url": url,
            "model": "m",
            "identities": [{"id": "ada", "key": "key-of-ada", "body": {"tenant": "t1"}}],
            "request": {
                "method": "PUT",
                "path": "ask/{{identity}}?q={{prompt}}",
                "headers": {"X-Session": "{{session}}"},
                "body": {
                    "turns": "{{messages}}",
                    "said": "Now: {{prompt}}",
                    "most": "{{max_tokens}}",
                    "seed": "{{seed}}",
                    "model": "{{model}}",
                },
            },
            "reply": {
                "text": "$.data[0].answer['text']",
                "tokens_in": "usage.in",
                "tokens_out": "usage.out",
                "finish_reason": "why",
                "calls": "calls",
            },
        }
        came = reply(file, Ask(conversation=said('A "b" & ü?'), max_tokens=9, session="s 1"), tmp_path)
    assert (came.text, came.tokens_in, came.tokens_out, came.finish_reason) == ("Green.", 7, 3, "end")
    assert (came.calls[0].tool, json.loads(came.calls[0].arguments)) == ("mail", {"to": "bob"})
    (request,) = met
    assert request.method == "PUT"
    parts = urlsplit(request.path)
    assert parts.path == "/v1/ask/ada"
    assert parse_qs(parts.query) == {"q": ['A "b" & ü?']}
    assert request.headers["x-session"] == "s 1"
    assert request.headers["authorization"] == "Bearer key-of-ada"
    assert request.body == {
        "turns": [{"role": "user", "content": 'A "b" & ü?'}],
        "said": 'Now: A "b" & ü?',
        "most": 9,
        "model": "m",
        "tenant": "t1",
    }


def test_a_form_is_sent_and_a_page_searched(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(
            next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1]
        )
        bodies.append(await reader.readexactly(length))
        body = b"<html><b id=a>Roses</b></html>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    with raw_server(handle) as url:
        file = {
            "base_url": url,
            "request": {"path": "/", "form": {"q": "{{prompt}}", "lang": "en"}},
            "reply": {"text": "regex:<b id=a>(.*?)</b>"},
        }
        assert reply(file, "a & b=ü", tmp_path).text == "Roses"
        del file["reply"]
        assert "web page" in fault(file, "x", tmp_path).message
    assert parse_qs(bodies[0].decode()) == {"q": ["a & b=ü"], "lang": ["en"]}


def test_a_session_is_what_the_service_says_it_is_and_only_what_is_new_is_said(tmp_path: Path) -> None:
    met: list[Any] = []

    def answers(request: Met) -> Response:
        met.append(request.body)
        return told({"text": f"answer {len(met)}", "session": "token-1"})

    first = Ask(conversation=said("one"), session="ours")
    second = following(first, Reply(text="answer 1"), Next(text="two"))
    other = Ask(conversation=said("three"), session="another")
    with serving(answers) as url:
        file = {
            "base_url": url,
            "request": {"body": {"q": "{{prompt}}", "session": "{{session}}"}},
            "reply": {"text": "text", "session": "session"},
        }
        replies(file, [first, second, other], tmp_path)
    assert met == [
        {"q": "one", "session": ""},
        {"q": "two", "session": "token-1"},
        {"q": "three", "session": ""},
    ]


def test_without_a_session_the_whole_conversation_is_said() -> None:
    template = Template(Request(body={"q": "{{prompt}}"}), ReplyAt(text="a"))
    body = json.loads(template.fill(Ask(conversation=TALK), {}, {}).body or b"")
    assert body["q"] == 'System: Be kind.\nUser: Hi\nAssistant: Hello\nUser: Say "x"\nAssistant:'
    with_system = Template(Request(body={"q": "{{prompt}}", "s": "{{system}}"}), ReplyAt(text="a"))
    body = json.loads(with_system.fill(Ask(conversation=TALK[:2]), {}, {}).body or b"")
    assert body == {"q": "Hi", "s": "Be kind."}


@pytest.mark.parametrize(
    ("request_said", "reply_said", "message"),
    [
        ({"body": "{{promt}}"}, {}, "promt"),
        ({"body": {"q": "hello"}}, {}, "what is said"),
        ({"body": "{{prompt}}"}, {"text": "a["}, "no path"),
        ({"body": "{{prompt}}"}, {"text": "regex:("}, "no regular expression"),
    ],
)
def test_a_wrong_template_is_told_before_anything_is_sent(request_said: Any, reply_said: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Template(Request(**request_said), ReplyAt(**reply_said))


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (told({"other": "schema"}), "no text stands at answer"),
        (told({"answer": {"text": "deeper"}}), "no text stands at answer"),
        (Response(200, b'{"answer": "cut'), "no text stands at answer"),
        (Response(200, b"\xff\xfe\x00garbage"), "no text stands at answer"),
        (Response(200, b"<html>", (("Content-Type", "text/html"),)), "web page"),
        (Response(200, b"[" * 100_000), "no text stands at answer"),
        (Response(200, b'"' + b"y" * 3_000_000), "more than 2 MB"),
        (Response(500, b"<html>"), "HTTP 500"),
        (Response(307, b"", (("Location", "http://203.0.113.1/"),)), "follow nowhere"),
    ],
)
def test_what_is_no_answer_says_why(response: Response, says: str, tmp_path: Path) -> None:
    with serving(lambda _: response) as url:
        file = {"base_url": url, "request": {"body": {"q": "{{prompt}}"}}, "reply": {"text": "answer"}}
        assert says in fault(file, "x", tmp_path).message


def test_an_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    content = b'data: {"d": "Gr"}\n\ndata: {"d": "een"}\n\ndata: {"end": true}\n\n'
    with serving(lambda _: Response(200, content, (("Content-Type", "text/event-stream"),))) as url:
        file = {"base_url": url, "request": {"body": {"q": "{{prompt}}"}}, "reply": {"text": "d"}}
        came = reply(file, "x", tmp_path)
    assert came.text == "Green"
    assert came.first_token_s > 0


def test_a_plain_text_and_a_filter_are_understood(tmp_path: Path) -> None:
    with serving(
        lambda _: Response(200, "Grün".encode("latin-1"), (("Content-Type", "text/plain; charset=latin-1"),))
    ) as url:
        assert reply({"base_url": url, "request": {"body": "{{prompt}}"}}, "x", tmp_path).text == "Grün"
    with serving(lambda _: told({"blocked": True})) as url:
        file = {
            "base_url": url,
            "request": {"body": '{"q": "{{prompt}}"}'},
            "reply": {"text": "text", "refused": "blocked"},
        }
        assert reply(file, 'with "quotes"', tmp_path).refused_by_filter


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("a.b", [1]),
        ("$.list[*].t", ["x", "y"]),
        ("list[-1].t", ["y"]),
        ("$['a']['b']", [1]),
        ("list[9].t", []),
        ("a.b.c", []),
        ("header:X-Id", ["7"]),
        (r"regex:t(\d)", ["5"]),
        ("", [{"a": {"b": 1}, "list": [{"t": "x"}, {"t": "y"}]}]),
    ],
)
def test_a_place_is_found(written: str, found: list[Any]) -> None:
    value = {"a": {"b": 1}, "list": [{"t": "x"}, {"t": "y"}]}
    assert locator(written).find("t5", value, {"x-id": "7; Path=/"}) == found


@given(st.text())
def test_whatever_is_said_arrives_as_it_was(text: str) -> None:
    template = Template(Request(path="/{{prompt}}", headers={"x": "{{prompt}}"}, body={"q": "a{{prompt}}"}), ReplyAt())
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    made = template.fill(Ask(conversation=said(text)), {}, {})
    assert json.loads(made.body or b"")["q"] == f"a{text}"
    assert all(" " <= sign <= "~" for sign in made.headers["x"] + made.path)


@given(st.text())
def test_a_place_is_read_or_refused(written: str) -> None:
    with contextlib.suppress(UsageError):
        locator(written).find("x", {"a": [1]}, {})
