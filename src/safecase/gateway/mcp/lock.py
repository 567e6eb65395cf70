"""`mcp.lock.json`: the definitions of MCP servers that somebody approved; and beside it what was seen since."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from safecase.detectors.tool_calls.mcp_pins import canonical
from safecase.errors import CollectError, UsageError
from safecase.readers.text import shown
from safecase.vocabulary import Noun

Sort: TypeAlias = Literal["tools", "prompts", "resourceTemplates", "instructions"]
Definition: TypeAlias = dict[str, Any]  # as JSON has it

SORTS: Final[tuple[Sort, ...]] = ("tools", "prompts", "resourceTemplates", "instructions")
NAMED_BY: Final[dict[Sort, str]] = {
    "tools": "name", "prompts": "name", "resourceTemplates": "uriTemplate", "instructions": "name",
}  # fmt: skip
SEEN: Final = ".safecase/mcp"
MOST_BYTES: Final = 50_000_000
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]*")


class Pin(Noun, frozen=True):
    """One definition, as it was approved."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    first_seen: str
    definition: Definition


class Server(Noun, frozen=True):
    """One server, and what it may define."""

    name: str = ""
    """As it calls itself."""
    version: str = ""
    pins: Mapping[Sort, Mapping[str, Pin]] = {}

    def pin(self, sort: Sort, name: str) -> Pin | None:
        """Give the pin of a definition; None where nobody approved one."""
        return self.pins.get(sort, {}).get(name)


class Lock(Noun, frozen=True):
    """A whole lock file."""

    version: Literal[1] = 1
    servers: Mapping[str, Server] = {}


class Seen(Noun, frozen=True):
    """A definition that was withheld, and why."""

    sort: Sort
    name: str
    why: str
    warnings: tuple[str, ...]
    """Why it should not be accepted unread."""
    definition: Definition


class LockFile:
    """The lock at a path, and the folder of what was seen beside it; several proxies may share them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = path.parent / SEEN

    def read(self) -> Lock:
        """Give the lock; an empty one where there is no file. Raises `CollectError`."""
        content = _content(self.path)
        try:
            return msgspec.json.decode(content, type=Lock) if content is not None else Lock()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
            message = f"{shown(str(self.path))} is no lock file of MCP definitions"
            raise CollectError(message, mend="take it from version control, or move it away and accept anew") from why

    def pin(self, server: str, told: Server, accepted: Sequence[tuple[Sort, str, Definition]]) -> Lock:
        """Add definitions to the lock; `told` is how the server calls itself."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self._alone():
            lock = self.read()
            known = lock.servers.get(server, Server())
            pins: dict[Sort, dict[str, Pin]] = {sort: dict(known.pins.get(sort, {})) for sort in SORTS}
            for sort, name, definition in accepted:
                before = pins[sort].get(name)
                since = before.first_seen if before else now
                pins[sort][name] = Pin(sha256=digest(definition), first_seen=since, definition=definition)
            mine = Server(
                name=told.name or known.name,
                version=told.version or known.version,
                pins={sort: dict(sorted(of.items())) for sort, of in pins.items() if of},
            )
            lock = Lock(servers=dict(sorted({**lock.servers, server: mine}.items())))
            _replace(self.path, msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n")
        return lock

    def note(self, server: str, seen: Sequence[Seen]) -> None:
        """Keep what is withheld of a server, for `diff` and `accept`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(self._folder / f"{_file_name(server)}.json", msgspec.json.encode(tuple(seen)) + b"\n")

    def seen(self, server: str) -> tuple[Seen, ...]:
        """Give what was withheld of a server when it last listed."""
        content = _content(self._folder / f"{_file_name(server)}.json")
        try:
            return msgspec.json.decode(content, type=tuple[Seen, ...]) if content is not None else ()
        except (msgspec.DecodeError, UnicodeDecodeError) as why:
            raise CollectError("what was seen of that server cannot be read", mend="start the server again") from why

    def servers(self) -> list[str]:
        """Give the names of all servers of which anything is known."""
        files = self._folder.glob("*.json") if self._folder.is_dir() else ()
        return sorted({*self.read().servers, *(path.stem for path in files)})

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as why:
            raise CollectError(
                f"{shown(str(self.path))} cannot be written: {why.strerror}", mend="give another --lock"
            ) from why
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)


def digest(definition: Definition) -> str:
    """Give the SHA-256 of all that a definition says, in the one way of canonical JSON.

    All of it, not chosen parts: what is not pinned could be changed and would still reach the model.
    """
    try:
        return hashlib.sha256(canonical(definition)).hexdigest()
    except (ValueError, TypeError, RecursionError) as why:
        raise CollectError("a definition is no JSON that can be pinned", mend="do not use this server") from why


def server_of(command: Sequence[str], url: str = "") -> str:
    """Name a server by how it is reached, not by what it says of itself: another command is another server."""
    if url:
        parts = urlsplit(url)
        said, whole = f"{parts.hostname or ''}{parts.path}".replace("/", "-"), url
    else:
        words = [word.rpartition("/")[2] for word in command if "=" not in word and not word.startswith("-")]
        said, whole = "-".join(words[:3]), "\0".join(command)
    told = "-".join(_WORD.findall(said))[:40].strip("-.") or "server"
    return f"{told}-{hashlib.sha256(whole.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def check_name(server: str) -> str:
    """Give a name that somebody chose for a server; raises `UsageError` where it can be no file's name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,79}", server):
        raise UsageError("--name is no short name of letters, digits, - _ . @", mend="give it as --name github")
    return server


def _file_name(server: str) -> str:
    return check_name(server)


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as why:
        raise CollectError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise CollectError(f"{shown(str(path))} is larger than {MOST_BYTES} bytes", mend="move it away")
    return content


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.replace(path)
    except OSError as why:
        raise CollectError(f"{shown(str(path))} cannot be written: {why.strerror}", mend="give another --lock") from why
