"""The headers of safetensors and GGUF: what they say of the file must be so, or a loader reads what is not there."""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_HEADER: Final = 100_000_000
MOST_VALUES: Final = 20_000_000
"""Values of GGUF metadata: vocabularies have some hundred thousand."""

_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


class _Wrong(Exception):  # noqa: N818 - becomes a problem
    pass


def check_safetensors(file: BinaryIO, size: int, problems: Problems, member: str) -> int:
    """Hold a safetensors header against its file; gives the number of tensors."""
    try:
        return _safetensors(file, size)
    except _Wrong as why:
        problems.add("safetensors.header", "suspicious", f"its header is not true: {why}", offset=8, member=member)
        return 0


def _safetensors(file: BinaryIO, size: int) -> int:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > MOST_HEADER:
        raise _Wrong(f"it says that it is {length} bytes long")
    if length > size - 8:
        raise _Wrong(f"it says that it is {length} bytes long, in a file of {size}")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise _Wrong("it is no JSON") from None
    if not isinstance(header, dict):
        raise _Wrong("it is no JSON object")
    header.pop("__metadata__", None)
    spans = sorted(_span(name, entry) for name, entry in header.items())
    at = 0
    for start, end, name in spans:
        if start != at:
            raise _Wrong(f"{shown(name)} {'overlaps another tensor' if start < at else 'leaves a hole before it'}")
        at = end
    if at != size - 8 - length:
        raise _Wrong(f"its tensors take {at} bytes, and {size - 8 - length} are there")
    return len(spans)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def _span(name: str, entry: Any) -> tuple[int, int, str]:
    try:
        (start, end), shape, bits = entry["data_offsets"], entry["shape"], _BITS[entry["dtype"]]
        whole = all(isinstance(n, int) and n >= 0 for n in (start, end, *shape))
    except (TypeError, KeyError, ValueError):
        raise _Wrong(f"the entry of {shown(name)} is none") from None
    if not whole or (end - start) * 8 != math.prod(shape) * bits:
        raise _Wrong(f"{shown(name)} has another size than its shape")
    return start, end, name


# GGUF

_SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9
MOST_TEXT: Final = 64 * 1024 * 1024


class Gguf:
    """The metadata of a GGUF file, read with every count held against what is there."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.templates: list[str] = []
        self.tensors = 0
        self._left = MOST_VALUES

    def read(self) -> None:
        """Read the header; raises `_Wrong` where it is not true."""
        self._file.seek(4)
        version = self._number(4)
        if version not in (2, 3):
            raise _Wrong(f"version {version}")
        self.tensors, pairs = self._number(8), self._number(8)
        if max(self.tensors * 24, pairs * 13) > self._size:
            raise _Wrong(f"{self.tensors} tensors and {pairs} entries in a file of {self._size} bytes")
        for _ in range(pairs):
            key = self._text()
            kind = self._number(4)
            if kind == _TEXT and key.startswith("tokenizer.chat_template"):
                self.templates.append(self._text())
            else:
                self._skip(kind, 0)
        for _ in range(self.tensors):
            self._tensor()

    def _tensor(self) -> None:
        name = self._text()
        dimensions = self._number(4)
        if dimensions > 8:
            raise _Wrong(f"{shown(name)} has {dimensions} dimensions")
        if math.prod(self._number(8) for _ in range(dimensions)) >= 2**63:
            raise _Wrong(f"{shown(name)} is larger than any memory")
        self._number(4)
        if self._number(8) > self._size:
            raise _Wrong(f"{shown(name)} lies behind the end of the file")

    def _number(self, size: int) -> int:
        found = self._file.read(size)
        if len(found) < size:
            raise _Wrong("it ends within its header")
        return int.from_bytes(found, "little")

    def _text(self) -> str:
        length = self._number(8)
        if length > min(MOST_TEXT, self._size):
            raise _Wrong(f"a text of {length} bytes")
        return self._file.read(length).decode("utf-8", "replace")

    def _skip(self, kind: int, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Wrong(f"more than {MOST_VALUES} values")
        if kind in _SCALARS:
            self._number(_SCALARS[kind])
        elif kind == _TEXT:
            self._over(self._number(8))
        elif kind == _ARRAY and depth < 4:
            inner, count = self._number(4), self._number(8)
            if count > self._size:
                raise _Wrong(f"an array of {count} items")
            if inner in _SCALARS:
                self._over(count * _SCALARS[inner])
            else:
                for _ in range(count):
                    self._skip(inner, depth + 1)
        else:
            raise _Wrong(f"a value of kind {kind}")

    def _over(self, count: int) -> None:
        if count > self._size - self._file.tell():
            raise _Wrong(f"a value of {count} bytes")
        self._file.seek(count, 1)


def check_gguf(file: BinaryIO, size: int, problems: Problems, member: str) -> Gguf:
    """Hold a GGUF header against its file; gives what it says, chat templates among it."""
    found = Gguf(file, size)
    try:
        found.read()
    except (_Wrong, struct.error) as why:
        problems.add("gguf.header", "suspicious", f"its header is not true: {why}", member=member)
    return found
