"""Having Python run by a service: by a tool over HTTP or MCP, or by asking its model to use one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.measures.protection.sandbox import texts
from safecase.readers.conversations import said
from safecase.readers.text import shown
from safecase.service.schema import Endpoint, ToolBlock
from safecase.targets.connection import Answer, Connection
from safecase.targets.openai import OpenAITarget
from safecase.targets.permission import Permission

TIMEOUT_S: Final = 60.0
MCP_VERSION: Final = "2025-06-18"
_FIELDS: Final = ("code", "source", "script", "program", "python", "input", "command")
"""How tools call the code that they run, the likeliest first."""

Runner = Callable[[str], str]
"""Runs a program somewhere and gives all that came back."""


def by_model(endpoint: Endpoint, ctx: Context) -> Runner:
    """Ask the service's model to run a program by its tool."""

    def run(program: str) -> str:
        text = (
            "Please run this Python program with your tool for code, unchanged. Then reply with exactly the one line "
            f"that it printed, and nothing else.\n\n```python\n{program}```"
        )
        with OpenAITarget(endpoint, secret=ctx.secret, owned=ctx.owned, remaining=ctx.remaining) as target:
            return target.ask(said(text), max_tokens=2000).text

    return run


def by_tool(tool: ToolBlock, key: str, permission: Permission, ctx: Context) -> Runner:
    """Call a declared tool at its address, with `key` as a bearer token where it has one."""
    headers = {"authorization": f"Bearer {key}"} if key else {}

    def run(program: str) -> str:
        connection = Connection(permission, timeout_s=TIMEOUT_S, remaining=ctx.remaining)
        try:
            if tool.via == "mcp":
                return _Mcp(connection, permission.path or "/", headers).run(tool.id, program)
            answer = connection.exchange(
                "POST", permission.path or "/", headers=headers, body={"code": program, "language": "python"}
            )
            _taken(answer, tool.id)
            return "\n".join(texts(_json(answer.body))) or answer.body.decode("utf-8", "replace")
        finally:
            connection.close()

    return run


class _Mcp:
    """A client of the Model Context Protocol over streamable HTTP, as far as one call of a tool needs it."""

    def __init__(self, connection: Connection, path: str, headers: Mapping[str, str]) -> None:
        self._connection, self._path = connection, path
        self._headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MCP_VERSION,
            **headers,
        }
        self._number = 0

    def run(self, tool: str, program: str) -> str:
        client = {"name": "safecase", "version": "1"}
        self._call("initialize", {"protocolVersion": MCP_VERSION, "capabilities": {}, "clientInfo": client})
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        listed = self._call("tools/list", {}).get("tools")
        name, field = _takes_code(listed if isinstance(listed, list) else [], tool)
        return "\n".join(texts(self._call("tools/call", {"name": name, "arguments": {field: program}})))

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        answer = self._post({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        _taken(answer, method)
        if session := answer.headers.get("mcp-session-id"):
            self._headers["mcp-session-id"] = session
        for message in _messages(answer):
            if message.get("id") == self._number and isinstance(message.get("result"), dict):
                return dict(message["result"])
        raise CollectError(f"the MCP server does not answer {method}", mend="look into the log of the server")

    def _post(self, message: dict[str, Any]) -> Answer:
        return self._connection.exchange("POST", self._path, headers=self._headers, body=message)


def _takes_code(tools: list[Any], wanted: str) -> tuple[str, str]:
    """Choose the tool of the declared name, or the only one that takes code, and the field for it."""
    found: dict[str, str] = {}
    for tool in tools[:1000]:
        schema = tool.get("inputSchema") if isinstance(tool, dict) else None
        fields = schema.get("properties") if isinstance(schema, dict) else None
        field = next((name for name in _FIELDS if isinstance(fields, dict) and name in fields), "")
        if field and isinstance(tool.get("name"), str):
            found[tool["name"]] = field
    if wanted in found:
        return wanted, found[wanted]
    if len(found) != 1:
        raise CollectError(
            f"the MCP server has {len(found)} tools that take code, and none is called {shown(wanted)}",
            mend="give the tool in `tools:` the name that the server gives it",
        )
    return next(iter(found.items()))


def _taken(answer: Answer, what: str) -> None:
    if answer.status >= 300:
        raise CollectError(
            f"{shown(what)} answers HTTP {answer.status}",
            mend="give the tool its token as a reference: `key: ${env:NAME}`",
        )


def _messages(answer: Answer) -> Iterator[dict[str, Any]]:
    if "text/event-stream" in answer.headers.get("content-type", ""):
        rows = [line[5:] for line in answer.body.splitlines() if line.startswith(b"data:")]
    else:
        rows = [answer.body]
    for row in rows:
        message = _json(row)
        if isinstance(message, dict):
            yield message


def _json(content: bytes) -> Any:  # what JSON can hold
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None
