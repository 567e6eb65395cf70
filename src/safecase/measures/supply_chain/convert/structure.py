"""The value of a file, laid flat: tensors by their names, and everything else as JSON for the file beside them."""

from __future__ import annotations

import base64
import math
from typing import Final

from safecase.errors import UsageError
from safecase.measures.supply_chain.convert.arrays import Array
from safecase.measures.supply_chain.convert.tensors import Refused, Tensor
from safecase.measures.supply_chain.convert.values import MEND, Entries, Items, Members, Named, array_tensor
from safecase.readers.pickles.values import Blob, Value, described
from safecase.readers.text import shown

MOST_NODES: Final = 2_000_000
MOST_DEPTH: Final = 100
MOST_NAME: Final = 4096
MOST_BYTES: Final = 1024 * 1024

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Flat:
    """A value laid flat; `plain` says whether it is a mere dict of tensors, whose tree tells nothing more."""

    def __init__(self, value: Value) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.plain = True
        self._arrays: dict[int, Tensor] = {}
        self._above: set[int] = set()
        self._nodes = 0
        self.tree = self._laid(value, "")

    def _laid(self, value: Value, name: str) -> Json:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(name) > MOST_NAME:
            raise Refused("it holds more values than any model does, or longer names", mend="do not load this file")
        if isinstance(value, Array):
            value = self._arrays.setdefault(id(value), array_tensor(value))
        if isinstance(value, Tensor):
            return self._tensor(value, name)
        if isinstance(value, Entries | Items | Members) or type(value) is tuple:
            return self._container(value, name)
        self.plain = False
        return _leaf(value)

    def _tensor(self, value: Tensor, name: str) -> Json:
        name = name or "tensor"
        if name in self.tensors:
            raise Refused(f"two tensors would both be named {shown(name)}", mend="rename one, and save again")
        self.tensors[name] = value
        return {"$tensor": name}

    def _container(self, value: Value, name: str) -> Json:
        if id(value) in self._above or len(self._above) >= MOST_DEPTH:
            raise Refused("a container holds itself, or is nested too deeply", mend=MEND)
        self._above.add(id(value))
        try:
            if isinstance(value, Entries):
                return self._entries(value, name)
            items = value if isinstance(value, tuple) else value.items
            self.plain = self.plain and bool(items)
            laid: list[Json] = [self._laid(item, _below(name, at)) for at, item in enumerate(items)]
            kind = "$set" if isinstance(value, Members) else "$tuple" if isinstance(value, tuple) else ""
            return {kind: laid} if kind else laid
        finally:
            self._above.discard(id(value))

    def _entries(self, value: Entries, name: str) -> Json:
        self.plain = self.plain and bool(value.all)
        if all(isinstance(key, str) and not key.startswith("$") for key in value.all):
            return {str(key): self._laid(item, _below(name, key)) for key, item in value.all.items()}
        self.plain = False
        return {"$items": [[_leaf(key), self._laid(item, _below(name, key))] for key, item in value.all.items()]}


def _below(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def _leaf(value: Value) -> Json:
    match value:
        case None | bool() | str():
            return value
        case int() if value.bit_length() <= 4096:
            return value
        case float():
            return value if math.isfinite(value) else {"$float": str(value)}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case Named():
            return {f"${value.kind}": value.name}
        case Blob() if value.length <= MOST_BYTES and value.kind == "bytes":
            return {"$bytes": base64.b64encode(value.read(MOST_BYTES)).decode()}
    raise Refused(f"it holds {described(value)}, which is neither a tensor nor plain data", mend=MEND)


def below(tensors: dict[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Give the tensors below a prefix without it, and the names of those that are left out."""
    start = prefix if not prefix or prefix.endswith(".") else f"{prefix}."
    kept = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    if not kept and prefix:
        first = ", ".join(shown(name, 40) for name in sorted(tensors)[:3])
        raise UsageError(f"no tensor's name begins with {shown(start)}", mend=f"the names begin so: {first}")
    return kept, tuple(sorted(name for name in tensors if not name.startswith(start)))
