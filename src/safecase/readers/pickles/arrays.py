"""How many raw bytes follow where joblib writes an array into the middle of a pickle."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from safecase.readers.pickles.values import Called, DictBox, Global, Value

_CODE = re.compile(r"[<>=|]?([?bBhHiIlLqQefdgFDGpPSaUVOMmTnNuc])(\d{0,9})(?:\[\w{1,3}\])?\Z")
_SIZES = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "e": 2, "d": 8, "q": 8, "Q": 8, "M": 8, "m": 8, "D": 16}
_WRAPPERS = ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
_HAS_OBJECT = 1
_FLAGS = 7


class RawArray(NamedTuple):
    """An array that lies raw in the stream."""

    size: int
    aligned: bool
    """A byte that counts padding, and the padding, come first."""
    pickled: bool
    """Its items are Python objects: a pickle follows instead."""


def is_array_wrapper(value: Value) -> bool:
    """Say whether an instance makes joblib read an array from the file itself."""
    func = value.func if isinstance(value, Called) else None
    return isinstance(func, Global) and func.name == "NumpyArrayWrapper" and func.module in _WRAPPERS


def raw_array(state: Value) -> RawArray | None:
    """Read shape and dtype out of the wrapper's state; None where they are not as joblib writes them."""
    items = state.items if isinstance(state, DictBox) else {}
    shape = items.get("shape")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and 0 <= n < 2**48 for n in shape):
        return None
    aligned = items.get("numpy_array_alignment_bytes") is not None
    dtype = items.get("dtype")
    code = _dtype_code(dtype)
    if code is None:
        return None
    if code[0] == "O" or _has_objects(dtype):
        return RawArray(0, aligned=False, pickled=True)
    return RawArray(math.prod(shape) * code[1], aligned=aligned, pickled=False)


def _dtype_code(dtype: Value) -> tuple[str, int] | None:
    if not isinstance(dtype, Called) or not dtype.args or not isinstance(dtype.args[0], str):
        return None
    return item_code(dtype.args[0])


def item_code(text: str) -> tuple[str, int] | None:
    """Give the kind and the size in bytes of a dtype's short name (`<f8`, `U10`); None where it is not one."""
    found = _CODE.match(text)
    if found is None:
        return None
    kind, digits = found[1], found[2]
    if kind in "OM" or kind == "m":
        return kind, 8
    if kind == "U":
        return kind, 4 * int(digits or 0)
    if digits:
        return kind, int(digits)
    return (kind, _SIZES[kind]) if kind in _SIZES else None


def _has_objects(dtype: Value) -> bool:
    state = dtype.state if isinstance(dtype, Called) else None
    flags = state[_FLAGS] if isinstance(state, tuple) and len(state) > _FLAGS else 0
    return isinstance(flags, int) and bool(flags & _HAS_OBJECT)
