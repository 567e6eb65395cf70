"""The values on the stack of the abstract pickle machine.

None, bool, int, float, short str and bytes, and tuples stand for themselves; everything else is one of these.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Final, Literal, TypeAlias

from safecase.readers.text import shown

Value: TypeAlias = Any
"""An abstract value: a constant, a tuple of values, or one of the classes below."""

MOST_ITEMS: Final = 64
"""Items of a list or a dict that are remembered: enough for the arguments and states that rules look at."""

MOST_SHOWN_DEPTH: Final = 3


class Global:
    """What a GLOBAL-like opcode names; never imported."""

    __slots__ = ("module", "name", "ruling")

    def __init__(self, module: str, name: str, ruling: str) -> None:
        self.module = module
        self.name = name
        self.ruling = ruling

    @property
    def full(self) -> str:
        """Its dotted name."""
        return f"{self.module}.{self.name}" if self.name else self.module


class Called:
    """The result of a call: an instance, or whatever the callable gives."""

    __slots__ = ("args", "func", "state")

    def __init__(self, func: Value, args: tuple[Value, ...] | None) -> None:
        self.func = func
        self.args = args
        """None where they are not known."""
        self.state: Value = None


class ListBox:
    """A list, by its first items."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[Value] = []

    def add(self, values: list[Value]) -> None:
        """Append."""
        room = MOST_ITEMS - len(self.items)
        if room > 0:
            self.items.extend(values[:room])


class DictBox:
    """A dict, by its first entries whose key is a short text."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: dict[str, Value] = {}

    def put(self, key: Value, value: Value) -> None:
        """Set an entry; one that decides what BUILD or APPEND calls is always kept."""
        if isinstance(key, str) and (len(self.items) < MOST_ITEMS or key in self.items or key in PLANTED):
            self.items[key] = value


PLANTED: Final = frozenset({"__setstate__", "append", "extend", "add", "__class__", "__dict__"})
"""Attributes that the unpickler itself looks up on an instance."""


class SetBox:
    """A set or a frozenset."""

    __slots__ = ()


class Unknown:
    """A value that is not followed: a persistent id's object, an out-of-band buffer, a huge number."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


class Blob:
    """A long text or long bytes, left where it lies in the stream."""

    __slots__ = ("kind", "length", "offset", "stream")

    def __init__(self, stream: BinaryIO, offset: int, length: int, kind: Literal["text", "bytes"]) -> None:
        self.stream = stream
        self.offset = offset
        self.length = length
        self.kind = kind

    def read(self, limit: int) -> bytes:
        """Give its first bytes, and leave the stream where it was."""
        here = self.stream.tell()
        self.stream.seek(self.offset)
        found = self.stream.read(min(limit, self.length))
        self.stream.seek(here)
        return found


def described(value: Value, depth: int = 0) -> str:
    """Show a value in a message: short, escaped, and never deeper than a few levels."""
    match value:
        case str() | bytes():
            return shown(repr(value[:61]), 64)
        case Global():
            return shown(value.full)
        case Called():
            return f"{described(value.func, depth + 1)}(…)" if depth < MOST_SHOWN_DEPTH else "…"
        case tuple():
            if depth >= MOST_SHOWN_DEPTH:
                return "(…)"
            return f"({_listed(value, depth)})"
        case ListBox():
            return f"[{_listed(tuple(value.items), depth)}]" if depth < MOST_SHOWN_DEPTH else "[…]"
        case DictBox():
            return "{…}" if value.items else "{}"
        case SetBox():
            return "{…}"
        case Blob():
            return f"<{value.kind} of {value.length} bytes>"
        case Unknown():
            return f"<{value.what}>"
        case int() if abs(value) >= 10**20:
            return "<a large number>"
        case _:
            return shown(repr(value), 40)


def described_call(func: Value, args: tuple[Value, ...] | None) -> str:
    """Show a call in a message."""
    return f"{described(func)}({'…' if args is None else _listed(args, 1)})"


def _listed(values: tuple[Value, ...], depth: int) -> str:
    told = ", ".join(described(v, depth + 1) for v in values[:4])
    return told + (", …" if len(values) > 4 else "")
