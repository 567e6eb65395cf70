"""`safecase gateway mcp`: stand before an MCP server, see what it changed, and accept it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from safecase.gateway.mcp.definitions import Trust
    from safecase.gateway.mcp.lock import Seen, Server

LOCK: Final = click.option(
    "--lock",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("mcp.lock.json"),
    show_default=True,
    metavar="FILE",
    help="The definitions that were approved, of all servers.",
)


class _Words(click.Group):
    """`run` need not be said: what is no verb is how a server is reached."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help", "-h"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Words)
def mcp() -> None:
    """Stand before an MCP server: its tools stay as they were approved, and what they are given and say is looked at.

    Write these words before the server's own in the client's settings, or give its --url. What nobody has approved is
    withheld; `diff` shows it, `accept` writes it into mcp.lock.json.

    \b
    Examples:
      safecase gateway mcp --name files -- npx -y @example/files-server@1.2.3 /home/ada
      safecase gateway mcp diff files
      safecase gateway mcp accept files
      safecase gateway mcp --url https://mcp.example/mcp --port 4100
    """


@mcp.command()
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", metavar="URL", help="A server of streamable HTTP, instead of a command.")
@click.option("--port", type=click.IntRange(1, 65535), default=4100, show_default=True, help="Where --url is served.")
@click.option("--name", metavar="NAME", help="The server's name in the lock.  [default: from its command or URL]")
@LOCK
@click.option("--policy", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A gateway's policy.")
@click.option("--trust-first", is_flag=True, help="Pin what a server unknown to the lock lists first.")
@click.option("--write-lock", is_flag=True, help="Pin all that is listed, news and changes too.")
def run(
    command: tuple[str, ...],
    url: str | None,
    port: int,
    name: str | None,
    lock: Path,
    policy: Path | None,
    trust_first: bool,
    write_lock: bool,
) -> None:
    """Run the proxy until the client or the server ends.

    \b
    Examples:
      safecase gateway mcp --name files -- npx -y @example/files-server@1.2.3
      safecase gateway mcp --url https://mcp.example/mcp --port 4100
    """
    from safecase.cli import console
    from safecase.cli.gateway_run import policy_at
    from safecase.errors import UsageError
    from safecase.gateway.mcp.lock import check_name, server_of
    from safecase.gateway.mcp.opening import opened
    from safecase.gateway.policy import GatewayPolicy
    from safecase.gateway.server import check_installed

    if bool(command) == bool(url):
        raise UsageError("nobody says where the server is", mend="give its command behind --, or --url")
    if url:
        check_installed()
        _check_url(url)
    server = check_name(name) if name else server_of(command, url or "")
    # A safecase.yaml that happens to lie here could be that of whoever wrote the project: only a named one counts.
    said, root = policy_at(policy) if policy else (GatewayPolicy(), lock.parent)
    trust: Trust = "all" if write_lock else "first" if trust_first else "nothing"
    rules, log = opened(said, root, lock, server, trust)
    console.say(f"{server}: definitions are held against {lock}")
    try:
        if url:
            from safecase.gateway.mcp.http import PATH, serve

            console.say(f"http://127.0.0.1:{port}{PATH}")
            serve(rules, url, port)
        else:
            from safecase.gateway.mcp.stdio import run as run_between

            sys.exit(run_between(rules, command))
    finally:
        log.stop()


@mcp.command()
@click.argument("server", required=False)
@LOCK
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def diff(server: str | None, lock: Path, form: str) -> None:
    """Show what a server lists and nobody approved: what is new, what changed, and what speaks against it.

    \b
    Examples:
      safecase gateway mcp diff
      safecase gateway mcp diff files
    """
    import msgspec

    from safecase.cli import console
    from safecase.gateway.mcp.lock import LockFile, Server

    file = LockFile(lock)
    known = file.read().servers
    found = {name: file.seen(name) for name in ([server] if server else file.servers())}
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        return
    blocks = [_told(name, one, known.get(name, Server())) for name, seen in found.items() for one in seen]
    console.result("\n".join(blocks) if blocks else "all that was listed is as it was approved\n")


@mcp.command()
@click.argument("server")
@click.argument("names", nargs=-1)
@LOCK
def accept(server: str, names: tuple[str, ...], lock: Path) -> None:
    """Approve what was seen of a server: all of it without warnings, or what is named, with warnings too.

    What is approved is what `diff` shows, byte by byte; the server is not asked again. Running proxies take it up when
    they are started again.

    \b
    Examples:
      safecase gateway mcp accept files
      safecase gateway mcp accept files read_file search
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.gateway.mcp.lock import LockFile, Server
    from safecase.readers.text import shown

    file = LockFile(lock)
    seen = file.seen(server)
    if missing := [name for name in names if name not in {one.name for one in seen}]:
        raise UsageError(
            f"{shown(missing[0])} was not seen, or is approved", mend=f"safecase gateway mcp diff {shown(server)}"
        )
    wanted = [one for one in seen if one.name in names or not (names or one.warnings)]
    if wanted:
        file.pin(server, Server(), [(one.sort, one.name, one.definition) for one in wanted])
        file.note(server, [one for one in seen if one not in wanted])
    left = [one for one in seen if one not in wanted]
    console.say(f"{len(wanted)} accepted into {lock}; {len(left)} left")
    for one in left:
        console.say(f"  {one.sort} {shown(one.name)}: {'; '.join(one.warnings) or 'not named'}")


def _told(server: str, seen: Seen, known: Server) -> str:
    """Write one definition as lines that differ from what was approved; nothing in it reaches the terminal raw."""
    import difflib
    import json

    from safecase.readers.text import shown

    def lines(definition: object) -> list[str]:
        if definition is None:
            return []
        return [shown(line, 1_000_000) for line in json.dumps(definition, indent=2, sort_keys=True).splitlines()]

    pin = known.pin(seen.sort, seen.name)
    head = [f"{server} {seen.sort} {shown(seen.name)}: {seen.why}", *(f"  warning: {one}" for one in seen.warnings)]
    compared = difflib.unified_diff(lines(pin.definition if pin else None), lines(seen.definition), n=2, lineterm="")
    return "\n".join([*head, *(f"  {line}" for line in list(compared)[2:])]) + "\n"


def _check_url(url: str) -> None:
    from urllib.parse import urlsplit

    from safecase.errors import UsageError

    try:
        parts = urlsplit(url)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        raise UsageError("--url is no address", mend="give it as https://HOST/mcp") from None
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise UsageError("--url is not encrypted", mend="give it as https://HOST/mcp; http is for this machine only")
