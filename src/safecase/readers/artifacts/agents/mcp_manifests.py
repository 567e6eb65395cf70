"""Judge what MCP servers say of themselves, and how the settings of agents start them: texts, commands, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from safecase.engines import secrets
from safecase.readers import mcp_servers
from safecase.readers.artifacts.agents.agent_texts import check_agent_text
from safecase.readers.artifacts.code.shell_commands import harmful_commands
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_NODES: Final = 100_000
_LISTS: Final = ("tools", "resources", "prompts", "resourceTemplates", "resource_templates")
_SERVERS: Final = ("mcpServers", "mcp_servers", "mcp-servers", "servers", "context_servers")
_LOOKS_SECRET: Final = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9_+/=.-]{20,}\Z")
_STANDS_FOR_ONE: Final = re.compile(
    r"your|example|x{4}|changeme|placeholder|insert|replace|dummy|[<>{}$%*]", re.IGNORECASE
)
_SECRET_NAME: Final = re.compile(r"(key|token|secret|passw|pwd|credential|auth)", re.IGNORECASE)
_LOADER_SETTINGS: Final = frozenset(
    {
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "NODE_OPTIONS",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "PYTHONPATH",
    }
)
_TAGGED: Final = re.compile(r"[\w./-]+:(?!latest\b)[\w.-]*\d[\w.-]*$")


def is_manifest(value: Any) -> bool:
    """Say whether a document lists tools, resources or prompts as an MCP server does."""
    return isinstance(value, dict) and any(
        _listed(part) for part in (value, value.get("result"), value.get("manifest"))
    )


def is_settings(value: Any) -> bool:
    """Say whether a document says how MCP servers are started."""
    return isinstance(value, dict) and any(True for _ in _servers(value))


def check_manifest(value: Any, problems: Problems, member: str) -> None:
    """Judge every text that an agent gets to read; order and names of the keys do not matter."""
    for where, text in _texts(value):
        check_agent_text(text, problems, member, "mcp", where)


def check_settings(value: Mapping[str, Any], problems: Problems, member: str) -> None:
    """Judge how each server is started."""
    for name, entry in _servers(value):
        _Server(name, entry, problems, member).check()


def _listed(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    for key in _LISTS:
        entries = part.get(key)
        if isinstance(entries, list) and any(isinstance(e, dict) and ("name" in e or "uri" in e) for e in entries[:50]):
            return any(
                isinstance(e, dict)
                and e.keys() & {"description", "inputSchema", "input_schema", "uri", "arguments", "title"}
                for e in entries[:50]
            )
    return False


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Give each text with the way to it; keys are texts, too."""
    waiting: list[tuple[str, Any]] = [("", value)]
    count = 0
    while waiting and count < MOST_NODES:
        where, part = waiting.pop()
        count += 1
        if isinstance(part, str):
            if len(part) > 2:
                yield where, part
        elif isinstance(part, dict):
            name = part.get("name")
            for key, inner in reversed(part.items()):
                step = f"{name}.{key}" if isinstance(name, str) and key != "name" else str(key)
                waiting.append((f"{where}.{step}"[-120:].lstrip("."), inner))
                if len(str(key)) > 40:
                    yield where, str(key)
        elif isinstance(part, list):
            waiting.extend((where, inner) for inner in reversed(part))


def _servers(value: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        part, depth = waiting.pop(0)
        if not isinstance(part, dict) or depth > 4:
            continue
        for key, inner in part.items():
            if key in _SERVERS and isinstance(inner, dict):
                for name, entry in inner.items():
                    if isinstance(entry, dict) and entry.keys() & {"command", "url", "serverUrl", "httpUrl", "args"}:
                        yield str(name), entry
            else:
                waiting.append((inner, depth + 1))


class _Server:
    """One server in the settings of an agent."""

    def __init__(self, name: str, entry: Mapping[str, Any], problems: Problems, member: str) -> None:
        self._name, self._entry, self._problems, self._member = name, entry, problems, member

    def check(self) -> None:
        """Judge its command, its address and what it is given."""
        command = self._entry.get("command")
        words = command.split() if isinstance(command, str) else _strings(command)
        words += _strings(self._entry.get("args"))
        url = next((u for k in ("url", "serverUrl", "httpUrl") if isinstance(u := self._entry.get(k), str)), "")
        line = " ".join(words)
        for harmful in harmful_commands(line, told=False):
            self._tell(
                "mcp.command", harmful.says, f"is started by a command that {harmful.what}: {shown(harmful.text, 120)}"
            )
        what, kind = mcp_servers.fixed(words, url)
        if kind == "downloads" and not any(harmful_commands(line, told=False)):
            self._tell("mcp.command", "malicious", f"is started by a command that fetches: {shown(line, 120)}")
        elif kind == "moves" and not _TAGGED.fullmatch(what):
            message = f"is started from {shown(what)}, without a version that stays the same"
            self._problems.add(
                "mcp.unpinned",
                "suspicious",
                self._named(message),
                member=self._member,
                key=self._name,
                confidence="low",
            )
        elif kind == "insecure":
            self._tell("mcp.insecure", "suspicious", f"is reached by {shown(url)}, without encryption")
        for key in ("env", "headers", "environment"):
            self._settings(self._entry.get(key))
        for key in ("description", "instructions"):
            text = self._entry.get(key)
            if isinstance(text, str):
                check_agent_text(text, self._problems, self._member, "mcp", f"{self._name}.{key}")

    def _settings(self, settings: Any) -> None:
        for key, value in settings.items() if isinstance(settings, dict) else ():
            if not isinstance(value, str):
                continue
            if str(key).upper() in _LOADER_SETTINGS:
                self._tell(
                    "mcp.settings", "suspicious", f"is started with {shown(str(key))} set, which loads other code"
                )
            elif _is_secret(str(key), value):
                self._tell("mcp.secret", "suspicious", f"is given a secret in plain text ({shown(str(key))})")

    def _named(self, message: str) -> str:
        return f"the server {shown(self._name)} {message}"

    def _tell(self, rule: str, says: Any, message: str) -> None:
        self._problems.add(rule, says, self._named(message), member=self._member, key=f"{self._name}:{message[:60]}")


def _strings(value: Any) -> list[str]:
    return [w for w in value if isinstance(w, str)] if isinstance(value, list) else []


def _is_secret(name: str, value: str) -> bool:
    """Say whether a value of the environment is a credential that stands there as it is."""
    if _STANDS_FOR_ONE.search(value):
        return False
    if _SECRET_NAME.search(name) and _LOOKS_SECRET.match(value):
        return True
    return any(secrets.find(f'{name}="{value}"')) and bool(_SECRET_NAME.search(name) or len(value) >= 20)
