"""Follow a pickle of weights with all that it holds: containers whole, tensors as views, and only what is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from safecase.errors import CollectError
from safecase.measures.supply_chain.convert import arrays
from safecase.measures.supply_chain.convert.tensors import DTYPES, Refused, Storage, Tensor, contiguous, view
from safecase.readers.artifacts.report import Deadline
from safecase.readers.pickles import opcodes
from safecase.readers.pickles.machine import Broken, Calls, Exhausted, Limits, Machine, Session
from safecase.readers.pickles.policy import Policy
from safecase.readers.pickles.values import Blob, DictBox, Global, ListBox, SetBox, Value, described
from safecase.readers.text import shown

LIMITS: Final = Limits(opcodes=20_000_000, text=64 * 1024 * 1024)
MOST_TEXT: Final = 1024 * 1024
MEND: Final = "keep plain tensors only: load it in a sandbox with weights_only=True, and save its state_dict"

STORAGES: Final = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64", "UntypedStorage": "",
}  # fmt: skip
_TENSOR_TYPES: Final = frozenset(f"torch.{name.replace('Storage', 'Tensor')}" for name in STORAGES)
_TENSORS: Final = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"})
_PARAMETERS: Final = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
_PLAIN: Final = frozenset(
    {
        "collections.OrderedDict", "torch.Size", "torch.device", "builtins.set", "builtins.frozenset", "builtins.list",
        "builtins.dict", "builtins.tuple", "builtins.bytearray", "builtins.bytes", "_codecs.encode",
        "torch.serialization._get_layout", "torch.nn.parameter.Parameter", "torch.Tensor", "torch._tensor.Tensor",
    }
)  # fmt: skip

Persistent: TypeAlias = Callable[[Value], Value]


class Named(NamedTuple):
    """A value that is only a name: a dtype, a device."""

    kind: str
    name: str


class Items(ListBox):
    """A list, whole."""

    def add(self, values: list[Value]) -> None:
        """Append."""
        self.items.extend(values)


class Entries(DictBox):
    """A dict, whole; its keys are texts, numbers or truths."""

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[str | int | float, Value] = {}

    def put(self, key: Value, value: Value) -> None:
        """Set an entry."""
        if not isinstance(key, str | int | float) or (isinstance(key, int) and key.bit_length() > 64):
            raise Refused(f"a dict has {described(key)} as a key, which has no place in safetensors", mend=MEND)
        self.all[key] = value


class Members(SetBox):
    """A set, whole."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value]) -> None:
        self.items = items


def _entries(target: Value, items: list[Value]) -> None:
    if not isinstance(target, Entries):
        raise Refused(f"entries are put into {described(target)}, which is no dict", mend=MEND)
    for at in range(0, len(items) - 1, 2):
        target.put(items[at], items[at + 1])


def _dict(m: Machine) -> None:
    made = Entries()
    _entries(made, m.pop_mark())
    m.stack.append(made)


def _list(m: Machine) -> None:
    made = Items()
    made.add(m.pop_mark())
    m.stack.append(made)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _entries(m.top(), [key, value])


def _set_items(m: Machine) -> None:
    items = m.pop_mark()
    _entries(m.top(), items)


def _add_items(m: Machine) -> None:
    items = m.pop_mark()
    target = m.top()
    if not isinstance(target, Members):
        raise Refused(f"items are added to {described(target)}, which is no set", mend=MEND)
    target.items += items


class _Whole(Machine):
    """The machine with whole containers and texts."""

    operations = {
        **opcodes.OPCODES,
        b"]": lambda m: m.stack.append(Items()),
        b"}": lambda m: m.stack.append(Entries()),
        b"\x8f": lambda m: m.stack.append(Members([])),
        b"\x91": lambda m: m.stack.append(Members(m.pop_mark())),
        b"l": _list,
        b"d": _dict,
        b"s": _set_item,
        b"u": _set_items,
        b"\x90": _add_items,
    }

    def push_text(self, count: int) -> None:
        """Push a text; one of a book's length stays where it lies."""
        if count > MOST_TEXT:
            super().push_text(count)
            return
        self.texts += count
        try:
            self.stack.append(self.take(count).decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            raise Broken("a text that is not UTF-8") from None


class _Builder(Calls):
    """Makes descriptions of tensors of what would make tensors; refuses every other call and name."""

    def __init__(self, persistent: Persistent | None) -> None:
        self._persistent = persistent

    def named(self, machine: Machine, module: str, name: str) -> Value:
        """Know a name, or refuse."""
        full = f"{module}.{name}"
        if module == "torch" and name in DTYPES:
            return Named("dtype", name)
        if name in STORAGES and module in ("torch", "torch.storage", "torch.cuda"):
            return Global(module, name, "storage")
        if module == "torch._utils" and name in _TENSORS | _PARAMETERS:
            return Global(module, name, "tensor")
        if full in _PLAIN or full in arrays.NAMES or full in _TENSOR_TYPES:
            return Global(module, name, "plain")
        raise _refusal(full)

    def computed_name(self, machine: Machine, module: Value, name: Value) -> Value:
        """Refuse."""
        raise Refused("a name in it is computed, as only hostile pickles do", mend="do not load this file")

    def call(self, machine: Machine, func: Value, args: Value) -> Value:
        """Describe what a call would make."""
        if not isinstance(func, Global) or not isinstance(args, tuple):
            raise Refused(f"it calls {described(func)}, which is not known", mend=MEND)
        if func.ruling == "tensor":
            return _parameter(args) if func.name in _PARAMETERS else _tensor(func.name, args)
        if func.full in arrays.NAMES:
            return arrays.called(func, args)
        return _plain(func, args)

    def build(self, machine: Machine, instance: Value, state: Value) -> None:
        """Take the state of an array or a dtype; attributes of a dict (versions of modules) are left out."""
        if isinstance(instance, arrays.Array | arrays.Dtype):
            instance.build(state)
        elif not isinstance(instance, Entries):
            raise Refused(f"a state is given to {described(instance)}", mend=MEND)

    def changed(self, machine: Machine, target: Value, method: str, values: list[Value]) -> None:
        """Refuse."""
        raise Refused(f"{method} is called of {described(target)}", mend=MEND)

    def bomb(self, machine: Machine, why: str) -> None:
        """Refuse."""
        raise Refused(f"it fills the memory: {shown(why)}", mend="do not load this file")

    def misread(self, machine: Machine) -> None:
        """Refuse."""
        raise Refused("its frames do not fit its opcodes", mend="do not load this file")

    def extension(self, machine: Machine, code: int) -> Value:
        """Refuse."""
        raise Refused(f"it names code {code} of a registry that is not in the file", mend=MEND)

    def persistent(self, machine: Machine, name: Value) -> Value:
        """Give a storage."""
        if self._persistent is None:
            raise Refused("it asks its loader for an object, and there is none in such a file", mend=MEND)
        return self._persistent(name)


def _refusal(full: str) -> Refused:
    told = shown(full, 120)
    if full == "torch._utils._rebuild_qtensor":
        return Refused(
            f"it holds a quantised tensor ({told}), which safetensors has no type for",
            mend="save it dequantised: t.dequantize(), or t.int_repr() with its scale and zero point",
        )
    if "Storage" in full or full in ("torch.complex128", "torch.complex32"):
        return Refused(f"it holds {told}, which safetensors has no type for", mend="save those tensors as another type")
    if "sparse" in full:
        return Refused(f"it holds a sparse tensor ({told})", mend="save it as t.to_dense()")
    return Refused(f"it names {told}, which is neither a tensor nor plain data", mend=MEND)


def _tensor(name: str, args: tuple[Value, ...]) -> Tensor:
    dtype, metadata = "", None
    if name == "_rebuild_tensor_v3" and len(args) in (7, 8):
        if not isinstance(args[6], Named) or args[6].kind != "dtype":
            raise Refused("a tensor has no dtype", mend=MEND)
        dtype, metadata = args[6].name, args[7] if len(args) == 8 else None
    elif name == "_rebuild_tensor_v2" and len(args) in (6, 7):
        metadata = args[6] if len(args) == 7 else None
    elif name != "_rebuild_tensor" or len(args) != 4:
        raise Refused(f"{name} is called with {len(args)} arguments", mend="do not load this file")
    if isinstance(metadata, Entries) and any(metadata.all.values()):
        raise Refused("a tensor is a conjugate or negative view", mend="save t.resolve_conj().resolve_neg()")
    return view(args[0], args[1], args[2], args[3], dtype=dtype)


def _parameter(args: tuple[Value, ...]) -> Value:
    if not args or not isinstance(args[0], Tensor):
        raise Refused("a parameter that is no plain tensor", mend=MEND)
    return args[0]


def _plain(func: Global, args: tuple[Value, ...]) -> Value:
    first = args[0] if args else None
    items = _items(first) if args else []
    match func.name:
        case "OrderedDict" | "dict" if items is not None:
            made = Entries()
            for pair in items:
                found = _items(pair)
                if found is None or len(found) != 2:
                    break
                made.put(*found)
            else:
                return made
        case "Size" | "tuple" if items is not None:
            return tuple(items)
        case "set" | "frozenset" if items is not None:
            return Members(items)
        case "list" if items is not None:
            copy = Items()
            copy.add(items)
            return copy
        case "device" | "_get_layout" if isinstance(first, str):
            return Named(func.name.strip("_").removeprefix("get_"), ":".join(str(part) for part in args[:2])[:100])
        case "encode" | "bytearray" | "bytes" if not args or isinstance(first, str | bytes | Blob):
            return arrays.encoded(first)
    raise Refused(f"{func.full} is called of {described(first)}", mend=MEND)


def _items(value: Value) -> list[Value] | None:
    if isinstance(value, Items | Members):
        return list(value.items)
    return list(value) if type(value) is tuple else None


class Reader:
    """Reads the pickles of one file; what all of them may take is bounded."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._session = Session(Policy(), LIMITS, Deadline(seconds))

    def read(self, stream: BinaryIO, size: int, persistent: Persistent | None = None) -> Value:
        """Give the value of the pickle that begins where `stream` is, and leave it behind its end."""
        machine = _Whole(stream, size, self._session, _Builder(persistent))
        try:
            if not opcodes.run(machine):
                raise Exhausted("it has more opcodes than are followed")
            return machine.pop()
        except Broken as why:
            raise CollectError(f"its pickle is broken: {shown(str(why))}", mend="fetch the file again") from None
        except Exhausted as why:
            raise CollectError(f"its pickle is too large: {shown(str(why))}", mend="split the file") from None
        except (RecursionError, OverflowError):
            raise CollectError("its pickle is nested too deeply", mend="do not load this file") from None


def array_tensor(array: arrays.Array) -> Tensor:
    """Give a numpy array as a tensor."""
    storage, shape = array.storage(), array.shape
    strides = contiguous(shape)
    if array.fortran:
        strides = tuple(reversed(contiguous(tuple(reversed(shape)))))
    if math.prod(shape) * DTYPES[storage.dtype][1] != storage.size:
        raise Refused("an array has not the bytes that its shape asks for", mend="do not load this file")
    return view(storage, 0, shape, strides)


def storage_of(kind: Value, key: Value, count: Value, known: Mapping[str, Storage]) -> Storage:
    """Give the storage that a persistent id tells of."""
    if not isinstance(kind, Global) or kind.ruling != "storage" or not isinstance(key, str | int):
        raise Refused(f"it asks its loader for {described(key)}, which is no storage", mend=MEND)
    if not isinstance(count, int) or not 0 <= count < 2**48:
        raise Refused("a storage has no size", mend="do not load this file")
    dtype = STORAGES[kind.name]
    found = known.get(str(key))
    if found is None:
        return Storage(str(key), dtype, count)
    if (found.dtype, found.count) != (dtype, count):
        raise Refused(f"storage {shown(str(key))} is of two types at once", mend="save it again with one type")
    return found
