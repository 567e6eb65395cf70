"""Argument rules: callables that are harmless with some arguments only, or that load what they are given."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from safecase.readers.artifacts.report import FileVerdict
from safecase.readers.pickles.machine import Machine
from safecase.readers.pickles.values import (
    Blob,
    Called,
    DictBox,
    Global,
    ListBox,
    SetBox,
    Unknown,
    Value,
    described_call,
)

if TYPE_CHECKING:
    from safecase.readers.pickles.calls import Judge

Args = tuple[Value, ...] | None
Rule = Callable[["Judge", Machine, Global, Args], Value]

MOST_INNER: Final = 64 * 1024 * 1024
"""Bytes of a pickle within a pickle."""

MOST_MADE: Final = 1024 * 1024 * 1024
"""Bytes that `bytes(n)` may ask for."""

_LATIN: Final = frozenset({"latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1", "iso8859_1", "l1"})


def _plain(value: Value, depth: int = 0) -> bool:
    """Say whether a value is made of constants and plain containers only."""
    if depth > 8:
        return False
    if isinstance(value, tuple):
        return all(_plain(v, depth + 1) for v in value[:64])
    if isinstance(value, ListBox):
        return all(_plain(v, depth + 1) for v in value.items)
    if isinstance(value, DictBox):
        return all(_plain(v, depth + 1) for v in value.items.values())
    return value is None or isinstance(value, str | bytes | int | float | Blob | SetBox)


def _refuse(
    judge: Judge, machine: Machine, func: Global, args: Args, why: str, says: FileVerdict = "malicious"
) -> Value:
    message = f"it would call {described_call(func, args)}: {why}"
    judge.tell("pickle.arguments", says, message, max(0, machine.stream.tell() - 1), func.full)
    return Called(func, args)


def _all_plain(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or not all(_plain(a) for a in args):
        return _refuse(judge, machine, func, args, "its arguments are no constants", "suspicious")
    return Called(func, args)


def _one_plain(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or len(args) != 1 or isinstance(args[0], Unknown):
        return _refuse(judge, machine, func, args, "more than one argument makes it call or define something")
    return Called(func, args)


def _bytes(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args and isinstance(args[0], int):
        judge.session.made += max(0, min(args[0], 2 * MOST_MADE))
        if judge.session.made > MOST_MADE:
            judge.bomb(machine, f"it fills the memory: {described_call(func, args)}")
    if (args and isinstance(args[0], bytes)) or (args and isinstance(args[0], Blob) and args[0].kind == "bytes"):
        return args[0]
    if args and len(args) > 1:
        return _encoded(args[0]) or Called(func, args)
    return Called(func, args)


def _latin1(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args or len(args) > 2 or (len(args) == 2 and str(args[1]).lower() not in _LATIN):
        return _refuse(judge, machine, func, args, "another encoding than latin1", "suspicious")
    return _encoded(args[0]) or Called(func, args)


def _encoded(text: Value) -> Value:
    """Give the bytes that a text of protocol 2 stands for; None where they are not at hand."""
    if isinstance(text, str):
        return text.encode("latin-1", "replace")
    if isinstance(text, Blob) and text.kind == "text" and text.length <= 2 * MOST_INNER:
        content = text.read(text.length).decode("utf-8", "replace").encode("latin-1", "replace")
        return Blob(io.BytesIO(content), 0, len(content), "bytes")
    return None


def _getattr(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    """A class attribute by name is how enum members and nested classes are pickled; anything else is a way around."""
    if args is None or len(args) != 2 or not isinstance(args[0], Global) or not isinstance(args[1], str):
        return _refuse(judge, machine, func, args, "it takes an attribute of something computed")
    owner, name = args
    if not name.isidentifier() or name.startswith("_") or owner.ruling not in ("allowed", "project"):
        return _refuse(judge, machine, func, args, "it reaches into what is not on the list")
    return (
        judge.named(machine, owner.module, f"{owner.name}.{name}") if owner.ruling == "project" else Called(func, args)
    )


def _newobj(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args:
        return _refuse(judge, machine, func, args, "its class is not known")
    return judge.call(machine, args[0], args[1:])


def _no_arguments(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    """Its own pickles make an empty instance; what it takes is the name of a file to read."""
    if args is None or any(a is not None for a in args):
        return _refuse(judge, machine, func, args, "it may read what it is given the name of", "suspicious")
    return Called(func, args)


def _reconstructor(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or len(args) != 3:
        return _refuse(judge, machine, func, args, "its class is not known")
    made = judge.call(machine, args[0], (args[2],))
    base = args[1]
    if isinstance(base, Global) and not (base.module == "builtins" and base.ruling == "allowed"):
        judge.call(machine, base, (args[2],))
    return made


def _class_first(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args or not isinstance(args[0], Global):
        return _refuse(judge, machine, func, args, "its class is not known")
    judge.call(machine, args[0], args[1:])
    return Called(func, args)


def _callable_first(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or len(args) < 3:
        return _refuse(judge, machine, func, args, "what it calls is not known")
    return judge.call(machine, args[0], args[2])


def _callable_and_arguments(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or len(args) < 2:
        return _refuse(judge, machine, func, args, "what it calls is not known")
    return judge.call(machine, args[0], args[1])


def _ndarray(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args or not isinstance(args[0], Global) or args[0].ruling not in ("allowed", "project"):
        return _refuse(judge, machine, func, args, "it makes something else than an array")
    if args[0].ruling == "project":
        judge.call(machine, args[0], args[1:])
    return Called(func, args)


def _ufunc(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is None or len(args) != 2 or not all(isinstance(a, str) for a in args):
        return _refuse(judge, machine, func, args, "it imports by a computed name")
    return judge.named(machine, args[0], args[1])


def _partial(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args or not isinstance(args[0], Global):
        return _refuse(judge, machine, func, args, "what it wraps is not known", "suspicious")
    if args[0].ruling == "ruled":
        return _refuse(judge, machine, func, args, "it hides the arguments of what it wraps", "suspicious")
    return Called(func, args)


def _attributes(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if not args or not all(isinstance(a, str) and "__" not in a for a in args):
        return _refuse(judge, machine, func, args, "it reaches into internals")
    return Called(func, args)


def _add_extension(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    if args is not None and len(args) == 3 and isinstance(args[0], str) and isinstance(args[1], str):
        if isinstance(args[2], int) and len(judge.session.extensions) < 10_000:
            judge.session.extensions[args[2]] = (args[0], args[1])
        judge.named(machine, args[0], args[1])
    return _refuse(judge, machine, func, args, "it gives a name a code that hides it", "suspicious")


def _nested(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    """Look into bytes that the callable loads as a file of their own."""
    inner = args[0] if args else None
    if isinstance(inner, bytes):
        inner = Blob(io.BytesIO(inner), 0, len(inner), "bytes")
    if not isinstance(inner, Blob) or inner.kind != "bytes":
        return _refuse(judge, machine, func, args, "it loads bytes that are computed")
    if inner.length > MOST_INNER:
        return _refuse(judge, machine, func, args, f"its {inner.length} bytes are too many to look into", "error")
    where = f"{judge.member}@{machine.stream.tell()}"
    judge.session.look_within(io.BytesIO(inner.read(inner.length)), inner.length, where)
    return Called(func, args)


def _nested_loads(judge: Judge, machine: Machine, func: Global, args: Args) -> Value:
    made = _nested(judge, machine, func, args)
    _refuse(judge, machine, func, args, "a pickle within a pickle", "suspicious")
    return made


RULES: Final[dict[str, Rule]] = {
    "plain": _all_plain,
    "one_plain": _one_plain,
    "bytes": _bytes,
    "latin1": _latin1,
    "getattr": _getattr,
    "no_arguments": _no_arguments,
    "newobj": _newobj,
    "reconstructor": _reconstructor,
    "class_first": _class_first,
    "callable_first": _callable_first,
    "callable_and_arguments": _callable_and_arguments,
    "ndarray": _ndarray,
    "ufunc": _ufunc,
    "partial": _partial,
    "attributes": _attributes,
    "add_extension": _add_extension,
    "nested": _nested,
    "nested_loads": _nested_loads,
}
