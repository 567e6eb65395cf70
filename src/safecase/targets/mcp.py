"""An MCP server as a target: what is said is put into an argument of a tool, and the tool's result is the answer."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from safecase.readers.text import shown
from safecase.targets.answers import Credentials, Event, events_in, is_stream, refused, text_in
from safecase.targets.dialects.completions import script
from safecase.targets.dialects.dialect import dict_of, dicts_of, parts_of, text_of
from safecase.targets.processes import Program
from safecase.targets.target import Ask, Reply, Unanswered
from safecase.targets.wire import Wire
from safecase.vocabulary import Noun

REVISION: Final = "2025-06-18"
GREETING: Final = {
    "protocolVersion": REVISION,
    "capabilities": {},
    "clientInfo": {"name": "safecase", "version": "1"},
}
MOST_PAGES: Final = 50
MOST_LINES: Final = 1000
"""Of its own accord, before the answer to a question."""


class Mcp(Noun, frozen=True):
    """Which MCP server, and what of it is asked."""

    command: Annotated[tuple[str, ...], Meta(description="Starts it, where it speaks over its standard input.")] = ()
    url: Annotated[str, Meta(description="Where it answers, where it speaks over HTTP.")] = ""
    tool: Annotated[str, Meta(description="Left out: every tool that says that it only reads.")] = ""
    argument: Annotated[str, Meta(description="Left out: each argument that is a text.")] = ""
    arguments: Annotated[Mapping[str, Any], Meta(description="What stands in the others.")] = {}


class Channel(Protocol):
    """A way to one server."""

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and give the answer as it came; raises `Unanswered`."""
        ...

    async def tell(self, method: str) -> None:
        """Say something that has no answer."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class Slot(NamedTuple):
    """An argument of a tool."""

    tool: str
    argument: str
    others: dict[str, Any]
    """Values of the other arguments that it wants."""


class McpTarget:
    """Puts each question into a slot; the same question always into the same one."""

    def __init__(
        self, wanted: Mcp, channels: Mapping[str, Channel], *, fields: Mapping[str, Mapping[str, Any]], timeout_s: float
    ) -> None:
        """`channels` are by identity, `fields` what an identity adds to the arguments."""
        self._wanted, self._channels, self._fields = wanted, channels, fields
        self._first = next(iter(channels))
        self._timeout_s = timeout_s
        self._slots: dict[str, tuple[Slot, ...]] = {}
        self._opening = asyncio.Lock()

    async def ask(self, asked: Ask) -> Reply:
        """Answer once."""
        who = asked.identity or self._first
        channel = self._channels.get(who)
        if channel is None:
            raise Unanswered("bad_response", f"the target has no user {shown(who)}")
        said = script(asked.conversation)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                slots = await self._known(who, channel)
                digest = hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=8).digest()
                slot = slots[int.from_bytes(digest) % len(slots)]
                arguments = slot.others | dict(self._fields.get(who, {})) | {slot.argument: said}
                answer = await channel.call("tools/call", {"name": slot.tool, "arguments": arguments})
        except TimeoutError as why:
            raise Unanswered("timeout", f"no answer within {self._timeout_s:g} s") from why
        content = answer.get("content")
        if not isinstance(content, list):
            raise Unanswered("bad_response", "the answer is no result of a tool")
        structured = answer.get("structuredContent")
        text = parts_of(content, "text") or (msgspec.json.encode(structured).decode() if structured else "")
        reason = "error" if answer.get("isError") is True else ""
        return Reply(text=text, finish_reason=reason, model=slot.tool, seconds=time.monotonic() - started)

    async def close(self) -> None:
        """End the servers that were started."""
        for channel in self._channels.values():
            await channel.close()

    async def _known(self, who: str, channel: Channel) -> tuple[Slot, ...]:
        async with self._opening:
            if who not in self._slots:
                await channel.call("initialize", GREETING)
                await channel.tell("notifications/initialized")
                self._slots[who] = slots(self._wanted, await _tools(channel))
            return self._slots[who]


def slots(wanted: Mcp, tools: Sequence[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """Give where questions can be put; raises `Unanswered` where nowhere. A tool that may change things is named."""
    found: list[Slot] = []
    for tool in tools:
        name = text_of(tool.get("name"))
        if name != wanted.tool and (wanted.tool or dict_of(tool.get("annotations")).get("readOnlyHint") is not True):
            continue
        schema = dict_of(tool.get("inputSchema"))
        known = {key: dict_of(value) for key, value in dict_of(schema.get("properties")).items()}
        required = schema.get("required")
        others = {key: _plain(known.get(key, {})) for key in required} if isinstance(required, list) else {}
        texts = [key for key, value in known.items() if value.get("type") == "string" and not value.get("enum")]
        for argument in (wanted.argument,) if wanted.argument else texts:
            found.append(Slot(name, argument, others | dict(wanted.arguments)))
    if not found:
        names = ", ".join(shown(text_of(tool.get("name")), 40) for tool in tools[:20]) or "none"
        raise Unanswered(
            "bad_response",
            "the server has no tool with a text for an argument"
            + ("" if wanted.tool else " that says it only reads (`readOnlyHint`)"),
            mend=f"name one as mcp.tool, with mcp.argument; it has {names}",
        )
    return tuple(found)


def _plain(schema: Mapping[str, Any]) -> Any:  # what JSON can hold
    """Give a value that a schema allows."""
    if "default" in schema or schema.get("enum"):
        return schema.get("default", (schema.get("enum") or [None])[0])
    kinds = {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}
    return kinds.get(text_of(schema.get("type")), "a")


async def _tools(channel: Channel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        page = await channel.call("tools/list", cursor)
        found += dicts_of(page.get("tools"))
        if not (after := text_of(page.get("nextCursor"))):
            break
        cursor = {"cursor": after}
    return found


class Piped:
    """A server that is started here, and speaks over its standard input and output."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._turn = asyncio.Lock()
        self._number = 0
        self._greeted = False

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and take what comes until the answer; one question at a time."""
        async with self._turn:
            if self._greeted and not self._program.runs:
                await self._whole("initialize", GREETING)
                await self._say({"method": "notifications/initialized"})
            answer = await self._whole(method, params)
            self._greeted = True
            return answer

    async def tell(self, method: str) -> None:
        """Say something that has no answer."""
        async with self._turn:
            await self._say({"method": method})

    async def close(self) -> None:
        """End the server."""
        await self._program.stop()

    async def _whole(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        answered = False
        try:
            await self._say({"id": self._number, "method": method, "params": params})
            for _ in range(MOST_LINES):
                message = _message(await self._program.line())
                if message.get("id") == self._number and "method" not in message:
                    answered = True
                    return _result(message)
                if "id" in message and "method" in message:  # it asks us: we offer nothing
                    await self._say({"id": message["id"], "error": {"code": -32601, "message": "not offered"}})
            raise Unanswered("bad_response", "the server says much, and does not answer")
        finally:
            if not answered:
                await self._program.stop()

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._program.send(msgspec.json.encode({"jsonrpc": "2.0", **message}))


class Posted:
    """A server that speaks over HTTP (the streamable transport)."""

    def __init__(self, wire: Wire, headers: Mapping[str, str]) -> None:
        self._wire, self._headers = wire, dict(headers)
        self._credentials = Credentials(headers.values())
        self._number = 0
        self._session: dict[str, str] = {}

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask once."""
        self._number += 1
        number = self._number
        messages = await self._post({"id": number, "method": method, "params": params})
        found = next((one for one in messages if one.get("id") == number and "method" not in one), None)
        if found is None:
            raise Unanswered("bad_response", "the answer is no answer of an MCP server")
        return _result(found)

    async def tell(self, method: str) -> None:
        """Say something that has no answer."""
        await self._post({"method": method})

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()

    async def _post(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self._session,
            **self._headers,
        }
        body = msgspec.json.encode({"jsonrpc": "2.0", **message})
        answer = await self._wire.exchange("POST", self._wire.base, headers, body)
        if answer.status >= 300:
            refused(answer, self._credentials)
            raise Unanswered("http_4xx", f"HTTP {answer.status}")
        if session := answer.headers.get("mcp-session-id"):
            self._session = {"mcp-session-id": session, "mcp-protocol-version": REVISION}
        if not answer.body.strip():
            return []
        events = events_in(answer) if is_stream(answer) else [Event(text_in(answer), 0.0)]
        return [_message(event.data.encode("utf-8", "replace")) for event in events]


def _message(line: bytes) -> dict[str, Any]:
    try:
        return dict_of(msgspec.json.decode(line))
    except (msgspec.DecodeError, RecursionError) as why:
        raise Unanswered("bad_response", "the server's message is no JSON") from why


def _result(message: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in message:
        told = shown(text_of(dict_of(message["error"]).get("message")), 120)
        raise Unanswered("bad_response", f"the server answers with an error: {told}")
    return dict_of(message.get("result"))
