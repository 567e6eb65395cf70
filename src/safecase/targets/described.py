"""A target that is described in a file: where it is, how it is asked, what it hides, who its users are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from safecase.errors import CollectError, UsageError
from safecase.readers import regular_files, suites, yaml_places
from safecase.readers.conversations import Tool
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.service.references import resolve
from safecase.service.schema import Identity
from safecase.targets.dialects import DIALECTS
from safecase.targets.embedded.tiny import NAME as TINY
from safecase.targets.embedded.tiny import TinyTarget
from safecase.targets.mcp import Channel, Mcp, McpTarget, Piped, Posted
from safecase.targets.permission import allowed
from safecase.targets.processes import Program
from safecase.targets.programs import ProgramTarget, command_of
from safecase.targets.recorded import RecordedTarget
from safecase.targets.remote import RemoteTarget
from safecase.targets.sockets import SocketTarget
from safecase.targets.target import AsyncTarget
from safecase.targets.templated import TemplatedTarget
from safecase.targets.templates import ReplyAt, Request, Template
from safecase.targets.wire import Wire
from safecase.vocabulary import Noun

Api: TypeAlias = Literal["chat", "completions", "responses", "messages"]
MOST_PROMPT: Final = 1_000_000


class Described(Noun, frozen=True):
    """What a target file says: one of `base_url`, `command`, `python`, `mcp`, `transcript`, and what is known of it."""

    base_url: Annotated[
        str, Meta(description="For OpenAI-compatible services the URL that ends in /v1; ws://…; local:tiny.")
    ] = ""
    command: Annotated[tuple[str, ...], Meta(description="A program that answers lines of JSON.")] = ()
    python: Annotated[str, Meta(description="A function: module:function or file.py:function.")] = ""
    mcp: Annotated[Mcp | None, Meta(description="An MCP server, by its command or url.")] = None
    transcript: Annotated[str, Meta(description="A file of recorded exchanges.")] = ""

    api: Api = "chat"
    request: Annotated[Request | None, Meta(description="What is sent, where it has an API of its own.")] = None
    reply: Annotated[ReplyAt, Meta(description="Where the answer stands in what comes back.")] = ReplyAt()
    stream: Annotated[bool, Meta(description="Ask for the answer in pieces.")] = False
    processes: Annotated[int, Meta(ge=1, le=64, description="Of a command or a function, at once.")] = 4
    model: str = ""
    key: str = ""
    headers: Mapping[str, str] = {}
    canary: Annotated[str, Meta(description="A planted text that must never come out.")] = ""
    system_prompt: Annotated[str, Meta(description="The hidden instructions, or the file in which they stand.")] = ""
    identities: tuple[Identity, ...] = ()
    golden: Annotated[
        str | tuple[Mapping[str, Any], ...],
        Meta(description="Ordinary cases that must come out right: the file of a test set, or its rows."),
    ] = ""
    tools: tuple[Tool, ...] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    most_characters: Annotated[int, Meta(ge=1, description="The longest answer that is in order.")] = 20_000
    most_seconds: Annotated[float, Meta(gt=0, description="The slowest answer that is in order.")] | None = None

    @property
    def name(self) -> str:
        """Say in a line which target it is."""
        mcp = self.mcp.url or " ".join(self.mcp.command) if self.mcp else ""
        return self.base_url or self.python or " ".join(self.command) or mcp or self.transcript


def read_target(path: Path) -> Described:
    """Read a target file, YAML or JSON; raises `UsageError` with what is wrong in it."""
    mend = "`base_url: http://127.0.0.1:8000/v1`, and what else is known: model, canary, system_prompt, identities …"
    try:
        content = regular_files.read(path, most=yaml_places.MOST_BYTES, follow=True)
        said = yaml_places.read(content, str(path)).value
        if isinstance(said, dict):
            said |= {"identities": _identities(said.get("identities")), "tools": _tools(said.get("tools"))}
        found = msgspec.convert(said, Described)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    except (msgspec.ValidationError, TypeError, ValueError) as why:
        raise UsageError(f"{shown(str(path))} describes no target: {shown(str(why), 200)}", mend=mend) from why
    _check_one(found, path)
    golden = str(path.parent / found.golden) if isinstance(found.golden, str) and found.golden else found.golden
    return msgspec.structs.replace(found, system_prompt=_prompt(found.system_prompt, path.parent), golden=golden)


def golden_rows(found: Described) -> tuple[Row, ...]:
    """Read the ordinary cases of a target; raises UsageError where there is no such file, ManifestError for faults."""
    if not found.golden:
        return ()
    if not isinstance(found.golden, str):
        return suites.read(msgspec.json.encode(found.golden), "golden.json")
    try:
        content = regular_files.read(Path(found.golden), most=suites.MOST_BYTES, follow=True)
    except OSError as why:
        raise UsageError(f"golden: {shown(found.golden)} cannot be read: {why.strerror}", mend="correct it") from why
    return suites.read(content, found.golden)


def _check_one(found: Described, path: Path) -> None:
    """Refuse a file that says two places, or none: nobody should attack another one than was meant."""
    places = {"base_url": found.base_url, "command": found.command, "python": found.python, "mcp": found.mcp}
    said = [name for name, value in {**places, "transcript": found.transcript}.items() if value]
    if found.mcp and bool(found.mcp.command) == bool(found.mcp.url):
        raise UsageError(f"{shown(str(path))}: mcp wants a command or a url", mend="give one of them")
    if len(said) != 1:
        raise UsageError(
            f"{shown(str(path))} says {' and '.join(said) or 'nowhere'} where the target is",
            mend="give one of base_url, command, python, mcp, transcript",
        )


def _prompt(said: str, folder: Path) -> str:
    """A prompt that is the name of a file there is the text of that file."""
    if not said or "\n" in said or len(said) > 300:
        return said
    try:
        return (folder / said).read_text("utf-8", "replace")[:MOST_PROMPT]
    except (OSError, ValueError):
        return said


def _identities(said: object) -> list[dict[str, Any]]:
    """Read users by name, where a bare text is a key, or in a list, where it is a name."""
    rows: object = said
    if isinstance(said, dict):
        rows = [{"id": name, **({"key": one} if isinstance(one, str) else _row(one))} for name, one in said.items()]
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        one = _row(row)
        names = (one.get(name) for name in ("id", "name", "user"))
        key = next((one[name] for name in ("key", "api_key", "token", "bearer") if one.get(name)), "")
        owns: Any = next(
            (one[name] for name in ("owns", "secrets", "records", "secret", "record") if one.get(name)), []
        )
        found.append(
            {
                "id": str(next((name for name in names if name), f"user{number + 1}")),
                "key": str(key),
                "headers": one.get("headers") or {},
                "body": one.get("body") or {},
                "owns": [owns] if isinstance(owns, str) else owns,
            }
        )
    return found


def _row(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"id": value} if isinstance(value, str) else {}


def _tools(said: object) -> list[dict[str, str]]:
    """Read tools in OpenAI's form, in Anthropic's, or by their names."""
    found: list[dict[str, str]] = []
    for row in said if isinstance(said, list) else []:
        one = _row(row) if isinstance(row, dict) else {"name": row}
        one = one["function"] if isinstance(one.get("function"), dict) else one
        schema = one.get("parameters") or one.get("input_schema") or {"type": "object", "properties": {}}
        written = schema if isinstance(schema, str) else msgspec.json.encode(schema).decode()
        told = str(one.get("description") or "")
        found.append({"name": str(one.get("name") or "?"), "description": told, "parameters": written})
    return found


def open_described(found: Described, root: Path, *, owned: Sequence[str], at_once: int) -> AsyncTarget:
    """Open it; raises CollectError where it may not be asked, or where a reference (below `root`) leads nowhere."""
    first = found.identities[0].id if found.identities else ""
    if found.transcript:
        return RecordedTarget(root / found.transcript)
    if found.command or found.python:
        command = found.command or command_of(found.python)
        return ProgramTarget(command, root, processes=found.processes, timeout_s=found.timeout_s, first=first)
    if found.base_url == TINY:
        return TinyTarget(found.system_prompt, timeout_s=found.timeout_s)
    return _open_remote(found, root, owned, at_once)


def _open_remote(found: Described, root: Path, owned: Sequence[str], at_once: int) -> AsyncTarget:
    headers = _headers(found, root)
    own = {one.id: dict(one.body) for one in found.identities}

    def wire(url: str) -> Wire:
        return Wire(allowed(resolve(url, root), owned), most=at_once, timeout_s=found.timeout_s)

    if found.mcp is not None:
        url, command = found.mcp.url, found.mcp.command
        channels: dict[str, Channel] = {
            who: Posted(wire(url), sent) if url else Piped(Program(command, root)) for who, sent in headers.items()
        }
        return McpTarget(found.mcp, channels, fields=own, timeout_s=found.timeout_s)
    url = resolve(found.base_url, root)
    socket = url.startswith(("ws://", "wss://"))
    if socket or found.request is not None:
        request = found.request or Request(body="{{prompt}}")
        template = Template(request, found.reply, model=found.model, first=next(iter(headers)))
        if not socket:
            return TemplatedTarget(wire(url), template, request.method, identities=headers, fields=own)
        permission = allowed(f"http{url.removeprefix('ws')}", owned)
        return SocketTarget(
            permission, template, identities=headers, fields=own, most=at_once, timeout_s=found.timeout_s
        )
    fields = {one.id: own[one.id] or ({} if one.key or one.headers else {"user": one.id}) for one in found.identities}
    return RemoteTarget(
        wire(url), DIALECTS[found.api], model=found.model, identities=headers, fields=fields, stream=found.stream
    )


def _headers(found: Described, root: Path) -> dict[str, dict[str, str]]:
    """Give the headers of each user's requests; of nobody's in particular where there are no users."""

    def of(key: str, headers: Mapping[str, str]) -> dict[str, str]:
        made = {name.lower(): resolve(value, root) for name, value in headers.items()}
        if key:
            made["authorization"] = f"Bearer {resolve(key, root)}"
        if not all(value.isascii() and value.isprintable() for value in made.values()):
            raise CollectError("a key or a header of the target has signs that no header can carry", mend="correct it")
        return made

    common = of(found.key, found.headers)
    return {one.id: common | of(one.key, one.headers) for one in found.identities} or {"": common}
