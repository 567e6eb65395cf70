"""Definitions of MCP tools, held against those that were approved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from safecase.engines.lookalikes import mistaken_for
from safecase.errors import CollectError
from safecase.readers.artifacts.agents.mcp_manifests import check_manifest
from safecase.readers.artifacts.report import Problem, Problems
from safecase.vocabulary import Noun

_PARTS: Final = ("name", "title", "description", "inputSchema", "annotations", "outputSchema")
MOST_TOOLS: Final = 2000


class Changes(Noun, frozen=True):
    """What became of the tools of a server since they were pinned; names, in order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    """Named like a tool of another server, or twice on this one."""

    @property
    def none(self) -> bool:
        """Whether all is as it was pinned."""
        return not (self.added or self.removed or self.changed or self.shadowed)


def pin(tools: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give the SHA-256 of each tool's definition, by its name."""
    return {name: _digest(tool) for name, tool in _named(tools)}


def compare(pins: Mapping[str, str], tools: Sequence[Mapping[str, Any]], others: Iterable[str] = ()) -> Changes:
    """Hold definitions against their pins; `others` are the names of other servers' tools."""
    every = list(_named(tools))
    now = {name: _digest(tool) for name, tool in every}
    names = [name for name, _ in every]
    known = frozenset(others)
    shadowed = {name for name in now if name in known or mistaken_for(name, known)}
    shadowed |= {name for name in now if name.casefold() in {k.casefold() for k in known} or names.count(name) > 1}
    return Changes(
        added=tuple(sorted(now.keys() - pins.keys())),
        removed=tuple(sorted(pins.keys() - now.keys())),
        changed=tuple(sorted(name for name in now.keys() & pins.keys() if now[name] != pins[name])),
        shadowed=tuple(sorted(shadowed)),
    )


def suspicious(tools: Sequence[Mapping[str, Any]]) -> tuple[Problem, ...]:
    """Give what definitions say to the model beyond what the tools do, the worst first."""
    problems = Problems()
    check_manifest({"tools": [tool for _, tool in _named(tools)]}, problems, "")
    return problems.all()


def canonical(value: Any) -> bytes:
    """Write JSON in the one way of RFC 8785, but for numbers beyond what doubles hold."""
    plain = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return plain.encode("utf-8", "surrogatepass")


def _named(tools: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    if len(tools) > MOST_TOOLS:
        raise CollectError(f"a server lists more than {MOST_TOOLS} tools", mend="do not use this server")
    return [(tool["name"], tool) for tool in tools if isinstance(tool, Mapping) and isinstance(tool.get("name"), str)]


def _digest(tool: Mapping[str, Any]) -> str:
    try:
        return hashlib.sha256(canonical({part: tool[part] for part in _PARTS if part in tool})).hexdigest()
    except (ValueError, TypeError, RecursionError) as why:
        message = f"the definition of a tool is no JSON that can be pinned ({type(why).__name__})"
        raise CollectError(message, mend="do not use this server") from why


def _plain(value: Any) -> Any:
    """A whole number is written the same whether it came as 1 or as 1.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
