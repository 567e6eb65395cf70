"""Every opcode of protocols 0 to 5 with its effect on the abstract machine; nothing is run.

It follows the C unpickler, which is what loads in practice: MEMOIZE counts the memo's entries, and POP may take a mark.
FRAME only says how much to read ahead; but where an opcode crosses the end of its frame, that unpickler drops bytes of
a file that it keeps of a buffer, so such a frame is a problem. Where the real one must stop with an error, `Broken` is
raised; where it depends on what objects do, it is followed further.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Final

from safecase.readers.pickles.machine import MOST_LINE, Broken, Machine
from safecase.readers.pickles.values import Blob, DictBox, ListBox, SetBox, Unknown, Value

MOST_NUMBER: Final = 1024
"""Bytes of a number that is read; a larger one is one that nobody looks at."""

MOST_INDEX: Final = 2**27
"""No pickle has as many memo entries; the C unpickler allocates them all at once."""

STEP: Final = 1024
"""Opcodes between two looks at the limits."""

Operation = Callable[[Machine], None]
OPCODES: dict[bytes, Operation] = {}


def _opcode(code: bytes) -> Callable[[Operation], Operation]:
    def register(operation: Operation) -> Operation:
        OPCODES[code] = operation
        return operation

    return register


def _constant(code: bytes, value: Value) -> None:
    OPCODES[code] = lambda m: m.stack.append(value)


def _signed(code: bytes, form: str) -> None:
    unpack, size = struct.Struct(form).unpack, struct.calcsize(form)
    # A read that comes back short raises struct.error here and IndexError below, which `run` takes for the end.
    OPCODES[code] = lambda m: m.stack.append(unpack(m.read(size))[0])


_constant(b"N", None)
_constant(b"\x88", True)
_constant(b"\x89", False)
_constant(b")", ())
_signed(b"J", "<i")
OPCODES[b"K"] = lambda m: m.stack.append(m.read(1)[0])
_signed(b"M", "<H")
_signed(b"G", ">d")
OPCODES[b"]"] = lambda m: m.stack.append(ListBox())
OPCODES[b"}"] = lambda m: m.stack.append(DictBox())
OPCODES[b"\x8f"] = lambda m: m.stack.append(SetBox())
OPCODES[b"\x8c"] = lambda m: m.push_text(m.read(1)[0])
OPCODES[b"X"] = lambda m: m.push_text(m.integer(4))
OPCODES[b"\x8d"] = lambda m: m.push_text(m.integer(8))
OPCODES[b"C"] = lambda m: m.push_bytes(m.read(1)[0])
OPCODES[b"B"] = lambda m: m.push_bytes(m.integer(4))
OPCODES[b"\x8e"] = lambda m: m.push_bytes(m.integer(8))
OPCODES[b"\x96"] = lambda m: m.push_bytes(m.integer(8))
OPCODES[b"\x97"] = lambda m: m.stack.append(Unknown("out-of-band buffer"))
OPCODES[b"\x98"] = lambda m: m.top()
OPCODES[b"2"] = lambda m: m.stack.append(m.top())


@_opcode(b"\x80")
def _proto(m: Machine) -> None:
    m.protocol = m.integer(1)
    if m.protocol > 5:
        raise Broken(f"protocol {m.protocol}")


@_opcode(b"\x95")
def _frame(m: Machine) -> None:
    size, here = m.integer(8), m.stream.tell()
    if here < m.frame_end:
        m.calls.misread(m)
    m.frame_end = here + size


# Numbers


@_opcode(b"I")
def _int(m: Machine) -> None:
    text = m.line()
    m.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else _number(text))


@_opcode(b"L")
def _long(m: Machine) -> None:
    m.stack.append(_number(m.line().removesuffix(b"L")))


def _number(text: bytes) -> Value:
    if len(text) > MOST_NUMBER:
        return Unknown("large number")
    try:
        return int(text, 0)
    except ValueError:
        # C reads more than Python does here: octal without an o, and anything behind a NUL.
        return Unknown("number")


@_opcode(b"F")
def _float(m: Machine) -> None:
    try:
        m.stack.append(float(m.line()))
    except ValueError:
        m.stack.append(Unknown("number"))


@_opcode(b"\x8a")
def _long1(m: Machine) -> None:
    m.stack.append(int.from_bytes(m.take(m.integer(1)), "little", signed=True))


@_opcode(b"\x8b")
def _long4(m: Machine) -> None:
    size = m.integer(4)
    if size > MOST_NUMBER:
        m.skip(size)
        m.stack.append(Unknown("large number"))
    else:
        m.stack.append(int.from_bytes(m.take(size), "little", signed=True))


# Texts


_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES: Final = {
    b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n",
    b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip


def _unescaped(raw: bytes) -> bytes:
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in b"'\"":
        raise Broken("a STRING that is not quoted")
    return _ESCAPE.sub(_escaped, raw[1:-1])


def _escaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] == b"x":
        return bytes([int(code[1:], 16)])
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    # An escape that is none stays as it is, as in source code.
    return _ESCAPES.get(code, found[0])


@_opcode(b"S")
def _string(m: Machine) -> None:
    start = m.stream.tell()
    raw = _any_line(m)
    m.stack.append(raw if isinstance(raw, Blob) else _unescaped(raw.strip()).decode("latin-1"))
    m.texts += m.stream.tell() - start


@_opcode(b"V")
def _unicode(m: Machine) -> None:
    start = m.stream.tell()
    raw = _any_line(m)
    try:
        m.stack.append(raw if isinstance(raw, Blob) else str(raw, "raw-unicode-escape"))
    except UnicodeDecodeError:
        raise Broken("a UNICODE with a wrong escape") from None
    m.texts += m.stream.tell() - start


def _any_line(m: Machine) -> bytes | Blob:
    """Read a line of any length; a very long one stays in the stream."""
    start = m.stream.tell()
    found = m.stream.readline(MOST_LINE)
    if found.endswith(b"\n"):
        return found[:-1]
    while len(found) == MOST_LINE:
        found = m.stream.readline(MOST_LINE)
        if found.endswith(b"\n"):
            return Blob(m.stream, start, m.stream.tell() - start - 1, "text")
    raise Broken("it ends within a line")


@_opcode(b"T")
def _binstring(m: Machine) -> None:
    count = m.integer(4)
    if count > 0x7FFFFFFF:
        raise Broken("a text of negative length")
    _latin(m, count)


OPCODES[b"U"] = lambda m: _latin(m, m.integer(1))


def _latin(m: Machine, count: int) -> None:
    m.push_bytes(count)
    if isinstance(m.stack[-1], bytes):
        m.stack[-1] = m.stack[-1].decode("latin-1")


# Stack and memo


@_opcode(b"(")
def _mark(m: Machine) -> None:
    m.below.append(m.stack)
    m.stack = []


@_opcode(b"0")
def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


def _put(m: Machine, index: int) -> None:
    if not 0 <= index <= MOST_INDEX:
        if index < 0:
            raise Broken("a negative memo index")
        m.calls.bomb(m, f"memo entry {index}: a loader allocates all entries below it, too")
    if not m.stack:
        raise Broken("it looks at an empty stack")
    m.memo[index] = m.stack[-1]


@_opcode(b"\x94")
def _memoize(m: Machine) -> None:
    if not m.stack:
        raise Broken("it looks at an empty stack")
    m.memo[len(m.memo)] = m.stack[-1]


def _get(m: Machine, index: int) -> None:
    if index not in m.memo:
        raise Broken("a memo entry that is not there")
    m.stack.append(m.memo[index])


def _index(m: Machine) -> int:
    try:
        return int(m.line().partition(b"\0")[0][:20])
    except ValueError:
        raise Broken("a memo index that is no number") from None


OPCODES[b"p"] = lambda m: _put(m, _index(m))
OPCODES[b"q"] = lambda m: _put(m, m.read(1)[0])
OPCODES[b"r"] = lambda m: _put(m, m.integer(4))
OPCODES[b"g"] = lambda m: _get(m, _index(m))
OPCODES[b"h"] = lambda m: _get(m, m.read(1)[0])
OPCODES[b"j"] = lambda m: _get(m, m.integer(4))


# Containers

OPCODES[b"t"] = lambda m: _push(m, tuple(m.pop_mark()))
OPCODES[b"\x85"] = lambda m: m.stack.append((m.pop(),))


def _push(m: Machine, value: Value) -> None:
    m.stack.append(value)


@_opcode(b"1")
def _pop_mark(m: Machine) -> None:
    m.pop_mark()


@_opcode(b"\x91")
def _frozenset(m: Machine) -> None:
    _hash_all(m, m.pop_mark())
    m.stack.append(SetBox())


@_opcode(b"\x86")
def _tuple2(m: Machine) -> None:
    second, first = m.pop(), m.pop()
    m.stack.append((first, second))


@_opcode(b"\x87")
def _tuple3(m: Machine) -> None:
    third, second, first = m.pop(), m.pop(), m.pop()
    m.stack.append((first, second, third))


@_opcode(b"l")
def _list(m: Machine) -> None:
    made = ListBox()
    made.add(m.pop_mark())
    m.stack.append(made)


@_opcode(b"d")
def _dict(m: Machine) -> None:
    made = DictBox()
    _put_pairs(m, made, m.pop_mark())
    m.stack.append(made)


def _put_pairs(m: Machine, target: DictBox, items: list[Value]) -> None:
    for index in range(0, len(items) - 1, 2):
        key = items[index]
        if type(key) is str:
            target.put(key, items[index + 1])
        else:
            _hash_all(m, (key,))


def _hash_all(m: Machine, keys: Sequence[Value]) -> None:
    for key in keys:
        if isinstance(key, tuple | int) and m.keys.are_too_heavy(key):
            m.calls.bomb(m, "the keys of a dict or a set take longer to hash than anybody can wait")
            return


@_opcode(b"a")
def _append(m: Machine) -> None:
    _extend(m, [m.pop()], "append")


@_opcode(b"e")
def _appends(m: Machine) -> None:
    _extend(m, m.pop_mark(), "extend")


def _extend(m: Machine, values: list[Value], method: str) -> None:
    target = m.top()
    if isinstance(target, ListBox):
        target.add(values)
    elif values:
        m.calls.changed(m, target, method, values)


@_opcode(b"s")
def _setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _set_items(m, [key, value])


@_opcode(b"u")
def _setitems(m: Machine) -> None:
    _set_items(m, m.pop_mark())


def _set_items(m: Machine, items: list[Value]) -> None:
    target = m.top()
    if isinstance(target, DictBox):
        _put_pairs(m, target, items)
    elif items:
        m.calls.changed(m, target, "__setitem__", items)


@_opcode(b"\x90")
def _additems(m: Machine) -> None:
    values = m.pop_mark()
    target = m.top()
    if isinstance(target, SetBox):
        _hash_all(m, values)
    elif values:
        m.calls.changed(m, target, "add", values)


# Names, calls, persistent objects


@_opcode(b"c")
def _global(m: Machine) -> None:
    module, name = m.line(), m.line()
    m.push_name(_named(module), _named(name))


def _named(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("a name that is no text") from None


@_opcode(b"\x93")
def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if isinstance(name, str) and isinstance(module, str):
        m.push_name(module, name)
    else:
        m.stack.append(m.calls.computed_name(m, module, name))


@_opcode(b"i")
def _inst(m: Machine) -> None:
    module, name = _named(m.line()), _named(m.line())
    args = tuple(m.pop_mark())
    m.push_name(module, name)
    m.stack.append(m.calls.call(m, m.stack.pop(), args))


@_opcode(b"o")
def _obj(m: Machine) -> None:
    items = m.pop_mark()
    if not items:
        raise Broken("an OBJ without a class")
    m.stack.append(m.calls.call(m, items[0], tuple(items[1:])))


@_opcode(b"R")
def _reduce(m: Machine) -> None:
    args, func = m.pop(), m.pop()
    m.stack.append(m.calls.call(m, func, args))


OPCODES[b"\x81"] = _reduce
"""NEWOBJ calls `__new__` of the class instead: as much a call as any."""


@_opcode(b"\x92")
def _newobj_ex(m: Machine) -> None:
    keywords, args, func = m.pop(), m.pop(), m.pop()
    more = tuple(keywords.items.values()) if isinstance(keywords, DictBox) else (keywords,)
    m.stack.append(m.calls.call(m, func, args + more if isinstance(args, tuple) else args))


@_opcode(b"b")
def _build(m: Machine) -> None:
    state = m.pop()
    m.calls.build(m, m.top(), state)


@_opcode(b"P")
def _persid(m: Machine) -> None:
    m.stack.append(m.calls.persistent(m, m.line().decode("utf-8", "replace")))


@_opcode(b"Q")
def _binpersid(m: Machine) -> None:
    m.stack.append(m.calls.persistent(m, m.pop()))


OPCODES[b"\x82"] = lambda m: m.stack.append(m.calls.extension(m, m.integer(1)))
OPCODES[b"\x83"] = lambda m: m.stack.append(m.calls.extension(m, m.integer(2)))
OPCODES[b"\x84"] = lambda m: m.stack.append(m.calls.extension(m, m.integer(4)))


def run(machine: Machine, most: int | None = None) -> bool:
    """Follow the stream to its STOP, which gives True, or for `most` opcodes.

    Raises `Broken` or `Exhausted` where it ends sooner.
    """
    try:
        return _run(machine, machine.session.limits.opcodes if most is None else most)
    except (IndexError, struct.error):
        raise Broken("it ends within an argument") from None


def _run(machine: Machine, left: int) -> bool:
    """Follow it; the innermost loop of all, so that what is asked for each opcode is asked of local names."""
    read, session, tell = machine.read, machine.session, machine.stream.tell
    find = (OPCODES if machine.operations is None else machine.operations).get
    while left > 0:
        step = min(STEP, left)
        for done in range(step):
            if machine.frame_end and (here := tell()) >= machine.frame_end:
                if here > machine.frame_end:
                    machine.calls.misread(machine)
                machine.frame_end = 0
            code = read(1)
            if code == b".":
                session.opcodes += done + 1
                return True
            operation = find(code)
            if operation is None:
                session.opcodes += done
                raise Broken(f"unknown opcode 0x{code.hex()}" if code else "it ends without STOP")
            operation(machine)
        left -= step
        session.opcodes += step
        machine.keep_within_limits()
    return False
