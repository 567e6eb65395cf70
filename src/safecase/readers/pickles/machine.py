"""The abstract pickle machine: stack, marks, memo and limits of one stream; `opcodes` moves it."""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import Deadline, Problems
from safecase.readers.pickles.bombs import Keys
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.values import Blob, Global, Unknown, Value
from safecase.vocabulary import Noun

MOST_KEPT_TEXT: Final = 256
"""Longer texts stay in the stream: no name and no argument that rules look at is longer."""

MOST_LINE: Final = 65_536


class Limits(Noun, frozen=True):
    """How far a pickle is followed before it counts as not judged."""

    opcodes: int = 10_000_000
    memo: int = 2_000_000
    stack: int = 1_000_000
    text: int = 256 * 1024 * 1024
    """Bytes of short texts that may be held at once."""
    streams: int = 10_000
    depth: int = 4
    """Pickles within pickles."""
    seconds: float = 60.0
    search: int = 256 * 1024 * 1024
    """Bytes behind the end of a stream that are searched for another one."""


class Broken(Exception):  # noqa: N818 - not an error of ours: the stream ends here for the real unpickler, too
    """The real unpickler would stop here."""


class Exhausted(Exception):  # noqa: N818 - the same
    """A limit was reached: what follows is not judged."""


class Session:
    """What all machines of one scan share: the limits, the policy, and what was seen."""

    def __init__(self, policy: Policy, limits: Limits, deadline: Deadline) -> None:
        self.policy = policy
        self.limits = limits
        self.deadline = deadline
        self.problems = Problems()
        self.globals: dict[str, tuple[Global, int, str]] = {}
        """By dotted name: what was named, where first, and in which member."""
        self.called: dict[str, tuple[int, str]] = {}
        """By dotted name of the callable: where first, and the call as text."""
        self.extensions: dict[int, tuple[str, str]] = {}
        self.opcodes = 0
        self.depth = 0
        self.made = 0
        """Bytes that calls would make of a number alone."""

    def look_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Look at bytes that a pickle gives to another loader."""
        raise NotImplementedError

    def streams_within(self, stream: BinaryIO, size: int, member: str) -> None:
        """Follow the one stream that begins where `stream` is, in the middle of another one."""
        raise NotImplementedError


class Machine:
    """One stream of pickle opcodes; `calls` is told what it would call."""

    operations: Mapping[bytes, Callable[[Machine], None]] | None = None
    """What its opcodes do, where that is not what `opcodes` says: for who wants containers whole."""

    def __init__(self, stream: BinaryIO, size: int, session: Session, calls: Calls) -> None:
        self.stream = stream
        self.size = size
        self.session = session
        self.calls = calls
        self.read = stream.read
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.keys = Keys()
        self.protocol = 0
        self.texts = 0
        self.frame_end = 0

    def keep_within_limits(self) -> None:
        """Raise `Exhausted` where a limit is reached."""
        limits = self.session.limits
        if self.session.opcodes > limits.opcodes:
            raise Exhausted(f"it has more than {limits.opcodes} opcodes")
        if len(self.memo) > limits.memo:
            raise Exhausted(f"its memo has more than {limits.memo} entries")
        if len(self.stack) > limits.stack or len(self.below) > limits.stack:
            raise Exhausted(f"its stack has more than {limits.stack} entries")
        if self.texts > limits.text:
            raise Exhausted(f"it holds more than {limits.text} bytes of text")
        if self.session.deadline.passed():
            raise Exhausted("it takes too long")

    # What handlers are made of

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        found = self.read(count)
        if len(found) < count:
            raise Broken("it ends within an argument")
        return found

    def line(self) -> bytes:
        """Read a short line without its end."""
        found = self.stream.readline(MOST_LINE)
        if not found.endswith(b"\n"):
            raise Broken("it ends within a line" if len(found) < MOST_LINE else "it has an endless line")
        return found[:-1]

    def pop(self) -> Value:
        """Take the top of the stack."""
        if not self.stack:
            raise Broken("it takes from an empty stack")
        return self.stack.pop()

    def top(self) -> Value:
        """Look at the top of the stack."""
        if not self.stack:
            raise Broken("it looks at an empty stack")
        return self.stack[-1]

    def pop_mark(self) -> list[Value]:
        """Take everything above the last mark."""
        if not self.below:
            raise Broken("it has no mark")
        items = self.stack
        self.stack = self.below.pop()
        return items

    def skip(self, count: int) -> int:
        """Pass over bytes without reading them; gives where they start."""
        start = self.stream.tell()
        if count > self.size - start:
            raise Broken(f"an argument of {count} bytes, of which {max(0, self.size - start)} are there")
        self.stream.seek(start + count)
        return start

    def push_text(self, count: int) -> None:
        """Push a UTF-8 text."""
        if count > MOST_KEPT_TEXT:
            self.stack.append(Blob(self.stream, self.skip(count), count, "text"))
            return
        self.texts += count
        found = self.read(count)
        if len(found) < count:
            raise Broken("it ends within an argument")
        try:
            self.stack.append(found.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            raise Broken("a text that is not UTF-8") from None

    def push_bytes(self, count: int) -> None:
        """Push bytes."""
        if count > MOST_KEPT_TEXT:
            self.stack.append(Blob(self.stream, self.skip(count), count, "bytes"))
            return
        self.texts += count
        self.stack.append(self.take(count))

    def push_name(self, module: str, name: str) -> None:
        """Push what a name stands for, without importing it."""
        if self.protocol < 3:
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            elif module in IMPORT_MAPPING:
                module = IMPORT_MAPPING[module]
        self.stack.append(self.calls.named(self, module, name))

    def integer(self, size: int) -> int:
        """Read an unsigned little-endian number."""
        return int.from_bytes(self.take(size), "little")


class Calls:
    """What the machine tells of names, calls and side effects; `calls.Judge` is the one that judges."""

    def named(self, machine: Machine, module: str, name: str) -> Value:
        """A name was resolved; gives its value."""
        raise NotImplementedError

    def call(self, machine: Machine, func: Value, args: Value) -> Value:
        """A callable is called; gives its result."""
        raise NotImplementedError

    def build(self, machine: Machine, instance: Value, state: Value) -> None:
        """BUILD puts a state into an instance."""
        raise NotImplementedError

    def changed(self, machine: Machine, target: Value, method: str, values: list[Value]) -> None:
        """APPEND and its kin call a method of something that is no plain container."""
        raise NotImplementedError

    def computed_name(self, machine: Machine, module: Value, name: Value) -> Value:
        """STACK_GLOBAL takes a name that is not a plain text."""
        raise NotImplementedError

    def bomb(self, machine: Machine, why: str) -> None:
        """It fills the memory of the process that loads it."""
        raise NotImplementedError

    def misread(self, machine: Machine) -> None:
        """A frame ends within an opcode, or another begins within it."""
        raise NotImplementedError

    def persistent(self, machine: Machine, name: Value) -> Value:
        """A persistent id is given to the loader, which knows what it stands for; gives its value."""
        return Unknown("persistent object")

    def extension(self, machine: Machine, code: int) -> Value:
        """A code of the extension registry; gives its value."""
        raise NotImplementedError
