"""Models of boosted trees (XGBoost, LightGBM, CatBoost): data alone, whose counts must be what is there."""

from __future__ import annotations

import json
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_JSON: Final = 32 * 1024 * 1024
"""Of larger ones, the end is looked at only: there is nothing in them that anybody acts upon."""

MOST_VALUES: Final = 10_000_000
MOST_DEPTH: Final = 64
MOST_LINE: Final = 64 * 1024 * 1024

_WIDTHS: Final = {
    b"Z": 0, b"T": 0, b"F": 0, b"N": 0, b"i": 1, b"U": 1, b"C": 1, b"I": 2, b"l": 4, b"L": 8, b"d": 4, b"D": 8,
}  # fmt: skip
_INTEGERS: Final = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}


class _Wrong(Exception):  # noqa: N818 - becomes a problem
    def __init__(self, says: FileVerdict, message: str) -> None:
        super().__init__(message)
        self.says: FileVerdict = says


def check_xgboost_json(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Read the model as JSON, without what a lenient parser would let pass."""
    _read_json(file, size, problems, member, "xgboost.broken", "learner")


def check_catboost_json(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Read the model as JSON."""
    _read_json(file, size, problems, member, "catboost.broken", "features_info")


def _read_json(file: BinaryIO, size: int, problems: Problems, member: str, rule: str, wanted: str) -> None:
    if size > MOST_JSON:
        file.seek(size - 64)
        if not file.read(64).rstrip().endswith(b"}"):
            problems.add(rule, "error", "it breaks off", member=member)
        return
    file.seek(0)
    try:
        model = json.loads(file.read(size))
    except (ValueError, RecursionError):
        problems.add(rule, "error", "it is no JSON to its end", member=member)
        return
    if not isinstance(model, dict) or not isinstance(model.get(wanted), dict):
        problems.add(rule, "error", f"it has no {wanted}", member=member)


def check_xgboost_ubj(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Walk the model in universal binary JSON, every count held against what is there."""
    walk = _Ubj(file, size)
    try:
        walk.walk()
    except _Wrong as why:
        problems.add("xgboost.header", why.says, f"it says what is not so: {why}", offset=walk.at(), member=member)


class _Ubj:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._left = MOST_VALUES
        file.seek(0)

    def at(self) -> int:
        return self._file.tell()

    def walk(self) -> None:
        self._value(self._read(1), 0)
        if self.at() < self._size:
            raise _Wrong("suspicious", f"{self._size - self.at()} bytes follow its end")

    def _read(self, count: int) -> bytes:
        found = self._file.read(count)
        if len(found) < count:
            raise _Wrong("error", "it breaks off")
        return found

    def _length(self) -> int:
        kind = self._read(1)
        if kind not in _INTEGERS:
            raise _Wrong("suspicious", "a length that is no number")
        found = int.from_bytes(self._read(_INTEGERS[kind]), "big", signed=kind != b"U")
        if not 0 <= found <= self._size:
            raise _Wrong("suspicious", f"a length of {found} in a file of {self._size} bytes")
        return found

    def _value(self, kind: bytes, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth > MOST_DEPTH:
            raise _Wrong("suspicious", "it is nested too deeply" if depth > MOST_DEPTH else "it has too many values")
        if kind in _WIDTHS:
            self._read(_WIDTHS[kind])
        elif kind in (b"S", b"H"):
            self._over(self._length())
        elif kind == b"[":
            self._list(depth)
        elif kind == b"{":
            self._object(depth)
        else:
            raise _Wrong("error", f"a value of the kind {shown(kind.decode('latin-1'))}")

    def _over(self, count: int) -> None:
        if count > self._size - self.at():
            raise _Wrong("suspicious", f"{count} bytes where {self._size - self.at()} are left")
        self._file.seek(count, 1)

    def _list(self, depth: int) -> None:
        kind, count, following = self._optimised()
        if count is None:
            while following != b"]":
                if following != b"N":
                    self._value(following, depth + 1)
                following = self._read(1)
        elif kind in _WIDTHS:
            self._over(count * _WIDTHS[kind])
        else:
            for _ in range(count):
                self._value(kind or self._read(1), depth + 1)

    def _object(self, depth: int) -> None:
        kind, count, following = self._optimised()
        if count is None:
            while following != b"}":
                self._file.seek(-1, 1)
                self._over(self._length())
                self._value(kind or self._read(1), depth + 1)
                following = self._read(1)
            return
        for _ in range(count):
            self._over(self._length())
            self._value(kind or self._read(1), depth + 1)

    def _optimised(self) -> tuple[bytes, int | None, bytes]:
        """Give kind and count where a container tells them ahead, and the byte behind where it does not."""
        following, kind = self._read(1), b""
        if following == b"$":
            kind, following = self._read(1), self._read(1)
        if following == b"#":
            return kind, self._length(), b""
        if kind:
            raise _Wrong("suspicious", "a kind without a count")
        return b"", None, following


def check_lightgbm(file: BinaryIO, _size: int, problems: Problems, member: str) -> None:
    """Read the model's lines: names and numbers, and no bytes that are no text."""
    file.seek(0)
    at, sizes, trees = 0, 0, 0
    while line := file.readline(MOST_LINE):
        if b"\0" in line:
            message = f"its text holds bytes that are none, at byte {at}"
            problems.add("lightgbm.header", "suspicious", message, offset=at, member=member)
            return
        at += len(line)
        if line.startswith(b"tree_sizes="):
            sizes = len(line.split(b"=", 1)[1].split())
        trees += line.startswith(b"Tree=")
    if sizes != trees:
        message = f"it tells of {sizes} trees, and {trees} are there"
        problems.add("lightgbm.header", "error", message, member=member)


def check_catboost(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Hold the length of the model's core against the file."""
    file.seek(0)
    head = file.read(8)
    length = int.from_bytes(head[4:8], "little")
    if len(head) < 8 or length > size - 8:
        message = f"it says that its core is {length} bytes long, in a file of {size}"
        problems.add("catboost.header", "suspicious", message, offset=4, member=member)
