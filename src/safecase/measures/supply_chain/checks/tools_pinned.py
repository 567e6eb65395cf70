"""`mcp.pin`: the servers and tools that an agent uses are the ones that were reviewed, today and tomorrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.mcp_servers import MOST_BYTES, SUFFIXES, NotRead, Server, may_tell, servers_in
from safecase.readers.text import shown
from safecase.service.schema import ToolBlock
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place, Severity

MOST_TOLD = 200

_WRONG: dict[str, tuple[str, Severity, str]] = {
    "moves": (
        "is fetched at whatever version is there on the day",
        "critical",
        "name one version (pkg@1.2.3, pkg==1.2.3), a commit, or an image's @sha256: digest",
    ),
    "insecure": (
        "is reached without TLS: whoever sits between writes its tools",
        "critical",
        "use its https:// address",
    ),
    "downloads": (
        "is downloaded and run by a shell, whatever it is on the day",
        "critical",
        "install a version with a digest, and start that",
    ),
}


@check("mcp.pin", control="SC-16", severity="critical", reads=("tools",))
def tools_pinned(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """The servers and tools that an agent uses stay the ones that were reviewed.

    ## Why it matters
    What a tool says of itself is read by the model as if it were an instruction, and the tool runs with the agent's
    rights. A server that is fetched anew at each start can be harmless on the day of the review and take the keys of
    the machine a week later; its maker, or who took over the name, decides.

    ## How it is checked
    Settings that name MCP servers (`mcp.json`, and JSON, YAML and TOML files with `mcpServers`) are read. A server
    that `npx`, `bunx`, `uvx`, `pipx`, `deno` or a container runtime fetches must be named at one version, one commit,
    or by the image's digest: no version, `@latest` and ranges fail. So do addresses with `http://` beyond this machine,
    and shells that download and run. A server whose file lies in the repository is pinned by its commit. A remote
    server can change its tools at any time, and a program of the machine is not seen: both are unknown, unless a tool
    with `via: mcp`, that `url` or that id, and `pinned: true` is declared, by which the team says that its
    definitions are held against reviewed ones.

    Each declared tool (`tools:`) that is not one's own must say `pinned: true`; `pinned: false` fails. The hashes of
    definitions themselves are not compared in this release.

    ## How to mend it
    Write the version that was reviewed into the settings, lock what it depends on where you can (an own image), and
    let the gateway refuse tools whose definitions changed.

    ## References
    ASI04:2026; AML.M0028 and AML.T0010 (ATLAS 5.6.0); CWE-494; CWE-829; LLM04:2026; EU AI Act Art. 15(5).
    """
    told = 0
    for server, reason in _servers(repository, ctx):
        told += 1
        if told > MOST_TOLD:
            break
        yield _of_server(repository, ctx, server) if server is not None else _unread(repository, *reason)
    for index, tool in enumerate(ctx.manifest.tools):
        told += 1
        yield _of_tool(repository, tool, ctx.place(f"tools.{index}"))
    if not told:
        yield tools_pinned.unknown(
            repository,
            "no tool is declared, and no settings were found that name an MCP server",
            place=ctx.place("tools"),
            mend="list what the agent may call under tools:, and keep its settings in the repository",
        )


def _servers(repository: Repository, ctx: Context) -> Iterator[tuple[Server | None, tuple[str, str]]]:
    """Every server of the settings, and the files that could not be read, with the reason."""
    for file in repository.files:
        if not file.endswith(SUFFIXES):
            continue
        if ctx.remaining() <= 0:
            raise CollectError("no time is left to read all settings", mend="raise settings.check_seconds")
        try:
            with ctx.path(file).open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
            if may_tell(file, content):
                yield from ((server, ("", "")) for server in servers_in(content, file))
        except (OSError, CollectError):
            yield None, (file, "cannot be read")
        except NotRead as why:
            yield None, (file, str(why))


def _unread(subject: Repository, file: str, why: str) -> Finding:
    mend = "mend it, or name it under settings.exclude if it is no part of the service"
    message = f"{shown(file)} {shown(why, 200)}"
    return tools_pinned.unknown(subject, message, rule="unread", key=file, place=Place(file=file), mend=mend)


def _masked(what: str) -> str:
    """Name a server without what may be a key: of an address the host and path, of a command its program."""
    if "://" in what:
        try:
            parts = urlsplit(what)
            return shown(f"{parts.scheme}://{parts.hostname or ''}{parts.path}", 100)
        except ValueError:
            return "an address"
    return shown(what.split()[0] if what.split() else "", 100)


def _of_server(subject: Repository, ctx: Context, server: Server) -> Finding:
    name = f"MCP server {shown(server.name)} ({_masked(server.what)})"
    key = f"{server.place.file}#{server.name}"
    if server.fixed in _WRONG:
        told, severity, mend = _WRONG[server.fixed]
        return tools_pinned.failed(
            subject, f"{name} {told}", rule=server.fixed, key=key, place=server.place, severity=severity, mend=mend
        )
    if server.fixed == "exact":
        return tools_pinned.passed(
            subject, f"{name} is named at one version", rule="exact", key=key, place=server.place
        )
    if server.fixed == "own" and _is_here(subject, server.what):
        return tools_pinned.passed(subject, f"{name} lies in the repository", rule="own", key=key, place=server.place)
    if any(_stands_for(tool, server) for tool in ctx.manifest.tools):
        message = f"{name} is declared as pinned under tools:"
        return tools_pinned.passed(subject, message, rule="declared", key=key, place=server.place)
    why = (
        "can change its tools at any time" if server.fixed == "remote" else "is started from outside of the repository"
    )
    return tools_pinned.unknown(
        subject,
        f"{name} {why}",
        rule=server.fixed,
        key=key,
        place=server.place,
        mend="hold its tool definitions against reviewed ones, and declare it: {via: mcp, url: …, pinned: true}",
    )


def _is_here(repository: Repository, what: str) -> bool:
    path = what.removeprefix("./")
    return bool(path) and any(file == path or file.endswith(f"/{path}") for file in repository.files)


def _stands_for(tool: ToolBlock, server: Server) -> bool:
    named = tool.id == server.name or (bool(tool.url) and tool.url == server.what)
    return tool.via == "mcp" and tool.pinned is True and named


def _of_tool(subject: Repository, tool: ToolBlock, place: Place) -> Finding:
    own = tool.origin == "own" or (tool.origin is None and tool.via == "function")
    verdict: Literal["pass", "fail", "unknown"] = (
        "pass" if own or tool.pinned else "fail" if tool.pinned is False else "unknown"
    )
    if verdict == "pass":
        why = "is a function of the service's own" if own else "is declared as pinned"
        return tools_pinned.passed(subject, f"tool {tool.id} {why}", rule="tool", key=tool.id, place=place)
    if verdict == "fail":
        return tools_pinned.failed(
            subject,
            f"tool {tool.id} comes from elsewhere, and is declared as not pinned",
            rule="tool",
            key=tool.id,
            place=place,
            mend="pin its version and its definitions, then say pinned: true",
        )
    return tools_pinned.unknown(
        subject,
        f"tool {tool.id} comes from elsewhere, and does not say whether it is pinned",
        rule="tool",
        key=tool.id,
        place=place,
        mend="say pinned: true once its version and its definitions are pinned, or origin: own",
    )
