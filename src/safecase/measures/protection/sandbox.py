"""Sending a harmless program to wherever a service runs code, and seeing for ourselves what comes out of there."""

from __future__ import annotations

import contextlib
import inspect
import re
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from safecase.errors import CollectError
from safecase.measures.protection import in_the_box
from safecase.readers.text import shown
from safecase.targets.permission import Permission
from safecase.vocabulary import Noun

_LINE = re.compile(r"SAFECASE ([0-9a-f]{32}) (\{[^\n]{0,8000}\})")
_ACCEPT_S = 5.0


class Said(Noun, frozen=True):
    """What the program said of where it ran."""

    reached: bool
    """It got through to us, as it believes."""
    route: bool
    """The system knows a way to other machines."""
    names: tuple[str, ...]
    """Variables of its own environment that sound like a credential's."""
    others: tuple[str, ...]
    """The same of other processes, which it can look into."""
    tokens: tuple[str, ...]
    """Files of credentials that lie there."""
    read: tuple[str, ...]
    """A seal for each file that we know, empty where it could not be read."""
    wrote: bool


class Seen(NamedTuple):
    """What came of it: what the program said, and what reached us."""

    said: Said | None
    """None where nothing in the answer shows that the program ran."""
    came: bool
    """Its connection reached us."""
    read: tuple[str, ...]
    """Files of this machine that it could read."""
    wrote: bool
    """Its file lies on this machine."""


class Probe:
    """One program, and everything that waits for it; a context manager."""

    def __init__(self, permission: Permission, known: tuple[Path, ...]) -> None:
        self._permission = permission
        self._key = secrets.token_hex(16)
        self._came = threading.Event()
        self._known = known
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Probe:
        with contextlib.ExitStack() as opened:
            address, family = _own_address(self._permission)
            self._listener = opened.enter_context(socket.create_server((address, 0), family=family))
            opened.callback(self._hang_up)
            marker = Path(opened.enter_context(tempfile.NamedTemporaryFile(prefix="safecase-probe-")).name)
            marker.write_text(self._key)
            marker.chmod(0o644)  # whoever runs code is somebody else
            self._known = (marker, *self._known)
            self._new = marker.with_suffix(".new")
            self._open = opened.pop_all()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        with contextlib.suppress(OSError):
            self._new.unlink(missing_ok=True)

    @property
    def program(self) -> str:
        """Python that prints one line."""
        host, port = self._listener.getsockname()[:2]
        told = (self._key, host, port, [str(path) for path in self._known], str(self._new))
        return f"{inspect.getsource(in_the_box)}\n\nprint(look{told!r})\n"

    def seen(self, answer: str) -> Seen:
        """Read what was answered, and look at what came and what lies here."""
        said = self._said(answer)
        seals = {seal for seal in said.read if seal} if said is not None else set()
        return Seen(
            said=said,
            came=self._came.wait(1.0) if said is not None and said.reached else self._came.is_set(),
            read=tuple(str(path) for path in self._known if in_the_box.mac_of(self._key, str(path)) in seals),
            wrote=self._new.exists(),
        )

    def _said(self, answer: str) -> Said | None:
        for line in _LINE.finditer(answer):
            if secrets.compare_digest(in_the_box.mac(self._key, line[2].encode()), line[1]):
                with contextlib.suppress(msgspec.DecodeError):  # sealed by who read the key out of the program
                    return msgspec.json.decode(line[2], type=Said)
        return None

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # closing alone does not wake who waits
            self._listener.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed: nobody waits any longer
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_ACCEPT_S)
                if connection.recv(64) == self._key.encode():
                    self._came.set()


def _own_address(permission: Permission) -> tuple[str, socket.AddressFamily]:
    """Give the address by which the service can reach this machine, if it can at all."""
    family = socket.AF_INET6 if ":" in permission.addresses[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as end:
            end.connect((permission.addresses[0], permission.port))  # sends nothing: it is a datagram's
            return str(end.getsockname()[0]), family
    except OSError as why:
        raise CollectError(f"{shown(permission.host)} cannot be reached: {why.strerror}", mend="start it") from why


def texts(value: object, depth: int = 0) -> Iterator[str]:
    """Give every text in a decoded JSON answer."""
    if isinstance(value, str):
        yield value
    elif depth < 20 and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner, depth + 1)
