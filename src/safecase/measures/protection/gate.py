"""Asking the running service through its gateway, and finding in the gateway's log what the guards did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from safecase.checks import Context
from safecase.errors import CollectError
from safecase.service.schema import Endpoint
from safecase.targets.connection import Connection
from safecase.targets.permission import allowed

HEADER = "x-safecase-call"
FOLDER = ".safecase/gateway"
WAIT_S = 3.0
MOST_READ = 64_000_000
"""Bytes from the end of a log: a call of a moment ago stands there."""


class Passed(NamedTuple):
    """What came back from one asking."""

    status: int
    id: str
    """Under which the gateway's log has it; empty where no gateway of ours answered."""
    guard: str
    """Who refused it, where somebody did."""


class Gate:
    """The declared endpoint, asked as a client asks it."""

    def __init__(self, endpoint: Endpoint, ctx: Context) -> None:
        self._permission = allowed(ctx.secret(endpoint.url), ctx.owned)
        self._connection = Connection(self._permission, timeout_s=endpoint.timeout_s, remaining=ctx.remaining)
        key = ctx.secret(endpoint.key)
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._model = endpoint.model or "default"

    def ask(self, messages: Sequence[Mapping[str, Any]]) -> Passed:
        """Send one chat completion of a few tokens."""
        body = {"model": self._model, "messages": list(messages), "max_tokens": 16}
        path = f"{self._permission.path}/chat/completions"
        answer = self._connection.exchange("POST", path, headers=self._headers, body=body)
        try:
            error = json.loads(answer.body).get("error") or {}
        except (ValueError, AttributeError, RecursionError):
            error = {}
        guard = error.get("param") if isinstance(error, dict) and answer.status == 403 else ""
        return Passed(answer.status, answer.headers.get(HEADER, ""), str(guard or ""))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def event_of(call: str, ctx: Context) -> dict[str, Any] | None:
    """Find a call in the log of the gateway; None where the log does not have it, or does not lie here.

    The log is written a moment after the answer: it is waited for.
    """
    until = time.monotonic() + min(WAIT_S, max(0.0, ctx.remaining() - 1))
    while True:
        found = _event(call, ctx)
        if found is not None or time.monotonic() >= until:
            return found
        time.sleep(0.05)


def _event(call: str, ctx: Context) -> dict[str, Any] | None:
    said = ctx.manifest.protection.gateway.get("log")
    folder = str(said.get("folder", FOLDER)) if isinstance(said, dict) else FOLDER
    try:
        root = ctx.path(folder)
    except CollectError:
        return None
    wanted = f'"id":"{call}"'.encode()
    for path in sorted(root.glob("*/events-*.jsonl"), reverse=True) if root.is_dir() else ():
        for line in _last_lines(path):
            if wanted in line:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and found.get("id") == call:
                    return found
    return None


def result(event: Mapping[str, Any], guard: str) -> tuple[str, int]:
    """Give what a guard said in an event, and how often it found something; in shadow mode it did nothing."""
    if event.get("shadow"):
        return "shadow", 0
    guards = event.get("guards")
    one = guards.get(guard) if isinstance(guards, dict) else None
    if not isinstance(one, dict):
        return "absent", 0
    count = one.get("found", 0)
    return str(one.get("result", "absent")), count if isinstance(count, int) else 0


def _last_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_READ))
            yield from reversed(file.read(MOST_READ).splitlines())
    except OSError:
        return
