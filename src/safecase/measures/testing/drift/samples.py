"""What is known of single calls: from the gateway's log, whose chain is followed, or from recorded samples."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from safecase.detectors.refusals import read
from safecase.errors import EvidenceError, UsageError
from safecase.readers.chained_logs import Standing, follow
from safecase.readers.text import shown
from safecase.targets.dialects import DIALECTS
from safecase.targets.target import Reply, Unanswered
from safecase.vocabulary import Noun, Place

MOST_KEPT: Final = 2_000
"""Of each window, drawn at random: more would call the smallest shift a drift."""
MOST: Final = 1e12
"""Of any number; what is larger is no measurement."""
MOST_FILES: Final = 10_000
MOST_LINE: Final = 16 * 1024 * 1024
FOLLOW_S: Final = 300.0
_NUMBERS: Final = {"ms": "milliseconds", "tokens_in": "tokens in", "tokens_out": "tokens out"}
_WORDS: Final = ("model", "status", "upstream", "caller", "cached", "stream")
_MEND: Final = (
    '{"reply": "…", "model": "…", "finish_reason": "stop", "seconds": 0.4}, one a line, or the gateway\'s log'
)


class Sample(Noun, frozen=True):
    """One call."""

    numbers: Mapping[str, float]
    words: Mapping[str, str]
    text: str | None = None
    """What was answered, where that was written down."""


class Window:
    """Calls of a time: all of them, or so many drawn at random."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311  no secret
        self.samples: list[Sample] = []
        self.met = 0

    def add(self, sample: Sample) -> None:
        """Take a call (Vitter's reservoir: each has the same chance to stay)."""
        self.met += 1
        if len(self.samples) < MOST_KEPT:
            self.samples.append(sample)
        elif (at := self._rng.randrange(self.met)) < MOST_KEPT:
            self.samples[at] = sample


class _Recorded(Noun, frozen=True, forbid_unknown_fields=False):
    """A sample as somebody wrote it down."""

    reply: str
    time: datetime | None = None
    model: str = ""
    finish_reason: str = ""
    refused_by_filter: bool = False
    calls: tuple[Any, ...] = ()
    """Of tools: their names, or pairs and objects that begin with them."""
    tokens_in: Annotated[float, Meta(ge=0, le=MOST)] = 0
    tokens_out: Annotated[float, Meta(ge=0, le=MOST)] = 0
    seconds: Annotated[float, Meta(ge=0, le=MOST)] = 0


def windows(reference: Path, current: Path | None, since: datetime | None, seed: int) -> tuple[Window, Window]:
    """Read two windows: of two paths, or of one that is parted at a time.

    Raises `UsageError` at what cannot be read or is no sample, and `EvidenceError` where the chain of a log is broken.
    """
    before, now = Window(seed), Window(seed + 1)
    if current is not None:
        for path, window in ((reference, before), (current, now)):
            for _, sample in _read(path):
                window.add(sample)
        return before, now
    for at, sample in _read(reference):
        if at is None:
            raise UsageError(f"{shown(str(reference))} holds a sample without a time", mend="name two files instead")
        (now if since is not None and at >= since else before).add(sample)
    return before, now


def _read(path: Path) -> Iterator[tuple[datetime | None, Sample]]:
    """Give the calls of a file, or of all files below a folder, with their times."""
    files = sorted(path.rglob("*.jsonl"))[:MOST_FILES] if path.is_dir() else [path]
    if not files:
        raise UsageError(f"no *.jsonl lies below {shown(str(path))}", mend="name the folder of the log, or a file")
    ends: dict[Path, Standing | None] = {}
    for file in files:
        for number, line in _lines(file):
            place = Place(file=str(file), line=number)
            said = _object(line, place)
            if number == 1 and "prev" in said:
                ends[file.parent] = _followed(file, ends.get(file.parent))
            if (found := _sample(said, place)) is not None:
                yield found


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as opened:
            number = 0
            while line := opened.readline(MOST_LINE):
                number += 1
                if line.strip() and (line.endswith(b"\n") or number == 1 or _whole(line)):
                    yield number, line
    except OSError as why:
        raise UsageError(f"{shown(str(file))} cannot be read: {why.strerror}", mend="correct the path") from why


def _whole(line: bytes) -> bool:
    """Say whether a last line without an end is whole: a process that was killed leaves half of one."""
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _object(line: bytes, place: Place) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as why:
        raise UsageError(f"no sample: {shown(str(why), 120)}", mend=_MEND, place=place) from why


def _followed(file: Path, before: Standing | None) -> Standing | None:
    found = follow(file, before, frozenset(), FOLLOW_S)
    if found.flaw is not None and found.flaw.flaw != "torn":
        raise EvidenceError(
            f"line {found.flaw.line} of {shown(str(file))} {found.flaw.told}",
            mend="find out who changed the log; compare a copy of it",
        )
    return found.end


def _sample(said: dict[str, Any], place: Place) -> tuple[datetime | None, Sample] | None:
    if "event" in said:
        return _event(said) if said["event"] == "call" else None
    try:
        one = msgspec.convert(said, _Recorded)
    except msgspec.ValidationError as why:
        raise UsageError(f"no sample: {shown(str(why), 120)}", mend=_MEND, place=place) from why
    reply = Reply(
        text=one.reply,
        finish_reason=one.finish_reason,
        refused_by_filter=one.refused_by_filter,
        model=one.model,
    )
    numbers = {"tokens in": one.tokens_in, "tokens out": one.tokens_out, "milliseconds": 1000 * one.seconds}
    numbers_told, words = _answered(reply, [_name(call) for call in one.calls])
    words |= {"model": one.model} if one.model else {}
    return _utc(one.time), Sample(
        numbers=numbers_told | {k: float(v) for k, v in numbers.items() if v}, words=words, text=reply.text
    )


def _event(said: dict[str, Any]) -> tuple[datetime | None, Sample]:
    """Read a call as the gateway logs it; what was answered only where the policy has texts written down."""
    told = {name: said.get(key) for key, name in _NUMBERS.items()}
    numbers = {
        name: float(value) for name, value in told.items() if isinstance(value, int | float) and 0 <= value <= MOST
    }
    words = {key: shown(str(said.get(key, ""))) for key in _WORDS} | {"stopped for": shown(str(said.get("reason", "")))}
    guards = said.get("guards")
    for guard, found in (guards if isinstance(guards, dict) else {}).items():
        if isinstance(found, dict):
            words[f"guard {shown(guard)}"] = shown(str(found.get("result", "")))
    text = None
    if (reply := _logged(said)) is not None:
        more_numbers, more_words = _answered(reply, [call.tool for call in reply.calls])
        numbers, words, text = numbers | more_numbers, words | more_words, reply.text
    try:
        at = datetime.fromisoformat(str(said.get("time")))
    except ValueError:
        at = None
    return _utc(at), Sample(numbers=numbers, words=words, text=text)


def _logged(said: dict[str, Any]) -> Reply | None:
    answer, dialect = said.get("answer"), DIALECTS.get(str(said.get("api", "chat")))
    if not isinstance(answer, dict) or dialect is None:
        return None
    try:
        found = dialect.reply(answer)
    except Unanswered:
        return None
    return found if isinstance(found, Reply) else None


def _answered(reply: Reply, tools: list[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Give what an answer shows."""
    words = {
        "finish reason": shown(reply.finish_reason, 40),
        "reads as": read(reply.text, by_filter=reply.refused_by_filter),
        "tools": shown(", ".join(sorted(set(tools)))),
    }
    return {"characters": float(len(reply.text))}, words


def _utc(at: datetime | None) -> datetime | None:
    """Give a time in UTC; one that does not say where is taken for that, one at the end of all time for none."""
    try:
        return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except OverflowError:
        return None


def _name(call: Any) -> str:  # whatever JSON holds
    if isinstance(call, dict):
        return str(call.get("tool") or call.get("name") or "?")
    return str(call[0]) if isinstance(call, list | tuple) and call else str(call)
