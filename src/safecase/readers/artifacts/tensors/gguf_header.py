"""The header of GGUF: what it says of the file must be so, or a loader reads what is not there."""

from __future__ import annotations

import math
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_VALUES: Final = 20_000_000
"""Values of metadata: vocabularies have some hundred thousand."""

MOST_TEXT: Final = 64 * 1024 * 1024
MOST_KEY: Final = 65_535
MOST_NESTED: Final = 4
MOST_DIMENSIONS: Final = 4
MOST_NAME: Final = 64

_SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9
_CHUNK: Final = 256 * 1024

_BLOCKS: Final[dict[int, tuple[int, int]]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""Numbers in a block and bytes of it, by ggml's kinds of tensors."""


class Untrue(Exception):  # noqa: N818 - becomes a problem
    """The header says what is not so."""


class Gguf:
    """The metadata of a GGUF file, read with every count held against what is there."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.templates: list[str] = []
        self.tensors = 0
        self._left = MOST_VALUES
        self._order: str = "little"
        self._wide = 8
        self._alignment = 32

    def read(self) -> None:
        """Read the header; raises `Untrue` where it is not true."""
        self._file.seek(4)
        version = self._number(4)
        if version & 0xFFFF == 0 and version:
            # A file for machines of the other byte order.
            version, self._order = int.from_bytes(version.to_bytes(4, "little"), "big"), "big"
        if version not in (1, 2, 3):
            raise Untrue(f"version {version}")
        self._wide = 4 if version == 1 else 8
        self.tensors, pairs = self._number(self._wide), self._number(self._wide)
        if max(self.tensors * (self._wide * 2 + 12), pairs * (self._wide + 5)) > self._size:
            raise Untrue(f"{self.tensors} tensors and {pairs} entries in a file of {self._size} bytes")
        keys: set[str] = set()
        for _ in range(pairs):
            self._entry(keys)
        spans = [self._tensor() for _ in range(self.tensors)]
        self._layout(spans)

    def _entry(self, keys: set[str]) -> None:
        key = self._text(MOST_KEY)
        if key in keys:
            raise Untrue(f"the key {shown(key)} stands there twice")
        if len(keys) < 1_000_000:
            keys.add(key)
        kind = self._number(4)
        if kind == _TEXT and key.startswith("tokenizer.chat_template"):
            self.templates.append(self._text(MOST_TEXT))
        elif key == "general.alignment" and kind == 4:
            self._alignment = self._number(4)
            if self._alignment & self._alignment - 1 or not 0 < self._alignment <= 2**20:
                raise Untrue(f"an alignment of {self._alignment} bytes")
        else:
            self._skip(kind, 0)

    def _tensor(self) -> tuple[int, int, str]:
        """Give start, end and name of a tensor, from the beginning of the data."""
        name = self._text(MOST_KEY)
        dimensions = self._number(4)
        if dimensions > MOST_DIMENSIONS:
            raise Untrue(f"{shown(name)} has {dimensions} dimensions")
        shape = [self._number(self._wide) for _ in range(dimensions)]
        count = math.prod(shape)
        if count >= 2**63 or math.prod(n for n in shape if n) >= 2**63:
            raise Untrue(f"{shown(name)} is larger than any memory")
        kind, start = self._number(4), self._number(8)
        if start % self._alignment:
            raise Untrue(f"{shown(name)} does not lie where the alignment wants it")
        block, width = _BLOCKS.get(kind, (1, 0))
        if shape and shape[0] % block:
            raise Untrue(f"{shown(name)} is no whole number of blocks")
        end = start + count // block * width
        if end > self._size:
            raise Untrue(f"{shown(name)} lies behind the end of the file")
        return start, end, name

    def _layout(self, spans: list[tuple[int, int, str]]) -> None:
        begin = (self._file.tell() + self._alignment - 1) // self._alignment * self._alignment
        at, names = 0, set[str]()
        for start, end, name in sorted(spans):
            if name in names:
                raise Untrue(f"the tensor {shown(name)} stands there twice")
            names.add(name)
            if start < at and end > start:
                raise Untrue(f"{shown(name)} overlaps another tensor")
            at = max(at, end)
        if spans and begin + at > self._size:
            raise Untrue(f"its tensors end at byte {begin + at}, in a file of {self._size}")

    def _number(self, size: int) -> int:
        found = self._file.read(size)
        if len(found) < size:
            raise Untrue("it ends within its header")
        return int.from_bytes(found, "big" if self._order == "big" else "little")

    def _text(self, most: int) -> str:
        length = self._number(self._wide)
        if length > min(most, self._size):
            raise Untrue(f"a text of {length} bytes")
        found = self._file.read(length)
        if len(found) < length:
            raise Untrue("it ends within a text")
        return found.decode("utf-8", "replace")

    def _skip(self, kind: int, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise Untrue(f"more than {MOST_VALUES} values")
        if kind in _SCALARS:
            self._number(_SCALARS[kind])
        elif kind == _TEXT:
            self._over(self._number(self._wide))
        elif kind == _ARRAY and depth < MOST_NESTED:
            self._skip_array(depth)
        else:
            raise Untrue(f"a value of kind {kind}" if kind != _ARRAY else "lists too deep in one another")

    def _skip_array(self, depth: int) -> None:
        inner, count = self._number(4), self._number(self._wide)
        if count > self._size:
            raise Untrue(f"a list of {count} values")
        if inner in _SCALARS:
            self._over(count * _SCALARS[inner])
        elif inner == _TEXT:
            self._skip_texts(count)
        else:
            for _ in range(count):
                self._skip(inner, depth + 1)

    def _skip_texts(self, count: int) -> None:
        """Pass over the texts of a vocabulary, many at a time."""
        self._left -= count
        if self._left < 0:
            raise Untrue(f"more than {MOST_VALUES} values")
        order, wide = ("big" if self._order == "big" else "little"), self._wide
        start, window, at = self._file.tell(), self._file.read(_CHUNK), 0
        for _ in range(count):
            if at + wide > len(window):
                start, at = start + at, 0
                self._file.seek(start)
                window = self._file.read(_CHUNK)
                if len(window) < wide:
                    raise Untrue("it ends within a list")
            length = int.from_bytes(window[at : at + wide], order)  # type: ignore[arg-type] # one of the two words
            at += wide + length
            if start + at > self._size:
                raise Untrue(f"a text of {length} bytes")
        self._file.seek(start + at)

    def _over(self, count: int) -> None:
        if count > self._size - self._file.tell():
            raise Untrue(f"a value of {count} bytes")
        self._file.seek(count, 1)


def check_gguf(file: BinaryIO, size: int, problems: Problems, member: str) -> Gguf:
    """Hold a GGUF header against its file; gives what it says, chat templates among it."""
    found = Gguf(file, size)
    try:
        found.read()
    except Untrue as why:
        problems.add("gguf.header", "suspicious", f"its header is not true: {why}", offset=0, member=member)
    return found


_OLD: Final = {b"lmgg": False, b"fmgg": True, b"tjgg": True, b"algg": True}


def check_ggml(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Look at a model of the formats before GGUF: numbers alone, whose first count must be one."""
    file.seek(0)
    head = file.read(36)
    versioned = _OLD.get(head[:4], False)
    version = int.from_bytes(head[4:8], "little") if versioned else 1
    words = int.from_bytes(head[8:12] if versioned else head[4:8], "little")
    if not 1 <= version <= 3 or words > size or len(head) < 36:
        message = f"its header is not true: version {version}, {words} words, in a file of {size} bytes"
        problems.add("gguf.header", "suspicious", message, offset=0, member=member)
