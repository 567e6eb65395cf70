"""MCP servers that a client's settings start or call: names, commands and addresses, never a value of `env`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from safecase.readers.uses import known, located_json
from safecase.readers.uses.use import Use

NAMES = frozenset(
    {
        "mcp.json", ".mcp.json", "claude_desktop_config.json", "mcp_config.json", "mcp_settings.json",
        "cline_mcp_settings.json", "mcp-config.json",
    }
)  # fmt: skip
_RUNNERS = ("npx", "bunx", "pnpx", "uvx", "pipx")
_OWN = (".py", ".js", ".ts", ".mjs", ".sh")


def is_settings(path: str) -> bool:
    """Say by a file's path whether MCP servers are told in it."""
    return path.rpartition("/")[2] in NAMES


def read(path: str, text: str) -> Iterator[Use]:
    """Give the servers of a file; raises ValueError or RecursionError where it is no JSON."""
    found = located_json.read(text, comments=True)
    line_of = located_json.Lines(text)
    for key in ("mcpServers", "servers", "mcp"):
        inside = found.get(key) if isinstance(found, dict) else None
        if isinstance(inside, dict) and isinstance(inside.get("servers"), dict):
            inside = inside["servers"]
        for name, entry in inside.items() if isinstance(inside, dict) else ():
            if isinstance(entry, dict):
                first = next((value.at for value in _texts(entry)), 0)
                line = line_of(located_json.key_offset(text, str(name), first))
                words = [entry.get("command"), *_list(entry.get("args"))]
                url = entry.get("url") or entry.get("serverUrl") or ""
                yield of_command(str(name), [w for w in words if isinstance(w, str)], str(url), path, line)
                for variable in _names(entry.get("env")):
                    if known.variable(variable):
                        yield Use(kind="env_var", name=variable, path=path, line=line)


def of_command(name: str, words: Sequence[str], url: str, path: str, line: int) -> Use:
    """Say what a server is by the command that starts it, or by its address."""
    package = next((w for w in words[1:] if not w.startswith("-") and w not in ("run", "tool", "exec", "dlx")), "")
    runner = words[0].rpartition("/")[2] if words else ""
    if runner == "docker":
        package = next((w for w in reversed(words[1:]) if "/" in w and not w.startswith(("-", "/"))), package)
        pinned, origin = "@sha256:" in package, "public_registry"
    elif runner in _RUNNERS or (runner == "uv" and "tool" in words) or (runner in ("pnpm", "yarn") and "dlx" in words):
        pinned, origin = bool(re.search(r"(?<=.)@\d|==\d", package)), "public_registry"
    elif url:
        pinned, origin = False, "own" if _is_loopback(url) else "third_party"
    else:
        own = any(w.endswith(_OWN) or w.startswith("./") for w in words)
        pinned, origin = False, "own" if own else "third_party"
    told = name or re.split(r"[@=:]+(?=[\dl])", package.rpartition("/")[2])[0] or _host(url) or "mcp"
    effect, why = known.effect_of(told)
    if effect == "write" and "nothing" in why:
        why = "effect: what its tools do is not said, so the worse"
    return Use(
        kind="mcp_server",
        name=told[:80],
        path=path,
        line=line,
        model=(known.without_secrets(url) if url else package)[:160],
        origin=origin,  # type: ignore[arg-type]  # one of the words above
        pinned=True if origin == "own" and not url else pinned,
        effect=effect,
        because=why,
        url=known.without_secrets(url),
        egress=None,
    )


def _is_loopback(url: str) -> bool:
    return bool(re.match(r"https?://(localhost|127\.|\[::1\])", url))


def _host(url: str) -> str:
    return re.split(r"[/:?#]", url.partition("://")[2], maxsplit=1)[0]


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any, depth: int = 0) -> Iterator[located_json.Text]:
    if isinstance(value, located_json.Text):
        yield value
    elif depth < 8 and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth + 1)
