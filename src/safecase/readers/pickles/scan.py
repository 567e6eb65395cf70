"""Look into pickles without loading them: what would they import, call and change?

    report = scan(path.open("rb"), name="model.pkl")
    report.verdict     # malicious | suspicious | error | clean

Everything in the file is followed: streams behind the first one, pickles within bytes, what stands before the place
where a stream breaks, and streams behind raw bytes. A limit that is reached is a problem, never a pass.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import Deadline, FileVerdict, Problem, worst
from safecase.readers.pickles import opcodes
from safecase.readers.pickles.calls import Judge, tell_what_was_named
from safecase.readers.pickles.machine import Broken, Exhausted, Limits, Machine, Session
from safecase.readers.pickles.policy import Policy
from safecase.vocabulary import Noun

WINDOW: Final = 1024 * 1024
OVERLAP: Final = 512
MOST_TRIALS: Final = 20_000

_STARTS: Final = (
    re.compile(rb"\x80[\x02-\x05][\x95(\]})c\x8c\x8d\x8fXBCNKJMG\x8a\x88\x89]"),
    re.compile(rb"c[A-Za-z_][\w.]{1,80}\n[A-Za-z_][\w.]{1,80}\n"),
    re.compile(rb"\(i[A-Za-z_][\w.]{1,80}\n[A-Za-z_][\w.]{1,80}\n"),
)
"""How a stream may begin behind other bytes. Random ones look like it seldom, and then break at once."""

__all__ = ["Call", "Limits", "PickleReport", "ScanSession", "scan", "seems_pickle"]


class Call(Noun, frozen=True):
    """A callable that the pickle calls, by its first call."""

    name: str
    text: str
    offset: int


class PickleReport(Noun, frozen=True):
    """What a pickle would do."""

    protocol: int
    streams: int
    opcodes: int
    globals: tuple[str, ...]
    """Dotted names that it imports, as they are really meant."""
    calls: tuple[Call, ...]
    problems: tuple[Problem, ...]
    complete: bool
    """All of it was looked at."""

    @property
    def verdict(self) -> FileVerdict:
        """Give the worst of its problems."""
        return worst(self.problems)


def scan(
    source: BinaryIO | bytes, *, name: str = "", limits: Limits | None = None, allow: frozenset[str] = frozenset()
) -> PickleReport:
    """Look at every pickle stream of a file; `source` must be seekable, `allow` holds dotted names that are fine."""
    stream: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source
    limits = limits or Limits()
    session = ScanSession(Policy(allow), limits, Deadline(limits.seconds))
    session.look_streams(stream, stream.seek(0, io.SEEK_END), name)
    return session.report()


def seems_pickle(prefix: bytes, size: int = 0) -> bool:
    """Say whether bytes are the beginning of a pickle of `size`: by its header, or by following it without one."""
    if not prefix or prefix[:1] not in opcodes.OPCODES:
        return False
    if prefix[:1] == b"\x80" and prefix[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return prefix[2:3] in (*opcodes.OPCODES, b".")
    session = ScanSession(Policy(), Limits(opcodes=4096, seconds=2.0), Deadline(2.0))
    machine = Machine(io.BytesIO(prefix), max(size, len(prefix)), session, Judge(session, ""))
    try:
        ended = opcodes.run(machine, 4096)
    except Exhausted:
        return True
    except Broken:
        # The beginning may end within a long text that the whole file has.
        here = machine.stream.tell()
        return here > len(prefix) or (here == len(prefix) and session.opcodes > 3) or bool(session.called)
    return not ended or session.opcodes > 2 or machine.stream.tell() == len(prefix)


class ScanSession(Session):
    """A scan of one file, of one or many members."""

    def __init__(self, policy: Policy, limits: Limits, deadline: Deadline) -> None:
        super().__init__(policy, limits, deadline)
        self.streams = 0
        self.protocol = 0
        self.complete = True
        self.trials = 0

    def report(self) -> PickleReport:
        """Tell what was seen."""
        tell_what_was_named(self)
        calls = (Call(name=name, text=text, offset=offset) for name, (offset, text) in self.called.items())
        return PickleReport(
            protocol=self.protocol,
            streams=self.streams,
            opcodes=self.opcodes,
            globals=tuple(sorted(self.globals)),
            calls=tuple(calls),
            problems=self.problems.all(),
            complete=self.complete,
        )

    def look_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Look at bytes within a pickle, which are taken for a pickle here."""
        self.look_streams(stream, size, member)

    def look_streams(self, stream: BinaryIO, size: int, member: str, *, surely: bool = True) -> None:
        """Look at every stream of a file or of bytes within one, as deep as the limits allow.

        Where it is not `surely` a pickle, what breaks off and does nothing bad was none.
        """
        if self.depth >= self.limits.depth:
            self._not_judged(f"pickles lie more than {self.limits.depth} deep in one another", None, member)
            return
        self.depth += 1
        try:
            self._all_streams(stream, size, member, surely)
        finally:
            self.depth -= 1

    def also_as_pickle(self, stream: BinaryIO, size: int, member: str) -> None:
        """Look at what is another format as a loader of pickles would read it."""
        stream.seek(0)
        first = stream.read(2)
        # No unpickler gets to see what begins like a zip: `P` asks for a persistent object, which only PyTorch has, and
        # that takes such a file for its archive.
        if first[:1] not in opcodes.OPCODES or first == b"PK":
            return
        streams = self.streams
        self._try(stream, 0, size, member)
        if self.streams > streams:
            self.look_streams(stream, size, member, surely=False)

    def streams_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Follow the one stream that begins here, in the middle of another one."""
        if self.depth >= self.limits.depth:
            raise Exhausted(f"pickles lie more than {self.limits.depth} deep in one another")
        self.depth += 1
        try:
            opcodes.run(Machine(stream, size, self, Judge(self, member)))
        finally:
            self.depth -= 1

    def _all_streams(self, stream: BinaryIO, size: int, member: str, surely: bool) -> None:
        stream.seek(0)
        position = self._first(stream, size, member) if surely else self._try(stream, 0, size, member)
        while position is not None and position < size and self.streams < self.limits.streams:
            following = self._next_start(stream, position, size)
            if following is None:
                return
            position = self._try(stream, following, size, member)
        if position is not None and position < size:
            self._not_judged(f"it has more than {self.limits.streams} streams", position, member)

    def _first(self, stream: BinaryIO, size: int, member: str) -> int | None:
        machine = Machine(stream, size, self, Judge(self, member))
        self.streams += 1
        try:
            opcodes.run(machine)
        except Broken as why:
            where = stream.tell()
            self.problems.add(
                "pickle.broken", "error", f"the pickle breaks off: {why}", offset=where, member=member, key=str(why)
            )
        except Exhausted as why:
            self._not_judged(str(why), stream.tell(), member)
            return None
        self.protocol = max(self.protocol, machine.protocol)
        return stream.tell()

    def _try(self, stream: BinaryIO, start: int, size: int, member: str) -> int | None:
        """Follow what may be another stream; what breaks off and does nothing bad was none."""
        self.trials += 1
        trial = ScanSession(self.policy, self.limits, self.deadline)
        trial.depth, trial.opcodes, trial.extensions = self.depth, self.opcodes, self.extensions
        machine = Machine(stream, size, trial, Judge(trial, member))
        stream.seek(start)
        whole = False
        try:
            whole = opcodes.run(machine)
        except Broken:
            pass
        except Exhausted as why:
            self._not_judged(str(why), stream.tell(), member)
            return None
        finally:
            self.opcodes = trial.opcodes
            self.complete = self.complete and trial.complete
        if not trial.globals:
            # Without a name it can do nothing; and any bytes may look like a stream of harmless opcodes.
            self.streams += whole
            return stream.tell() if whole else start + 1
        if not whole:
            tell_what_was_named(trial)
            self.problems.put_all(p for p in trial.problems.all() if p.says == "malicious")
            return start + 1
        self.streams += 1
        self.problems.put_all(trial.problems.all())
        self.globals = trial.globals | self.globals
        self.called = trial.called | self.called
        return stream.tell()

    def _next_start(self, stream: BinaryIO, position: int, size: int) -> int | None:
        """Find where another stream may begin: right here, or behind bytes that are none."""
        stream.seek(position)
        if stream.read(1) in (b"\x80", b"c", b"(", b"]", b"}"):
            return position
        if self.trials > MOST_TRIALS:
            self._not_judged("too many places look like another stream", position, "")
            return None
        return min(self._found_starts(stream, position, min(size, position + self.limits.search)), default=None)

    def _found_starts(self, stream: BinaryIO, position: int, end: int) -> Iterator[int]:
        while position < end:
            stream.seek(position)
            window = stream.read(min(WINDOW, end - position))
            found = [position + hit.start() for pattern in _STARTS if (hit := pattern.search(window))]
            if found:
                yield min(found)
                return
            if len(window) <= OVERLAP:
                return
            position += len(window) - OVERLAP

    def _not_judged(self, why: str, offset: int | None, member: str) -> None:
        self.complete = False
        message = f"not judged beyond this: {why}"
        self.problems.add("pickle.limits", "error", message, offset=offset, member=member, key=why)
