"""The header of a NumPy array: a literal that says type and shape, which must be what the file holds."""

from __future__ import annotations

import ast
import math
import re
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.report import FileVerdict, Problems

MAGIC: Final = b"\x93NUMPY"
MOST_HEADER: Final = 1024 * 1024
MOST_ARRAYS: Final = 1000
MOST_DIMENSIONS: Final = 64

_KIND: Final = re.compile(r"([<>|=]?)([?bBhHiIlLqQpPefdgFDGcuSaUVmMO])(\d{0,18})(\[\w+(/\w+)?\])?\Z")
_LETTERS: Final = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "l": 8, "L": 8, "q": 8, "Q": 8, "e": 2}
_WIDER: Final = {"f": 4, "d": 8, "g": 16, "F": 8, "D": 16, "G": 32, "m": 8, "M": 8}


class _Wrong(Exception):  # noqa: N818 - becomes a problem
    def __init__(self, says: FileVerdict, message: str) -> None:
        super().__init__(message)
        self.says: FileVerdict = says


def check_npy(file: BinaryIO, size: int, problems: Problems, member: str) -> int:
    """Hold a header against its file; gives where the pickle of an array of objects begins, 0 where there is none."""
    at = 0
    try:
        for _ in range(MOST_ARRAYS):
            start, length = _array(file, at, size)
            if length is None:
                return start
            at = start + length
            if at >= size:
                return 0
            # Arrays may be written one behind the other.
            file.seek(at)
            if file.read(6) != MAGIC:
                raise _Wrong("suspicious", f"{size - at} bytes follow the end of its numbers")
    except _Wrong as why:
        problems.add("npy.header", why.says, f"its header is not true: {why}", offset=at, member=member)
        # Whatever it says, what lies behind it may be a pickle.
        return min(_data_start(file, at), size)
    return 0


def _data_start(file: BinaryIO, at: int) -> int:
    file.seek(at)
    head = file.read(12)
    wide = head[6:7] != b"\x01"
    return at + (12 + int.from_bytes(head[8:12], "little") if wide else 10 + int.from_bytes(head[8:10], "little"))


def _array(file: BinaryIO, at: int, size: int) -> tuple[int, int | None]:
    """Give where the data begin, and their bytes; None where they are a pickle."""
    file.seek(at)
    head = file.read(12)
    if head[6:7] not in (b"\x01", b"\x02", b"\x03") or head[7:8] != b"\0":
        raise _Wrong("suspicious", "a version that there is not")
    start = _data_start(file, at)
    begin = at + (10 if head[6:7] == b"\x01" else 12)
    if start > size:
        raise _Wrong("error", "it is longer than the file")
    if start - begin > MOST_HEADER:
        raise _Wrong("suspicious", f"it is {start - begin} bytes long")
    file.seek(begin)
    descr, shape = _told(file.read(start - begin).decode("latin-1" if head[6] < 3 else "utf-8", "replace"))
    width = _width(descr, 0)
    if width is None:
        return start, None
    length = math.prod(shape) * width
    if length > size - start:
        raise _Wrong("error", f"its numbers take {length} bytes, and {size - start} are there")
    return start, length


def _told(header: str) -> tuple[Any, tuple[int, ...]]:
    try:
        said = ast.literal_eval(header.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise _Wrong("suspicious", "it is no literal") from None
    if not isinstance(said, dict) or said.keys() != {"descr", "fortran_order", "shape"}:
        raise _Wrong("suspicious", "it says more or less than type, order and shape")
    shape = said["shape"]
    if not isinstance(shape, tuple) or len(shape) > MOST_DIMENSIONS or not all(type(n) is int for n in shape):
        raise _Wrong("suspicious", "its shape is none")
    if any(n < 0 for n in shape) or math.prod(shape) >= 2**63:
        raise _Wrong("suspicious", "its shape is larger than any memory")
    return said["descr"], shape


def _width(descr: Any, depth: int) -> int | None:
    """Give the bytes of one item; None where it holds objects."""
    if depth > 16:
        raise _Wrong("suspicious", "its type is nested too deeply")
    if isinstance(descr, str):
        return _plain_width(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        inner = _width(descr[0], depth + 1)
        return None if inner is None else inner * _times(descr[1])
    if isinstance(descr, list) and descr:
        widths = [_field(field, depth) for field in descr]
        return None if None in widths else sum(w for w in widths if w is not None)
    raise _Wrong("suspicious", "its type is none")


def _field(field: Any, depth: int) -> int | None:
    if not isinstance(field, tuple) or len(field) not in (2, 3):
        raise _Wrong("suspicious", "its type has a field that is none")
    inner = _width(field[1], depth + 1)
    return None if inner is None else inner * (_times(field[2]) if len(field) == 3 else 1)


def _times(shape: Any) -> int:
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, tuple) or not all(type(n) is int and 0 <= n < 2**40 for n in sizes) or len(sizes) > 64:
        raise _Wrong("suspicious", "its type has a shape that is none")
    return math.prod(sizes)


def _plain_width(text: str) -> int | None:
    found = _KIND.match(text)
    if not found:
        raise _Wrong("suspicious", "its type is none")
    letter, digits = found[2], found[3]
    if letter == "O":
        return None
    if letter == "U":
        return 4 * int(digits or 0)
    if digits and letter not in "hHlLqQpPedgDGI?":
        return int(digits)
    return {**_LETTERS, **_WIDER}.get(letter, 8 if letter in "pP" else 0)
