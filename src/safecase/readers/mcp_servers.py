"""MCP servers in the settings of agents and editors: what starts each of them, and whether that stays the same."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.vocabulary import Place

Fixed: TypeAlias = Literal["exact", "moves", "own", "remote", "insecure", "downloads", "unseen"]
"""`exact`: a version that stays. `own`: a file beside it. `remote`: an address. `unseen`: a program of the machine."""

MOST_BYTES = 1_000_000
MOST_SERVERS = 500
NAMES = frozenset({"mcp.json", ".mcp.json", "mcp_config.json", "mcp-config.json", "claude_desktop_config.json"})
SUFFIXES = (".json", ".jsonc", ".toml", ".yaml", ".yml")
_KEYS = ("mcpServers", "mcp_servers", "mcp-servers")
_WORDS = tuple(key.encode() for key in _KEYS)
_JAVASCRIPT = frozenset({"npx", "bunx", "pnpx"})
_PYTHON = frozenset({"uvx", "pipx"})
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "cmd", "powershell", "pwsh"})
_SUBCOMMANDS = frozenset({"run", "tool", "exec", "dlx", "x", "create"})
_EXACT = re.compile(r"v?\d+(\.\d+){1,3}([-+.]?[0-9A-Za-z.-]+)?")
_EXACT_NPM = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
"""npm takes `1.2` and `1.2.x` for ranges."""
_JOINED = re.compile(r"[;&|\n`]|\$\(")
_CHANGES = frozenset({"--with", "--registry", "--index-url", "--extra-index-url", "--entrypoint", "-e", "--eval"})
"""Options that bring in something besides the package that is named, or from somewhere else."""
_COMMIT = re.compile(r"[@#][0-9a-f]{40}$")
_FETCHES = re.compile(r"\b(curl|wget|iwr|Invoke-WebRequest)\b", re.IGNORECASE)
_PACKAGE_OPTIONS = frozenset({"-p", "--package", "--from", "--spec"})
_VALUED = frozenset(
    {"-e", "--env", "-v", "--volume", "--mount", "--name", "--network", "-p", "--publish", "--env-file", "-w", "--user",
     "-u", "--workdir", "--entrypoint", "--platform", "--add-host", "--memory", "--cpus", "--python", "--registry",
     "--index-url", "--with"}
)  # fmt: skip
"""Options whose value stands behind them as a word of its own."""
_LOOPBACK = re.compile(r"https?://(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|host\.docker\.internal)([:/]|$)")


class Server(NamedTuple):
    """One server, as a file of settings has it."""

    name: str
    what: str
    """The package, image, address or file."""
    fixed: Fixed
    place: Place


class NotRead(Exception):  # noqa: N818  an answer of this reader, not a crash
    """A file of settings is not what its name says."""


def may_tell(path: str, content: bytes) -> bool:
    """Say whether a file may tell of MCP servers, by its name or the words in it."""
    return path.rpartition("/")[2] in NAMES or any(word in content for word in _WORDS)


def servers_in(content: bytes, file: str) -> tuple[Server, ...]:
    """Give the servers of a file, in its order; raises NotRead."""
    if len(content) > MOST_BYTES:
        raise NotRead(f"is larger than {MOST_BYTES // 1_000_000} MB")
    found = list(_toml(content, file) if file.endswith(".toml") else _yaml(content, file))
    if len(found) > MOST_SERVERS:
        raise NotRead(f"names more than {MOST_SERVERS} servers")
    return tuple(found)


def fixed(words: Sequence[str], url: str = "") -> tuple[str, Fixed]:
    """Say what a command or an address starts, and whether it stays the same."""
    if not words:
        return url, _of_url(url)
    runner = _program(words[0])
    rest = list(words[1:])
    if runner in _SHELLS:
        script = " ".join(rest)
        if _FETCHES.search(script):
            return script, "downloads"
        inner = script.partition("-c ")[2].strip("\"' ").split()
        if _JOINED.search(script):
            return script, "unseen"
        return fixed(inner) if inner and _program(inner[0]) not in _SHELLS else (script, "unseen")
    if _brings_more(runner, rest):
        return _package(rest), "moves"
    if runner in _JAVASCRIPT or (runner in ("pnpm", "yarn", "npm", "bun") and rest[:1] in (["dlx"], ["exec"], ["x"])):
        package = _package(rest)
        return package, _of_javascript(package)
    if runner in _PYTHON or (runner == "uv" and rest[:2] == ["tool", "run"]):
        package = _package(rest)
        return package, _of_python(package)
    if runner in _CONTAINERS:
        image = _package(rest)
        return image, "exact" if re.search(r"@sha256:[0-9a-f]{64}$", image) else "moves"
    if runner == "deno":
        target = _package(rest)
        if "://" in target or target.startswith(("npm:", "jsr:")):
            return target, "exact" if re.search(r"@v?\d+\.\d+\.\d+", target) else "moves"
        return target, "own"
    own = next((w for w in words if w.endswith((".py", ".js", ".mjs", ".cjs", ".ts")) or w.startswith("./")), "")
    return (own, "own") if own else (" ".join(words[:4]), "unseen")


def _brings_more(runner: str, rest: Sequence[str]) -> bool:
    """Say whether a runner of packages is told to fetch something besides, or from elsewhere."""
    if runner in _CONTAINERS:
        return "--entrypoint" in rest
    if runner not in _JAVASCRIPT | _PYTHON | {"uv", "pnpm", "yarn", "npm", "bun"}:
        return False
    named = sum(word.partition("=")[0] in _PACKAGE_OPTIONS for word in rest)
    return named > 1 or any(word.partition("=")[0] in _CHANGES for word in rest)


def _program(word: str) -> str:
    return re.split(r"[\\/]", word)[-1].removesuffix(".exe").removesuffix(".cmd")


def _yaml(content: bytes, file: str) -> Iterator[Server]:
    """JSON is YAML, but for tabs between values and for comments."""
    text = content.replace(b"\t", b" ")
    if file.endswith((".json", ".jsonc")):
        text = re.sub(rb"(?m)^\s{0,200}//[^\n]*$", b"", text)
    try:
        documents = yaml_places.read_all(text, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        raise NotRead(f"cannot be read: {why.message}") from why
    for document in documents:
        for steps, name, entry in _entries(document.value, file):
            yield _server(name, entry, document.key_place(steps))


def _toml(content: bytes, file: str) -> Iterator[Server]:
    try:
        text = content.decode("utf-8-sig")
        said = tomllib.loads(text)
    except (ValueError, RecursionError) as why:
        raise NotRead(f"is no TOML ({type(why).__name__})") from why
    lines = text.splitlines()
    for _, name, entry in _entries(said, file):
        at = next((n for n, line in enumerate(lines, 1) if line.startswith("[") and name in line), 0)
        yield _server(name, entry, Place(file=file, line=at))


def _entries(value: Any, file: str) -> Iterator[tuple[tuple[str, ...], str, Mapping[str, Any]]]:
    """Every server below one of the keys that tell them, wherever that key stands among the upper levels."""
    keys = (*_KEYS, "servers") if file.rpartition("/")[2] in NAMES else _KEYS
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting:
        steps, part = waiting.pop(0)
        if not isinstance(part, dict) or len(steps) > 4:
            continue
        for key, inner in part.items():
            if key in keys and isinstance(inner, dict):
                for name, entry in inner.items():
                    if isinstance(entry, dict):
                        yield (*steps, key, name), name, entry
            else:
                waiting.append(((*steps, key), inner))


def _server(name: str, entry: Mapping[str, Any], place: Place) -> Server:
    command, arguments = entry.get("command"), entry.get("args")
    words = command.split() if isinstance(command, str) else [w for w in _list(command) if isinstance(w, str)]
    words += [w for w in _list(arguments) if isinstance(w, str)]
    url = next((u for key in ("url", "serverUrl", "httpUrl") if isinstance(u := entry.get(key), str)), "")
    what, kind = fixed(words, url)
    return Server(name, what, kind, place)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _of_url(url: str) -> Fixed:
    if _LOOPBACK.match(url.lower()):
        return "own"
    if url.lower().startswith(("http://", "ws://")):
        return "insecure"
    return "remote" if url else "unseen"


def _package(words: Sequence[str]) -> str:
    """The first word that is no option, no option's value and no subcommand; a package that is named wins."""
    waiting = list(words)
    container = "run" in words[:2]
    while waiting:
        word = waiting.pop(0)
        name, sign, value = word.partition("=")
        if name in _PACKAGE_OPTIONS and not (container and name == "-p"):
            return value if sign else waiting[0] if waiting else ""
        if word in _VALUED:
            waiting = waiting[1:]
        elif not word.startswith("-") and word not in _SUBCOMMANDS:
            return word
    return ""


def _of_javascript(package: str) -> Fixed:
    if package.startswith((".", "/")):
        return "own"
    if "://" in package or package.startswith(("github:", "git+")):
        return "exact" if _COMMIT.search(package) else "moves"
    name, _, version = package.rpartition("@")
    return "exact" if name and _EXACT_NPM.fullmatch(version) else "moves"


def _of_python(package: str) -> Fixed:
    if package.startswith((".", "/")):
        return "own"
    if "://" in package:
        return "exact" if _COMMIT.search(package.partition("#subdirectory")[0]) else "moves"
    version = package.partition("==")[2] or package.partition("@")[2]
    return "exact" if _EXACT.fullmatch(version.strip()) else "moves"
