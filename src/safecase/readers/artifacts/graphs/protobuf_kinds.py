"""Tell protobuf models apart: none has a magic, so each is told by fields that only its own messages have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO, Final

from safecase.readers.artifacts.graphs.protobuf import LENGTH, NUMBER, BrokenMessage, Field, Wire

_MOST_READ: Final = 64
"""Fields of a message that are enough to tell it."""

_OPERATOR: Final = re.compile(r"[A-Za-z_][\w.>:/-]{0,200}\Z")
_COREML_TYPES: Final = frozenset(
    {*range(200, 203), *range(300, 305), *range(400, 405), 500, 501, 502, 555, 556, 560, *range(600, 611), 900}
    | {*range(2000, 2007), 3000}
)
_ONNX_NUMBERS: Final = frozenset({1, 5})
_ONNX_TEXTS: Final = frozenset({2, 3, 4, 6, 8, 14, 20, 25, 26})


def protobuf_kind(file: BinaryIO, size: int) -> tuple[str, str]:
    """Name the format of a file that is a message of a known kind, with a detail; `unknown` where it is none."""
    wire = Wire(file, size, 20_000)
    try:
        fields, whole = _some(wire, 0, size)
    except BrokenMessage:
        return "unknown", ""
    for kind, detail, fits in _KINDS:
        try:
            if fields and fits(wire, fields, whole):
                return kind, detail
        except BrokenMessage:
            continue
    return "unknown", ""


def _some(wire: Wire, start: int, end: int) -> tuple[list[Field], bool]:
    """Give the first fields, and whether those are all."""
    found: list[Field] = []
    for field in wire.fields(start, end):
        if len(found) == _MOST_READ:
            return found, False
        found.append(field)
    return found, True


def _inside(wire: Wire, field: Field) -> list[Field]:
    return _some(wire, field.start, field.end)[0] if field.wire == LENGTH else []


def _of(fields: list[Field], number: int, wire: int = LENGTH) -> list[Field]:
    return [f for f in fields if f.number == number and f.wire == wire]


def _is_onnx(wire: Wire, fields: list[Field], whole: bool) -> bool:
    graphs = _of(fields, 7)
    head = [f for f in fields if f.number in _ONNX_NUMBERS]
    if not whole or not graphs or not head or any(f.wire != NUMBER for f in head):
        return False
    if any(f.wire != LENGTH for f in fields if f.number in _ONNX_TEXTS):
        return False
    inner = _inside(wire, graphs[0])
    return all(f.wire == LENGTH for f in inner if f.number <= 16)


def _is_node(wire: Wire, field: Field) -> bool:
    """Say whether it is a NodeDef: a name and an operator, both texts."""
    inner = _inside(wire, field)
    names, operators = _of(inner, 1), _of(inner, 2)
    return (
        bool(operators)
        and all(f.wire == LENGTH and f.number <= 7 for f in inner)
        and all(_OPERATOR.match(wire.text(f)) for f in operators)
        and all(wire.text(f, 256).isprintable() for f in names)
    )


def _is_graph_def(wire: Wire, fields: list[Field], _whole: bool) -> bool:
    nodes = _of(fields, 1)
    if any(f.number not in (1, 2, 3, 4, 5) for f in fields):
        return False
    functions = [f for library in _of(fields, 2)[:1] for f in _of(_inside(wire, library), 1)]
    if nodes:
        return _is_node(wire, nodes[0])
    return bool(functions) and _is_function(wire, functions[0])


def _is_function(wire: Wire, field: Field) -> bool:
    inner = _inside(wire, field)
    nodes = _of(inner, 3)
    return bool(_of(inner, 1)) and bool(nodes) and _is_node(wire, nodes[0])


def _is_meta_graph(wire: Wire, fields: list[Field], _whole: bool) -> bool:
    graphs = _of(fields, 2)
    if not graphs or any(f.wire != LENGTH or f.number > 8 for f in fields):
        return False
    inner, whole = _some(wire, graphs[0].start, graphs[0].end)
    return _is_graph_def(wire, inner, whole) if inner else bool(_of(fields, 1))


def _is_saved_model(wire: Wire, fields: list[Field], whole: bool) -> bool:
    graphs = _of(fields, 2)
    if not whole or not graphs or any((f.number, f.wire) not in ((1, NUMBER), (2, LENGTH)) for f in fields):
        return False
    inner = _inside(wire, graphs[0])
    return bool(inner) and _is_meta_graph(wire, inner, True)


def _is_coreml(_wire: Wire, fields: list[Field], _whole: bool) -> bool:
    versions = _of(fields, 1, NUMBER)
    typed = any(f.number in _COREML_TYPES and f.wire == LENGTH for f in fields)
    return typed and bool(versions) and 1 <= versions[0].value <= 100 and not _of(fields, 7)


def _is_keras_metadata(wire: Wire, fields: list[Field], _whole: bool) -> bool:
    nodes = _of(fields, 1)
    inner = _inside(wire, nodes[0]) if nodes else []
    texts = [wire.text(f, 64).lstrip() for f in inner if f.wire == LENGTH]
    return any(t.startswith("_tf_keras_") for t in texts) and any(t.startswith("{") for t in texts)


def _is_fingerprint(wire: Wire, fields: list[Field], whole: bool) -> bool:
    hashes = [f for f in fields if f.wire == NUMBER]
    return whole and len(hashes) >= 4 and all(f.number <= 5 for f in hashes) and wire.size < 512


_KINDS: Final[tuple[tuple[str, str, Callable[[Wire, list[Field], bool], bool]], ...]] = (
    ("onnx", "", _is_onnx),
    ("tf_saved_model", "", _is_saved_model),
    ("tf_saved_model", "keras metadata", _is_keras_metadata),
    ("tf_saved_model", "graph", _is_graph_def),
    ("tf_saved_model", "meta graph", _is_meta_graph),
    ("coreml", "", _is_coreml),
    ("tf_fingerprint", "", _is_fingerprint),
)
