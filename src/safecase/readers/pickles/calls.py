"""What a pickle would import, call and change, judged as it goes by."""

from __future__ import annotations

from typing import Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.pickles import opcodes
from safecase.readers.pickles.arrays import is_array_wrapper, raw_array
from safecase.readers.pickles.bombs import uses_up_too_much
from safecase.readers.pickles.machine import Broken, Calls, Exhausted, Machine, Session
from safecase.readers.pickles.rules import RULES
from safecase.readers.pickles.values import (
    PLANTED,
    Blob,
    Called,
    DictBox,
    Global,
    Unknown,
    Value,
    described,
    described_call,
)
from safecase.readers.text import shown

MOST_CALLED: Final = 10_000
FORK_OPCODES: Final = 4096
"""Opcodes that are followed where another loader would not skip joblib's raw bytes."""

_GIVE_SHARED: Final = frozenset({"logging.getLogger", "builtins.type", "builtins.getattr"})
"""Callables that give something that others use, too."""

_NO_CALLABLES: Final = frozenset({"number", "large number", "out-of-band buffer"})
_TOLD_WHEN_UNCALLED: Final = frozenset({"getattr", "nested", "nested_loads", "add_extension"})
"""Argument rules whose callable is no ordinary value: somebody else will call it."""


class Judge(Calls):
    """Judges one stream; `member` is where it lies (an archive's member, bytes within another pickle)."""

    def __init__(self, session: Session, member: str) -> None:
        self.session = session
        self.member = member
        self._names: dict[tuple[str, str], Global] = {}

    def tell(self, rule: str, says: FileVerdict, message: str, offset: int, key: str = "") -> None:
        """Note a problem of this stream."""
        self.session.problems.add(rule, says, message, offset=offset, member=self.member, key=key)

    def named(self, machine: Machine, module: str, name: str) -> Value:
        """Judge a name; that it is never imported is the whole point."""
        known = self._names.get((module, name))
        if known is not None:
            return known
        meant_module, meant_name, ruling = self.session.policy.judge(module, name)
        made = Global(meant_module, meant_name, ruling)
        if len(self._names) < self.session.limits.stack:
            self._names[module, name] = made
        self.session.globals.setdefault(made.full, (made, machine.stream.tell(), self.member))
        return made

    def computed_name(self, machine: Machine, module: Value, name: Value) -> Value:
        """A name that is made while loading can be any name."""
        if not all(isinstance(v, str | Blob | Called | Unknown) for v in (module, name)):
            raise Broken("STACK_GLOBAL without a name")
        told = f"{described(module)}, {described(name)}"
        self.tell("pickle.computed-name", "malicious", f"it computes the name that it imports: {told}", _at(machine))
        return Unknown("something imported by a computed name")

    def bomb(self, machine: Machine, why: str) -> None:
        """Nobody needs it, and it stops the process that loads it."""
        self.tell("pickle.bomb", "suspicious", why, _at(machine))

    def misread(self, machine: Machine) -> None:
        """No pickler writes such frames; loaders of files and of buffers read different opcodes behind them."""
        message = "a frame ends within an opcode: what is read behind it depends on the loader"
        self.tell("pickle.frame", "malicious", message, _at(machine))

    def extension(self, machine: Machine, code: int) -> Value:
        """Resolve a code of copyreg's extension registry, which the pickle itself may have filled."""
        if code in self.session.extensions:
            return self.named(machine, *self.session.extensions[code])
        message = f"it uses extension code {code}, whose meaning only the loading program knows"
        self.tell("pickle.extension", "suspicious", message, _at(machine), str(code))
        return Unknown("extension")

    def persistent(self, machine: Machine, name: Value) -> Value:
        """PyTorch names storages and, in old files, the classes of modules so; a class is what it is."""
        if isinstance(name, tuple) and len(name) > 1 and name[0] == "module" and isinstance(name[1], Global):
            return name[1]
        return Unknown("persistent object")

    def call(self, machine: Machine, func: Value, args: Value) -> Value:
        """Judge a call and give its result."""
        known = args if isinstance(args, tuple) else None
        if isinstance(func, Global):
            return self._call_global(machine, func, known)
        if isinstance(func, Called | Unknown) and not (isinstance(func, Unknown) and func.what in _NO_CALLABLES):
            text = described_call(func, known)
            message = f"it would call what an earlier step gave back: {text}"
            self.tell("pickle.computed-call", "suspicious", message, _at(machine), described(func))
            return Called(func, known)
        # What cannot be called stops the real unpickler, unless it is not what it seems: better to look on.
        return Unknown("result of a call that fails")

    def _call_global(self, machine: Machine, func: Global, args: tuple[Value, ...] | None) -> Value:
        called = self.session.called
        if func.full not in called and len(called) < MOST_CALLED:
            called[func.full] = (_at(machine), described_call(func, args))
        if uses_up_too_much(func, args):
            self.bomb(machine, f"it fills the memory, or never ends: {described_call(func, args)}")
        if func.ruling == "allowed":
            return Called(func, args)
        if func.ruling == "ruled":
            return RULES[self.session.policy.rule(func.module, func.name)](self, machine, func, args)
        says: FileVerdict = "suspicious" if func.ruling == "project" else "malicious"
        rule = "pickle.unknown-call" if says == "suspicious" else "pickle.call"
        self.tell(rule, says, f"it would call {described_call(func, args)}", _at(machine), func.full)
        return Called(func, args)

    def build(self, machine: Machine, instance: Value, state: Value) -> None:
        """Judge the state that BUILD puts into an instance, and what it would call for that."""
        if isinstance(instance, Global):
            says: FileVerdict = "suspicious" if instance.ruling == "project" else "malicious"
            self.tell(
                "pickle.sets-attribute",
                says,
                f"it would set attributes of {shown(instance.full)} itself: {_attributes(state)}",
                _at(machine),
                instance.full,
            )
        elif isinstance(instance, Called):
            instance.state = state
            self._shared(machine, instance, f"its attributes {_attributes(state)}")
            self._planted(machine, instance, state)
            if is_array_wrapper(instance):
                self._raw_array(machine, state)

    def _shared(self, machine: Machine, instance: Called, what: str) -> None:
        """What these give is not made by the pickle: it belongs to the running program."""
        if isinstance(instance.func, Global) and instance.func.full in _GIVE_SHARED:
            told = f"it would change what {described(instance)} gives, {what}"
            self.tell("pickle.changes", "malicious", told, _at(machine), instance.func.full)

    def _planted(self, machine: Machine, instance: Called, state: Value) -> None:
        """The unpickler calls `__setstate__`, `append`, `extend` and `add` of an instance, wherever they come from."""
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        for part in parts:
            for name, value in part.items.items() if isinstance(part, DictBox) else ():
                if name in PLANTED and isinstance(value, Global | Called | Unknown) and name != "__dict__":
                    told = f"it plants {described(value)} as {name} of {described(instance)}, which a later step calls"
                    self.tell("pickle.planted-method", "malicious", told, _at(machine), name)

    def changed(self, machine: Machine, target: Value, method: str, values: list[Value]) -> None:
        """Judge a method that APPEND, SETITEM and their kin call on something that is no plain container."""
        if isinstance(target, Global):
            says: FileVerdict = "suspicious" if target.ruling in ("project", "allowed") else "malicious"
            message = f"it would change {shown(target.full)}: .{method}({described(values[-1])})"
            self.tell("pickle.changes", says, message, _at(machine), target.full)
        elif isinstance(target, Called):
            self._shared(machine, target, f".{method}({described(values[-1])})")

    def _raw_array(self, machine: Machine, state: Value) -> None:
        """Pass over the array that joblib reads here itself, and look at what another loader would read instead."""
        array = raw_array(state)
        here = machine.stream.tell()
        if array is None:
            raise Broken("a joblib array whose size can not be told")
        if machine.frame_end > here:
            message = "a joblib array within a frame: joblib and pickle would read different bytes next"
            self.tell("pickle.two-readings", "suspicious", message, here)
        machine.frame_end = 0
        if array.pickled:
            self.session.streams_within(machine.stream, machine.size, self.member)
            return
        self._as_pickle_reads(machine, here)
        if array.aligned:
            machine.skip(machine.integer(1))
        machine.skip(array.size)

    def _as_pickle_reads(self, machine: Machine, here: int) -> None:
        """`pickle.load` does not know joblib's arrays: to it their bytes are opcodes."""
        fork = Machine(machine.stream, machine.size, self.session, self)
        fork.stack, fork.below = list(machine.stack[-FORK_OPCODES:]), [list(s[-8:]) for s in machine.below[-8:]]
        fork.memo, fork.protocol = _Overlay(machine.memo), machine.protocol
        session = self.session
        problems, known, called = session.problems, dict(session.globals), dict(session.called)
        session.problems = Problems()
        try:
            opcodes.run(fork, FORK_OPCODES)
        except (Broken, Exhausted):
            pass
        finally:
            machine.stream.seek(here)
            # Numbers may look like harmless opcodes; without a name they can do nothing.
            told = [p for p in session.problems.all() if p.says == "malicious"] if session.globals != known else []
            session.problems = problems
            session.problems.put_all(told)
            if not told:
                session.globals, session.called = known, called


class _Overlay(dict[int, Value]):
    """A memo that falls back to another one without changing it."""

    def __init__(self, under: dict[int, Value]) -> None:
        super().__init__()
        self._under = under

    def __contains__(self, index: object) -> bool:
        return super().__contains__(index) or index in self._under

    def __missing__(self, index: int) -> Value:
        return self._under[index]

    def __len__(self) -> int:
        return len(self._under) + super().__len__()


def tell_what_was_named(session: Session) -> None:
    """Once all is read, tell the names that nobody called: to import a module is to run it."""
    for full, (found, offset, member) in session.globals.items():
        if full in session.called:
            continue
        says: FileVerdict = "suspicious"
        if found.ruling == "dangerous":
            says = "malicious"
        elif found.ruling == "ruled":
            if session.policy.rule(found.module, found.name) not in _TOLD_WHEN_UNCALLED:
                continue
        elif found.ruling in ("allowed", "named"):
            continue
        message = f"it names {shown(full)}" + (", which can do harm by its nature" if says == "malicious" else "")
        session.problems.add("pickle.import", says, message, offset=offset, member=member, key=full)


def _at(machine: Machine) -> int:
    return max(0, machine.stream.tell() - 1)


def _attributes(state: Value) -> str:
    parts = state if isinstance(state, tuple) else (state,)
    names = [name for part in parts if isinstance(part, DictBox) for name in part.items]
    return shown(", ".join(names[:4]) or described(state))
