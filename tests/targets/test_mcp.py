"""MCP servers as targets, over their standard input and over HTTP."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from safecase.readers.conversations import said
from safecase.targets.mcp import Mcp, slots
from safecase.targets.target import Ask, Reply, Unanswered
from tests.targets.asking import fault, replies, reply
from tests.targets.servers import Request, Response, serving

TOOLS = [
    {
        "name": "look_up",
        "annotations": {"readOnlyHint": True},
        "inputSchema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "most": {"type": "integer"}, "kind": {"enum": ["tree", "herb"]}},
            "required": ["name", "most", "kind"],
        },
    },
    {"name": "delete", "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}}},
]
SERVER = f"""
import json, os, sys, time
tools = json.loads({json.dumps(json.dumps(TOOLS))})
greeted = False
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "notifications/initialized":
        greeted = True
    if "id" not in message or method is None:
        continue
    def say(**told):
        print(json.dumps({{"jsonrpc": "2.0", "id": message["id"], **told}}), flush=True)
    if method == "initialize":
        about = {{"name": "g", "version": "1"}}
        say(result={{"protocolVersion": "2025-06-18", "capabilities": {{}}, "serverInfo": about}})
    elif method == "tools/list":
        page = int(message["params"].get("cursor", 0))
        say(result={{"tools": [tools[page]], **({{"nextCursor": "1"}} if page == 0 else {{}})}})
    else:
        arguments = message["params"]["arguments"]
        name = arguments["name"]
        assert greeted
        if name == "crash":
            os._exit(3)
        if name == "hang":
            time.sleep(60)
        if name == "garbage":
            print("Loading plants ...", flush=True)
        if name == "error":
            say(error={{"code": -32602, "message": "no such plant"}})
            continue
        print(json.dumps({{"jsonrpc": "2.0", "method": "notifications/message", "params": {{}}}}), flush=True)
        print(json.dumps({{"jsonrpc": "2.0", "id": "q1", "method": "roots/list"}}), flush=True)
        told = message["params"]["name"] + json.dumps(arguments, sort_keys=True)
        say(result={{"content": [{{"type": "text", "text": told}}], "isError": name == "wrong"}})
"""


def started(folder: Path, **more: Any) -> dict[str, Any]:
    (folder / "server.py").write_text(SERVER)
    return {"mcp": {"command": [sys.executable, "server.py"], **more}, "timeout_s": 5}


def test_a_question_is_an_argument_and_the_result_is_the_answer(tmp_path: Path) -> None:
    came = reply(started(tmp_path), "rose", tmp_path)
    assert came.text == 'look_up{"kind": "tree", "most": 1, "name": "rose"}'


def test_a_tool_that_may_change_things_is_asked_only_where_it_is_named(tmp_path: Path) -> None:
    file = started(tmp_path, tool="delete", argument="name", arguments={"sure": True}) | {
        "identities": [{"id": "bob", "body": {"token": "t"}}]
    }
    assert reply(file, "rose", tmp_path).text == 'delete{"name": "rose", "sure": true, "token": "t"}'
    assert "name one as mcp.tool" in fault(started(tmp_path, tool="water"), "x", tmp_path).mend
    with pytest.raises(Unanswered, match="only reads"):
        slots(Mcp(), TOOLS[1:])


def test_an_error_of_a_tool_is_an_answer(tmp_path: Path) -> None:
    assert reply(started(tmp_path), "wrong", tmp_path).finish_reason == "error"


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("crash", "connection", "ended with 3"),
        ("hang", "timeout", "no answer within"),
        ("garbage", "bad_response", "no JSON"),
        ("error", "bad_response", "no such plant"),
    ],
)
def test_what_goes_wrong_is_one_answer_less(what: str, kind: str, message: str, tmp_path: Path) -> None:
    file = started(tmp_path) | {"timeout_s": 1}
    before, bad, good = replies(file, ["lily", what, "rose"], tmp_path)
    assert isinstance(before, Reply)
    assert isinstance(bad, Unanswered)
    assert bad.fault == kind
    assert message in bad.message
    assert isinstance(good, Reply)


def posted(request: Request, met: list[Request]) -> Response:
    met.append(request)
    method = request.body["method"]
    if "id" not in request.body:
        return Response(202)
    match method:
        case "initialize":
            result: dict[str, Any] = {"protocolVersion": "2025-06-18", "capabilities": {}}
        case "tools/list":
            result = {"tools": TOOLS}
        case _:
            result = {"content": [{"type": "text", "text": request.headers.get("authorization", "nobody")}]}
    told = json.dumps({"jsonrpc": "2.0", "id": request.body["id"], "result": result})
    if method != "tools/call":
        return Response(200, told.encode(), (("Content-Type", "application/json"), ("Mcp-Session-Id", "s1")))
    events = 'data: {"jsonrpc": "2.0", "method": "notifications/progress"}\n\n' + f"event: message\ndata: {told}\n\n"
    return Response(200, events.encode(), (("Content-Type", "text/event-stream"),))


def test_a_server_over_http_is_asked_as_each_of_its_users(tmp_path: Path) -> None:
    met: list[Request] = []
    with serving(lambda request: posted(request, met)) as url:
        file = {"mcp": {"url": url}, "identities": {"ada": "key-of-ada", "bob": "key-of-bob"}}
        asks = [Ask(conversation=said("x"), identity=who) for who in ("", "bob")]
        came = replies(file, asks, tmp_path)
    assert [one.text for one in came if isinstance(one, Reply)] == ["Bearer key-of-ada", "Bearer key-of-bob"]
    calls = [one for one in met if one.body["method"] == "tools/call"]
    assert calls[0].headers["mcp-session-id"] == "s1"
    assert calls[0].headers["mcp-protocol-version"] == "2025-06-18"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(200, b"<html>"), "no JSON"),
        (Response(200, b'{"jsonrpc": "2.0", "id": 99, "result": {}}'), "no answer of an MCP server"),
        (Response(401, b""), "HTTP 401"),
        (Response(200, b""), "no answer of an MCP server"),
    ],
)
def test_what_is_no_server_says_why(response: Response, message: str, tmp_path: Path) -> None:
    with serving(lambda _: response) as url:
        assert message in fault({"mcp": {"url": url}}, "x", tmp_path).message
