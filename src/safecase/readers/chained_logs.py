"""Event logs whose lines name the line before them: read line by line, and where the chain first breaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from safecase.errors import CollectError
from safecase.readers.text import shown

FIRST = "0" * 64
"""What the first line of a log names as the line before it."""
MOST_LINE = 16 * 1024 * 1024
MOST_BYTES = 4 * 1024**3
MOST_HEAD = 64 * 1024
CLOCK_SLACK = timedelta(seconds=5)
"""How far a clock may step back from one line to the next."""

Flaw: TypeAlias = Literal["not-json", "no-prev", "broken", "gap", "id", "clock", "torn", "too-long"]
_TIMES = ("time", "timestamp", "at", "ts", "recorded_at")


class Break(NamedTuple):
    """The first line that does not follow from the one before it."""

    line: int
    flaw: Flaw
    told: str


class Standing(NamedTuple):
    """Where a chain stands after a line: what the next one must follow."""

    digests: frozenset[str]
    """SHA-256 of the line's bytes, and its `id` where it has one."""
    seq: int | None
    time: datetime | None


class Followed(NamedTuple):
    """What following one file showed."""

    lines: int
    begins: str
    """What its first line names as the line before it; empty where there is no line."""
    first_time: datetime | None
    end: Standing | None
    flaw: Break | None
    reached: dict[int, frozenset[str]]
    """What the lines that were asked for are called."""


class Head(NamedTuple):
    """A note of how far a log had come: so many lines, and what the last of them is called."""

    lines: int
    sha256: str


def follow(path: Path, before: Standing | None, wanted: frozenset[int], deadline_s: float) -> Followed:
    """Follow the chain of one file to its end or its first flaw; `before` is where the file before it ended.

    `wanted` are numbers of lines, from 1, whose digests a head names. Raises CollectError where it cannot be read.
    """
    reached: dict[int, frozenset[str]] = {}
    number, begins, first_time, end = 0, "", None, before
    for number, line in enumerate(_lines(path, deadline_s), start=1):
        found = _standing(line, number, end, is_first=number == 1)
        if isinstance(found, Break):
            return Followed(number - 1, begins, first_time, end, found, reached)
        if number == 1:
            begins, first_time = _previous(line), found.time
        end = found
        if number in wanted:
            reached[number] = found.digests
    return Followed(number, begins, first_time, end if number else None, None, reached)


def read_head(path: Path) -> Head:
    """Read `{"lines": N, "sha256": "…"}`; raises CollectError where it says something else."""
    wanted = 'write it as {"lines": 1200, "sha256": "<of the last of them>"}'
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(MOST_HEAD))
    except (OSError, ValueError, RecursionError) as why:
        raise CollectError(f"{shown(path.name)} cannot be read as the head of a log", mend=wanted) from why
    lines, digest = (said.get("lines"), said.get("sha256")) if isinstance(said, dict) else (None, None)
    if not isinstance(lines, int) or isinstance(lines, bool) or lines < 1 or not _is_digest(digest):
        raise CollectError(f"{shown(path.name)} says no number of lines and no digest", mend=wanted)
    return Head(lines, str(digest).removeprefix("sha256:").lower())


def _lines(path: Path, deadline_s: float) -> Iterator[bytes]:
    import time

    end = time.monotonic() + deadline_s
    try:
        with path.open("rb") as file:
            read = 0
            while line := file.readline(MOST_LINE + 1):
                read += len(line)
                if read > MOST_BYTES or time.monotonic() > end:
                    raise CollectError(
                        f"{shown(path.name)} is too long to be followed in the time that there is",
                        mend="raise settings.check_seconds, or start a new file each day",
                    )
                yield line
    except OSError as why:
        raise CollectError(
            f"{shown(path.name)} cannot be read: {why.strerror}", mend="correct infrastructure.logs"
        ) from why


def _standing(line: bytes, number: int, before: Standing | None, *, is_first: bool) -> Standing | Break:
    said = _said(line, number)
    if isinstance(said, Break):
        return said
    previous = str(said.get("prev"))
    if not _is_digest(previous):
        return Break(number, "no-prev", "names no line before it (`prev`)")
    seq, time = _seq(said), _time(said)
    # The first line of a file may start a chain, or go on with one that is not here: who calls decides on that.
    if before is not None and not (is_first and _bare(previous) == FIRST):
        if _bare(previous) not in before.digests:
            return Break(number, "broken", "does not follow from the line before it: one of them was changed, or went")
        if seq is not None and before.seq is not None and seq != before.seq + 1:
            return Break(number, "gap", f"has number {seq}, and {before.seq + 1} was to come")
        if time is not None and before.time is not None and before.time - time > CLOCK_SLACK:
            return Break(number, "clock", "is older than the line before it: a clock is out of step")
    digests = {hashlib.sha256(line[:-1]).hexdigest()}
    if "id" in said and _is_digest(said["id"]):
        if not _is_named_by(said):
            return Break(number, "id", "has an id that is not the digest of what it says")
        digests.add(_bare(said["id"]))
    return Standing(frozenset(digests), seq, time)


def _said(line: bytes, number: int) -> dict[str, Any] | Break:
    if not line.endswith(b"\n"):
        if len(line) > MOST_LINE:
            return Break(number, "too-long", f"is longer than {MOST_LINE // 1024**2} MiB")
        return Break(number, "torn", "breaks off: it has no end of line")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return Break(number, "not-json", "is no JSON")
    return said if isinstance(said, dict) else Break(number, "not-json", "is no JSON object")


def _previous(line: bytes) -> str:
    return _bare(json.loads(line)["prev"])


def _is_named_by(said: dict[str, Any]) -> bool:
    """Say whether `id` is the SHA-256 of the rest as canonical JSON: how the evidence ledger names its records."""
    body = {key: value for key, value in said.items() if key != "id"}
    try:
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return False
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() == _bare(said["id"])


def _seq(said: dict[str, Any]) -> int | None:
    seq = said.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None


def _time(said: dict[str, Any]) -> datetime | None:
    for name in _TIMES:
        value = said.get(name)
        try:
            if isinstance(value, str):
                found = datetime.fromisoformat(value)
                return found.astimezone(UTC) if found.tzinfo else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                # OCSF gives milliseconds, others seconds; a number of seconds has ten digits until 2286.
                return datetime.fromtimestamp(value / 1000 if value > 99_999_999_999 else value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return None


def _is_digest(value: Any) -> bool:
    bare = value.removeprefix("sha256:") if isinstance(value, str) else ""
    return len(bare) == 64 and all(c in "0123456789abcdefABCDEF" for c in bare)


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:").lower()
