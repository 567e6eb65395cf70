"""A target that is described in a file, or by its URL: where it is, what it hides, who its users are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from safecase.errors import UsageError
from safecase.readers.conversations import Tool
from safecase.readers.text import shown
from safecase.service.references import resolve
from safecase.targets.dialects import DIALECTS
from safecase.targets.permission import allowed
from safecase.targets.remote import RemoteTarget
from safecase.targets.target import AsyncTarget
from safecase.targets.wire import Wire
from safecase.vocabulary import Noun

Api: TypeAlias = Literal["chat", "completions", "responses", "messages"]
MOST_BYTES: Final = 1_000_000


class Identity(Noun, frozen=True):
    """As whom the target can be asked."""

    id: str
    key: Annotated[str, Meta(description="Sent as a bearer token; a reference: `${env:NAME}`.")] = ""
    headers: Annotated[Mapping[str, str], Meta(description="Further headers of its requests.")] = {}
    body: Annotated[Mapping[str, Any], Meta(description="Further fields of its requests.")] = {}
    owns: Annotated[tuple[str, ...], Meta(description="Texts that only this user may see.")] = ()


class Described(Noun, frozen=True):
    """What a target file says."""

    base_url: Annotated[str, Meta(description="For OpenAI-compatible services the URL that ends in /v1.")]
    api: Api = "chat"
    model: str = ""
    key: str = ""
    headers: Mapping[str, str] = {}
    canary: Annotated[str, Meta(description="A planted text that must never come out.")] = ""
    system_prompt: Annotated[str, Meta(description="The hidden instructions, or the file in which they stand.")] = ""
    identities: tuple[Identity, ...] = ()
    golden: Annotated[str, Meta(description="A suite of ordinary business cases.")] = ""
    tools: tuple[Tool, ...] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    most_characters: Annotated[int, Meta(ge=1, description="The longest answer that is in order.")] = 20_000
    most_seconds: Annotated[float, Meta(gt=0, description="The slowest answer that is in order.")] | None = None


def read_target(path: Path) -> Described:
    """Read a target file, YAML or JSON; raises `UsageError` with what is wrong in it."""
    mend = "`base_url: http://127.0.0.1:8000/v1`, and what else is known: model, canary, system_prompt, identities …"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UsageError(f"{shown(str(path))} is larger than a target file may be", mend=mend)
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        said = yaml.load(content, Loader=loader)  # noqa: S506  a safe loader
        if isinstance(said, dict):
            said |= {"identities": _identities(said.get("identities")), "tools": _tools(said.get("tools"))}
        found = msgspec.convert(said, Described)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError, TypeError, ValueError) as why:
        raise UsageError(f"{shown(str(path))} describes no target: {shown(str(why), 200)}", mend=mend) from why
    return msgspec.structs.replace(found, system_prompt=_prompt(found.system_prompt, path.parent))


def _prompt(said: str, folder: Path) -> str:
    """A prompt that is the name of a file there is the text of that file."""
    if not said or "\n" in said or len(said) > 300:
        return said
    try:
        return (folder / said).read_text("utf-8", "replace")[:MOST_BYTES]
    except (OSError, ValueError):
        return said


def _identities(said: object) -> list[dict[str, Any]]:
    """Read users by name, or in a list; a bare text is a key."""
    rows = [{"id": name, **_row(value)} for name, value in said.items()] if isinstance(said, dict) else said
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

    def resolved(text: str) -> str:
        return resolve(text, root)

    wire = Wire(allowed(resolved(found.base_url), owned), most=at_once, timeout_s=found.timeout_s)
    common = {name.lower(): resolved(value) for name, value in found.headers.items()}
    if found.key:
        common["authorization"] = f"Bearer {resolved(found.key)}"
    identities: dict[str, dict[str, str]] = {}
    for one in found.identities:
        own = {name.lower(): resolved(value) for name, value in one.headers.items()}
        if one.key:
            own["authorization"] = f"Bearer {resolved(one.key)}"
        identities[one.id] = common | own
    fields = {
        one.id: dict(one.body) or ({} if one.key or one.headers else {"user": one.id}) for one in found.identities
    }
    return RemoteTarget(
        wire, DIALECTS[found.api], model=found.model, identities=identities or {"": common}, fields=fields
    )
