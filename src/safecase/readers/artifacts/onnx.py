"""The two things in an ONNX file that a runtime acts upon beyond numbers: files that it reads, and foreign operators.

Read by protobuf field numbers, with every length held against what is there; the weights themselves are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from safecase.readers.archives.unpacking import peek_at, varint
from safecase.readers.artifacts.report import Problems
from safecase.readers.text import shown

MOST_FIELDS: Final = 5_000_000
MOST_DEPTH: Final = 24
MOST_TEXT: Final = 4096

_DOMAINS: Final = frozenset(
    {
        "", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training",
        "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.ms.internal.nhwc",
        "org.pytorch.aten",
    }
)  # fmt: skip

_MODEL: Final = {7: "graph", 20: "training", 25: "function"}
_CHILDREN: Final[dict[str, dict[int, str]]] = {
    "model": _MODEL,
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
"""Which fields of which message hold a message that is worth a look."""


class _Wrong(Exception):  # noqa: N818 - becomes a problem
    pass


class _Walk:
    def __init__(self, file: BinaryIO, problems: Problems, member: str) -> None:
        self._file, self._problems, self._member = file, problems, member
        self._left = MOST_FIELDS

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise _Wrong("it is nested too deeply")
        children = _CHILDREN.get(kind, {})
        texts: dict[int, str] = {}
        for field, at, length in self._fields(start, end):
            inner = children.get(field)
            if inner:
                self.message(inner, at, at + length, depth + 1)
            elif field in _TEXTS.get(kind, ()):
                texts[field] = peek_at(self._file, at, min(length, MOST_TEXT)).decode("utf-8", "replace")
        if kind == "node":
            self._operator(texts)
        elif kind == "external" and texts.get(1) == "location":
            self._location(texts.get(2, ""))

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Give number, place and length of each field that has a length."""
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise _Wrong(f"it has more than {MOST_FIELDS} fields")
            head = peek_at(self._file, at, 20)
            tag, used = varint(head, 0)
            wire = tag & 7
            if wire == 2 and used:
                length, used = varint(head, used)
                if not used or at + used + length > end:
                    raise _Wrong("a field is longer than its message")
                yield tag >> 3, at + used, length
                at += used + length
            elif wire == 0 and used:
                used = varint(head, used)[1]
                at += used
            elif wire in (1, 5) and used:
                at += used + (8 if wire == 1 else 4)
            if not used or wire not in (0, 1, 2, 5):
                raise _Wrong("a field that is none")

    def _operator(self, texts: dict[int, str]) -> None:
        domain = texts.get(7, "")
        if domain not in _DOMAINS:
            name = f"{shown(domain)}.{shown(texts.get(4, ''))}"
            message = f"the operator {name} comes from a library that is no part of ONNX"
            self._problems.add("onnx.operator", "suspicious", message, member=self._member, key=name)

    def _location(self, location: str) -> None:
        parts = location.replace("\\", "/").split("/")
        if ".." in parts or not location or location.startswith(("/", "\\", "~")) or location[1:2] == ":":
            message = f"its weights are read from {shown(location)}, outside of its folder"
            self._problems.add("onnx.external-data", "malicious", message, member=self._member, key=location[:200])


_TEXTS: Final = {"node": (4, 7), "external": (1, 2)}


def check_onnx(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Note operators from elsewhere, and weights that are read from outside of the model's folder."""
    try:
        _Walk(file, problems, member).message("model", 0, size, 0)
    except _Wrong as why:
        problems.add("onnx.broken", "error", f"not judged: {why}", member=member)
