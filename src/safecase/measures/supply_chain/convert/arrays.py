"""Arrays and numbers of numpy, as pickles tell of them."""

from __future__ import annotations

import codecs
import io
import re
import tempfile
from typing import BinaryIO, Final

from safecase.measures.supply_chain.convert.tensors import Refused, Region, Storage
from safecase.readers.pickles.values import Blob, Global, Value, described

_MODULES: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
NAMES: Final = frozenset(
    {"numpy.ndarray", "numpy.dtype"}
    | {f"{module}.{name}" for module in _MODULES for name in ("_reconstruct", "scalar")}
    | {f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")}
)
MEND: Final = "save plain arrays of numbers"
_KINDS: Final = {
    "f2": "float16", "f4": "float32", "f8": "float64", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "b1": "bool", "c8": "complex64",
}  # fmt: skip
_CODE: Final = re.compile(r"[<>|=]?([a-z]\d{1,2})\Z")


class Dtype:
    """A dtype: what its numbers are, and their byte order."""

    __slots__ = ("big", "name")

    def __init__(self, code: Value) -> None:
        found = _CODE.match(code) if isinstance(code, str) else None
        if found is None or found[1] not in _KINDS:
            raise Refused(f"an array is of {described(code)}, which safetensors has no type for", mend=MEND)
        self.name = _KINDS[found[1]]
        self.big = str(code).startswith(">")

    def build(self, state: Value) -> None:
        """Take the byte order."""
        if not isinstance(state, tuple) or len(state) < 3 or any(part is not None for part in state[2:5]):
            raise Refused("an array has fields, which safetensors has no type for", mend=MEND)
        self.big = state[1] == ">"


class Array:
    """An array, or a number of numpy, which is one without dimensions."""

    __slots__ = ("_storage", "content", "dtype", "fortran", "shape")

    def __init__(self) -> None:
        self.dtype: Dtype | None = None
        self.shape: tuple[int, ...] = ()
        self.fortran = False
        self.content: Value = b""
        self._storage: Storage | None = None

    def build(self, state: Value) -> None:
        """Take what the array is of."""
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], Dtype):
            raise Refused("an array is described in a way that numpy does not write", mend=MEND)
        self.fill(state[4], state[2], state[1], fortran=state[3] is True)

    def fill(self, content: Value, dtype: Dtype, shape: Value, *, fortran: bool) -> None:
        """Set all."""
        if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**48 for n in shape) or len(shape) > 64:
            raise Refused("an array has a shape that none can have", mend=MEND)
        if not isinstance(content, bytes | str | Blob):
            raise Refused("an array holds objects and no numbers", mend=MEND)
        self.content, self.dtype, self.shape, self.fortran = content, dtype, shape, fortran
        self._storage = None

    def storage(self) -> Storage:
        """Give its bytes; the same each time."""
        if self._storage is None:
            if self.dtype is None:
                raise Refused("an array without content", mend=MEND)
            region = _region(self.content)
            width = int(next(code for code, name in _KINDS.items() if name == self.dtype.name)[1:])
            self._storage = Storage("array", self.dtype.name, region.length // width, lambda: region)
            self._storage.swap = self.dtype.big
        return self._storage


class _Encoded(Blob):
    """Bytes that stand in the stream as a text of Latin letters."""

    __slots__ = ()


def encoded(text: Value) -> Value:
    """Give the bytes of a text, as protocol 2 writes bytes."""
    if isinstance(text, Blob):
        return _Encoded(text.stream, text.offset, text.length, text.kind) if text.kind == "text" else text
    return _latin(text) if isinstance(text, str) else text or b""


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise Refused("bytes are written as a text with other letters", mend="do not load this file") from None


def _region(content: Value) -> Region:
    if isinstance(content, _Encoded):
        return _decoded(content)
    if isinstance(content, Blob):
        return Region(content.stream, content.offset, content.length)
    raw = _latin(content) if isinstance(content, str) else content
    return Region(io.BytesIO(raw), 0, len(raw))


def _decoded(content: _Encoded) -> Region:
    out: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the region
    decoder = codecs.getincrementaldecoder("utf-8")()
    left, length = content.length, 0
    content.stream.seek(content.offset)
    while left:
        chunk = content.stream.read(min(left, 1024 * 1024))
        if not chunk:
            break
        left -= len(chunk)
        try:
            length += out.write(_latin(decoder.decode(chunk)))
        except UnicodeDecodeError:
            raise Refused("bytes are written as a text that is none", mend="do not load this file") from None
    return Region(out, 0, length)


def called(func: Global, args: tuple[Value, ...]) -> Value:
    """Describe what a callable of numpy makes."""
    match func.name, args:
        case "dtype", (str() as code, *_):
            return Dtype(code)
        case "_reconstruct", (Global(name="ndarray"), *_):
            return Array()
        case "scalar", (Dtype() as dtype, content):
            return _filled(content, dtype, (), fortran=False)
        case "_frombuffer", (content, Dtype() as dtype, shape, order):
            return _filled(content, dtype, shape, fortran=order == "F")
    raise Refused(f"{func.full} is called in a way that numpy does not", mend=MEND)


def _filled(content: Value, dtype: Dtype, shape: Value, *, fortran: bool) -> Array:
    made = Array()
    made.fill(content, dtype, shape, fortran=fortran)
    return made
