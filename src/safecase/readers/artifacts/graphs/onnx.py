"""What an ONNX runtime acts upon beyond numbers: files that it reads, operators from elsewhere, sizes that are not so.

Field numbers are those of onnx.proto; weights themselves are passed over unread.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO, Final

from safecase.readers.artifacts.graphs.protobuf import LENGTH, NUMBER, BrokenMessage, Field, Wire, signed
from safecase.readers.artifacts.paths_named import leads_outside
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_KEPT: Final = 50_000

_DOMAINS: Final = frozenset(
    {
        "", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training",
        "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.microsoft.dml",
        "com.ms.internal.nhwc", "org.pytorch.aten", "org.pytorch.prim",
    }
)  # fmt: skip
_EXPORTERS: Final = ("pkg.onnxscript.", "pkg.torch", "onnxscript.", "this", "local")
"""Beginnings of domains that exporters import for functions which the optimiser may have taken away again."""

_RUNS_PYTHON: Final = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp", "PyOpBackward"})
_NAMES_FILES: Final = frozenset({"ep_cache_context", "onnx_model_filename", "library", "lib_path", "so_path"})
"""Attributes of ONNX Runtime's own operators that name a file."""

_CHILDREN: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
"""Which fields of which message hold a message that is worth a look."""

_TEXTS: Final = {"node": (4, 7), "external": (1, 2), "function": (1, 10), "opset": (1,), "attribute": (1, 4)}
_BYTES: Final = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
"""Bytes of one number of a data type; of texts and of those smaller than a byte, nothing is said."""


class _Walk:
    def __init__(self, file: BinaryIO, size: int, problems: Problems, member: str) -> None:
        self._wire, self._problems, self._member = Wire(file, size), problems, member
        self._foreign: dict[tuple[str, str], int] = {}
        self._imported: dict[str, int] = {}
        self._defined: dict[tuple[str, str], int] = {}
        self.locations: dict[str, int] = {}

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        children, wanted = _CHILDREN.get(kind, {}), _TEXTS.get(kind, ())
        texts: dict[int, str] = {}
        tensor = _Tensor()
        for field in self._wire.fields(start, end, depth):
            inner = children.get(field.number) if field.wire == LENGTH else None
            if inner:
                self.message(inner, field.start, field.end, depth + 1)
            elif field.number in wanted and field.wire == LENGTH:
                texts[field.number] = self._wire.text(field)
            elif kind == "tensor":
                tensor.take(field, self._wire)
        self._judge(kind, texts, tensor, start)

    def _judge(self, kind: str, texts: dict[int, str], tensor: _Tensor, at: int) -> None:
        if kind == "node":
            self._operator(texts.get(7, ""), texts.get(4, ""), at)
        elif kind == "external":
            self._external(texts.get(1, ""), texts.get(2, ""), at)
        elif kind == "function" and len(self._defined) < MOST_KEPT:
            self._defined[texts.get(10, ""), texts.get(1, "")] = at
        elif kind == "opset":
            self._imported.setdefault(texts.get(1, ""), at)
        elif kind == "attribute" and texts.get(1) in _NAMES_FILES:
            self._attribute(texts[1], texts.get(4, ""), at)
        elif kind == "tensor" and tensor.wrong():
            self._tell("onnx.shape", "suspicious", tensor.wrong(), at, str(at))

    def _operator(self, domain: str, name: str, at: int) -> None:
        if name in _RUNS_PYTHON:
            message = f"the operator {shown(domain)}.{shown(name)} calls back into Python"
            self._tell("onnx.python", "suspicious", message, at, f"{domain}.{name}")
        if domain not in _DOMAINS and len(self._foreign) < MOST_KEPT:
            self._foreign.setdefault((domain, name), at)

    def _external(self, key: str, value: str, at: int) -> None:
        if key == "location":
            if len(self.locations) < MOST_KEPT:
                self.locations.setdefault(value, at)
            if not value.strip() or leads_outside(value):
                message = f"its weights are read from {shown(value)!r}, outside of its folder"
                self._tell("onnx.external-data", "malicious", message, at, value)
        elif key in ("offset", "length") and not (value.isascii() and value.isdigit() and int(value[:20]) < 2**62):
            message = f"the {key} of weights in another file is {shown(value)!r}, which is none"
            self._tell("onnx.external-range", "suspicious", message, at, value)

    def _attribute(self, key: str, value: str, at: int) -> None:
        if value.isprintable() and leads_outside(value):
            message = f"an operator reads the file {shown(value)} ({shown(key)}), outside of its folder"
            self._tell("onnx.external-data", "malicious", message, at, value)

    def tell_names(self) -> None:
        """Tell of operators that nobody defines, now that the functions in the model are known."""
        homes = {domain for domain, _ in self._defined}
        for (domain, name), at in self._foreign.items():
            if (domain, name) not in self._defined:
                full = f"{shown(domain)}.{shown(name)}"
                message = f"the operator {full} comes from a library that is no part of ONNX"
                self._tell("onnx.operator", "suspicious", message, at, full)
        used = {domain for domain, _ in self._foreign}
        for domain, at in self._imported.items():
            if domain not in _DOMAINS | homes | used and not domain.startswith(_EXPORTERS):
                message = f"it imports the operators of {shown(domain)}, which are no part of ONNX"
                self._tell("onnx.domain", "suspicious", message, at, domain)
        for domain, name in self._defined:
            if domain in ("", "ai.onnx", "ai.onnx.ml"):
                message = f"a function of the model takes the place of the operator {shown(name)}"
                self._tell("onnx.shadowed", "suspicious", message, self._defined[domain, name], name)

    def _tell(self, rule: str, says: FileVerdict, message: str, at: int, key: str) -> None:
        self._problems.add(rule, says, message, offset=at, member=self._member, key=key[:200])


class _Tensor:
    """What a tensor says of its size."""

    def __init__(self) -> None:
        self._dimensions: list[int] = []
        self._type, self._raw = 0, -1

    def take(self, field: Field, wire: Wire) -> None:
        if field.number == 1 and len(self._dimensions) < 1024:
            self._dimensions.extend(signed(number) for number in wire.numbers(field, 1024))
        elif field.number == 2 and field.wire == NUMBER:
            self._type = field.value
        elif field.number == 9 and field.wire == LENGTH:
            self._raw = field.end - field.start

    def wrong(self) -> str:
        """Say what is wrong with it; empty where nothing is."""
        if any(number < 0 for number in self._dimensions):
            return "a tensor has a dimension below zero"
        count = math.prod(self._dimensions[:1024])
        if count >= 2**62 or math.prod(n for n in self._dimensions if n) >= 2**62:
            return "a tensor is larger than any memory"
        width = _BYTES.get(self._type)
        if width and self._raw >= 0 and count * width != self._raw:
            return f"a tensor of {count} numbers has {self._raw} bytes where {count * width} belong"
        return ""


def check_onnx(file: BinaryIO, size: int, problems: Problems, member: str, folder: Path | None = None) -> None:
    """Note operators from elsewhere, and weights that are read from outside of `folder`, where the model lies."""
    walk = _Walk(file, size, problems, member)
    try:
        walk.message("model", 0, size, 0)
    except BrokenMessage as why:
        problems.add("onnx.broken", "error", f"not judged to its end: {why}", member=member)
    walk.tell_names()
    if folder is not None:
        _links(walk.locations, folder, problems, member)


def _links(locations: dict[str, int], folder: Path, problems: Problems, member: str) -> None:
    """A link within the folder leads a reader out of it all the same."""
    for location, at in list(locations.items())[:1000]:
        if not location or leads_outside(location):
            continue
        try:
            linked = any(
                p.is_symlink()
                for p in [folder / location, *(folder / location).parents][:20]
                if p != folder and folder in p.parents
            )
            # The Hub's own cache lays out every file as a link into a folder of blobs beside it.
            inside = (folder / location).resolve().is_relative_to(_home(folder))
        except (OSError, ValueError, RuntimeError):
            continue
        if linked and not inside:
            message = f"its weights in {shown(location)} are a link that leads out of its folder"
            problems.add("onnx.external-data", "malicious", message, offset=at, member=member, key=location[:200])


def _home(folder: Path) -> Path:
    resolved = folder.resolve()
    return resolved.parent.parent if resolved.parent.name == "snapshots" else resolved
