"""Tensors as a pickle tells of them: a dtype, a shape and strides over bytes in a file, read in bounded pieces."""

from __future__ import annotations

import array
import math
import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from safecase.errors import CollectError, SafecaseError

CHUNK: Final = 1024 * 1024
MOST_DIMENSIONS: Final = 64
MOST_ELEMENTS: Final = 2**62

DTYPES: Final = {
    # In the order in which safetensors ranks them: the highest is written first.
    "bool": ("BOOL", 1), "uint8": ("U8", 1), "int8": ("I8", 1), "float8_e5m2": ("F8_E5M2", 1),
    "float8_e4m3fn": ("F8_E4M3", 1), "float8_e8m0fnu": ("F8_E8M0", 1), "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1), "int16": ("I16", 2), "uint16": ("U16", 2), "float16": ("F16", 2),
    "bfloat16": ("BF16", 2), "int32": ("I32", 4), "uint32": ("U32", 4), "float32": ("F32", 4), "complex64": ("C64", 8),
    "float64": ("F64", 8), "int64": ("I64", 8), "uint64": ("U64", 8),
}  # fmt: skip
"""By PyTorch's name: the name in safetensors, and the bytes of an element."""

_VIEW: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Refused(SafecaseError):  # noqa: N818 - it is an answer, not a failure
    """The file holds what is not converted."""

    exit_code = 1


class Region(NamedTuple):
    """Bytes within an open file."""

    stream: BinaryIO
    start: int
    length: int

    def read(self, at: int, count: int) -> bytes:
        """Read exactly so many bytes; raises `CollectError` where the file ended meanwhile."""
        self.stream.seek(self.start + at)
        found = self.stream.read(count)
        if len(found) < count:
            raise CollectError("the file ends within a tensor", mend="fetch it again, and leave it be meanwhile")
        return found


class Storage:
    """The bytes that tensors are views of; where they lie may be known only later."""

    def __init__(self, key: str, dtype: str, count: int, find: Callable[[], Region] | None = None) -> None:
        self.key = key
        self.dtype = dtype
        """Empty of an untyped one, whose count is of bytes."""
        self.count = count
        self.swap = False
        """Its numbers are big-endian."""
        self._find = find
        self._region: Region | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * (DTYPES[self.dtype][1] if self.dtype else 1)

    def lies(self, find: Callable[[], Region]) -> None:
        """Say where its bytes are."""
        self._find = find

    def region(self) -> Region:
        """Give its bytes."""
        if self._region is None:
            if self._find is None:
                raise CollectError(f"the bytes of storage {self.key!r} are not in the file", mend="fetch it again")
            self._region = self._find()
            if self._region.length < self.size:
                raise CollectError(
                    f"storage {self.key!r} has {self._region.length} bytes of the {self.size} that it should have",
                    mend="fetch the file again",
                )
        return self._region


class Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return DTYPES[self.dtype][1]

    @property
    def size(self) -> int:
        """Bytes that it has when it is written out."""
        return math.prod(self.shape) * self.width

    @property
    def work(self) -> int:
        """Bytes that are read or written for it: a few elements may lie far apart."""
        if not self.size:
            return 0
        span = 1 + sum((count - 1) * stride for count, stride in zip(self.shape, self.strides, strict=True))
        return max(self.size, span * self.width)


def view(storage: object, offset: object, shape: object, strides: object, dtype: str = "") -> Tensor:
    """Make a tensor of what a pickle says; raises `Refused` where it is none, or not within its storage."""
    if not isinstance(storage, Storage) or not _counts(shape) or not _counts(strides) or not _count(offset):
        raise Refused("a tensor is described in a way that PyTorch does not write", mend="do not load this file")
    assert isinstance(shape, tuple)
    assert isinstance(strides, tuple)
    assert isinstance(offset, int)
    dtype = dtype or storage.dtype or "uint8"
    if len(shape) != len(strides) or len(shape) > MOST_DIMENSIONS or math.prod(shape) > MOST_ELEMENTS:
        raise Refused(
            f"a tensor has a shape that none can have ({len(shape)} dimensions)", mend="do not load this file"
        )
    made = Tensor(storage, dtype, offset, shape, strides)
    if 0 not in shape:
        last = offset + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
        if (last + 1) * made.width > storage.size:
            raise Refused("a tensor reaches behind the end of its storage", mend="do not load this file")
    return made


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_ELEMENTS


def _counts(values: object) -> bool:
    return isinstance(values, tuple) and all(_count(value) for value in values)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Give the strides of a tensor that lies row by row."""
    strides = [1] * len(shape)
    for at in range(len(shape) - 2, -1, -1):
        strides[at] = strides[at + 1] * max(shape[at + 1], 1)
    return tuple(strides)


def pieces(tensor: Tensor) -> Iterator[bytes]:
    """Give a tensor's bytes row by row, little-endian, in pieces of bounded size."""
    if not tensor.size:
        return
    region = tensor.storage.region()
    dimensions = _merged(tensor)
    if not dimensions or dimensions == [(math.prod(tensor.shape), 1)]:
        found = _straight(region, tensor.offset * tensor.width, tensor.size)
    else:
        found = _strided(region, tensor, dimensions)
    yield from (_swapped(piece, tensor) for piece in found) if tensor.storage.swap else found


def _merged(tensor: Tensor) -> list[tuple[int, int]]:
    """Give counts and strides of as few dimensions as it takes."""
    merged: list[tuple[int, int]] = []
    for count, stride in zip(tensor.shape, tensor.strides, strict=True):
        if count == 1:
            continue
        if merged and merged[-1][1] == count * stride:
            merged[-1] = (merged[-1][0] * count, stride)
        else:
            merged.append((count, stride))
    return merged


def _straight(region: Region, at: int, left: int) -> Iterator[bytes]:
    while left:
        step = min(CHUNK, left)
        yield region.read(at, step)
        at, left = at + step, left - step


def _strided(region: Region, tensor: Tensor, dimensions: list[tuple[int, int]]) -> Iterator[bytes]:
    """Gather it from a copy of the part that it spans: nobody can shorten that one while it is mapped."""
    width = tensor.width
    span = (1 + sum((count - 1) * stride for count, stride in dimensions)) * width
    with tempfile.TemporaryFile() as copy:
        for piece in _straight(region, tensor.offset * width, span):
            copy.write(piece)
        copy.flush()
        with mmap.mmap(copy.fileno(), span, access=mmap.ACCESS_READ) as mapped:
            whole = memoryview(mapped)
            elements = whole.cast(_VIEW[width])  # type: ignore[call-overload]
            try:
                yield from _gathered(elements, dimensions, width)
            finally:
                elements.release()
                whole.release()


def _gathered(elements: memoryview, dimensions: list[tuple[int, int]], width: int) -> Iterator[bytes]:
    *outer, (count, stride) = dimensions
    most = CHUNK // width
    out = bytearray()
    for start in _starts(outer):
        for first in range(0, count, most):
            number = min(most, count - first)
            at = start + first * stride
            if stride:
                out += elements[at : at + (number - 1) * stride + 1 : stride].tobytes()
            else:
                out += elements[at : at + 1].tobytes() * number
            if len(out) >= CHUNK:
                yield bytes(out)
                out.clear()
    if out:
        yield bytes(out)


def _starts(dimensions: list[tuple[int, int]]) -> Iterator[int]:
    if not dimensions:
        yield 0
        return
    (count, stride), *rest = dimensions
    for index in range(count):
        for start in _starts(rest):
            yield index * stride + start


def _swapped(piece: bytes, tensor: Tensor) -> bytes:
    # A complex number is two numbers.
    width = 4 if tensor.dtype == "complex64" else tensor.width
    numbers = array.array(_VIEW[width], piece)
    numbers.byteswap()
    return numbers.tobytes()
