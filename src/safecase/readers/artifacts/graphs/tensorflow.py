"""The graphs of TensorFlow: saved models, meta graphs and bare ones, and every operator that does more than compute.

Field numbers are those of saved_model.proto, meta_graph.proto, graph.proto, function.proto and attr_value.proto.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any, BinaryIO, Final

import msgspec
import yaml

from safecase.readers.artifacts.graphs import graph_text, keras
from safecase.readers.artifacts.graphs.protobuf import LENGTH, BrokenMessage, Field, Wire
from safecase.readers.artifacts.graphs.protobuf_kinds import protobuf_kind
from safecase.readers.artifacts.graphs.tensorflow_nodes import Operation, nodes
from safecase.readers.artifacts.paths_named import leads_outside
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown
from safecase.vocabulary import Noun

MOST_CONSTANTS: Final = 200_000
MOST_METADATA: Final = 64 * 1024 * 1024
_USER_OBJECT: Final = 4
_TRACED: Final = 8
"""Steps from an operator back to the constant that names its file."""

_KNOWN_FAMILIES: Final = re.compile(r"(Addons>|TFText>|SimpleML|Horovod|Sentencepiece|TRT)")
"""Beginnings of operators of libraries that stand beside TensorFlow, whose models are ordinary."""

_DESTINATIONS: Final[dict[str, FileVerdict]] = {
    "debug_urls": "suspicious", "dump_root": "suspicious", "output_stream": "malicious",
    "memory_region_name": "malicious", "filename": "suspicious", "vocab_file": "clean", "file_pattern": "clean",
    "log_dir_path": "suspicious", "output_file_path": "suspicious",
}  # fmt: skip
"""Attributes that name a file or an address; `clean` ones are fine within the model's folder."""

_STREAMS: Final = re.compile(r"(stdout|stderr|log\((info|warning|error)\))?\Z")


class Capability(Noun, frozen=True):
    """What a class of operators can do."""

    says: FileVerdict
    what: str
    operators: frozenset[str]


def check_tensorflow(file: BinaryIO, size: int, problems: Problems, policy: Policy, member: str) -> None:
    """Note what the operators of a graph reach beyond numbers, and what its Keras layers name."""
    _, detail = protobuf_kind(file, size)
    judge = _Judge(problems, member)
    wire = Wire(file, size)
    try:
        if graph_text.is_graph_text(wire.read(0, 4096)):
            for scope in graph_text.scopes(file, size):
                judge.scope(iter(scope))
        elif detail == "keras metadata":
            _saved_objects(wire, 0, size, problems, policy, member, nested=False)
        elif detail == "graph":
            _graph(wire, 0, size, judge)
        elif detail == "meta graph":
            _meta_graph(wire, 0, size, judge, problems, policy, member)
        else:
            for field in wire.fields(0, size):
                if field.number == 2 and field.wire == LENGTH:
                    _meta_graph(wire, field.start, field.end, judge, problems, policy, member)
    except BrokenMessage as why:
        problems.add("tf.broken", "error", f"not judged to its end: {why}", member=member)
    judge.tell_names()
    if not judge.seen and detail != "keras metadata":
        problems.add("tf.empty", "unsupported", "no operator was found in it: is it a graph?", member=member)


def _meta_graph(
    wire: Wire, start: int, end: int, judge: _Judge, problems: Problems, policy: Policy, member: str
) -> None:
    for field in wire.fields(start, end):
        if field.wire != LENGTH:
            continue
        if field.number == 6:
            _asset(wire, field, judge)
        elif field.number == 7:
            _saved_objects(wire, field.start, field.end, problems, policy, member, nested=True)
    for field in wire.fields(start, end):
        if field.number == 2 and field.wire == LENGTH:
            _graph(wire, field.start, field.end, judge)


def _asset(wire: Wire, field: Field, judge: _Judge) -> None:
    for part in wire.fields(field.start, field.end):
        if part.number == 1 and part.wire == LENGTH:
            for name in wire.fields(part.start, part.end):
                if name.number == 1:
                    judge.assets.add(wire.text(name).partition(":")[0])
        elif part.number == 2 and part.wire == LENGTH:
            judge.asset_name(wire.text(part), part.start)


def _saved_objects(
    wire: Wire, start: int, end: int, problems: Problems, policy: Policy, member: str, *, nested: bool
) -> None:
    """Judge the Keras configurations among saved objects: texts of JSON, `nested` in user objects in older models."""
    for node in wire.fields(start, end):
        if node.number != 1 or node.wire != LENGTH:
            continue
        for part in wire.fields(node.start, node.end):
            if part.wire != LENGTH:
                continue
            texts = [part]
            if nested and part.number == _USER_OBJECT:
                texts = [f for f in wire.fields(part.start, part.end) if f.wire == LENGTH]
            for text in texts:
                if wire.content(text, 64).lstrip()[:1] == b"{":
                    content = wire.whole_text(text, MOST_METADATA)
                    keras.check_config(content.encode(), problems, policy, member)


def _graph(wire: Wire, start: int, end: int, judge: _Judge) -> None:
    judge.scope(nodes(wire, start, end, 1))
    for field in wire.fields(start, end):
        if field.number == 2 and field.wire == LENGTH:
            for function in wire.fields(field.start, field.end):
                if function.number == 1 and function.wire == LENGTH:
                    judge.function(_function_name(wire, function))
                    judge.scope(nodes(wire, function.start, function.end, 3))


def _function_name(wire: Wire, function: Field) -> str:
    for signature in wire.fields(function.start, function.end):
        if signature.number == 1 and signature.wire == LENGTH:
            for name in wire.fields(signature.start, signature.end):
                if name.number == 1 and name.wire == LENGTH:
                    return wire.text(name, 512)
    return ""


class _Judge:
    """What a graph's operators do, over all of its functions."""

    def __init__(self, problems: Problems, member: str) -> None:
        self._problems, self._member = problems, member
        self.assets: set[str] = set()
        self._functions: set[str] = set()
        self._unknown: dict[str, Operation] = {}
        self.seen = 0

    def scope(self, operations: Iterator[Operation]) -> None:
        """Judge the nodes of a graph, or of one function."""
        sources: dict[str, Operation] = {}
        naming: list[Operation] = []
        for operation in operations:
            self.seen += 1
            if len(sources) < MOST_CONSTANTS and (operation.operator == "Const" or operation.inputs):
                sources[operation.name] = operation
            found = capabilities().get(operation.operator)
            self._attributes(operation)
            if found is None:
                self._unlisted(operation)
            elif found.says == "clean":
                naming.append(operation)
            else:
                self._tell(operation, found)
                naming.append(operation)
        for operation in naming:
            self._names_files(operation, sources)

    def asset_name(self, name: str, offset: int) -> None:
        """Judge the name of an asset, which the loader joins to the model's folder."""
        if leads_outside(name):
            message = f"an asset of the model lies at {shown(name)}, outside of its folder"
            self._problems.add("tf.path", "malicious", message, offset=offset, member=self._member, key=name[:200])

    def _tell(self, operation: Operation, found: Capability) -> None:
        message = f"the operator {shown(operation.operator)} ({shown(operation.name, 60)}): {found.what}"
        self._problems.add(
            "tf.operator", found.says, message, offset=operation.offset, member=self._member, key=operation.operator
        )

    def _attributes(self, operation: Operation) -> None:
        for key, text in operation.texts:
            says = _DESTINATIONS.get(key)
            if says is None or not text or (key == "output_stream" and _STREAMS.match(text)):
                continue
            if key == "memory_region_name" and text.startswith("memmapped_package://"):
                continue
            if says == "clean" and leads_outside(text):
                says = "suspicious"
            if says != "clean":
                message = f"{shown(operation.operator)} sends or takes what it works on by {shown(key)} {shown(text)}"
                self._problems.add(
                    "tf.destination", says, message, offset=operation.offset, member=self._member, key=text[:200]
                )

    def _unlisted(self, operation: Operation) -> None:
        operator = operation.operator
        if operator not in ordinary() and not _KNOWN_FAMILIES.match(operator) and len(self._unknown) < 10_000:
            self._unknown.setdefault(operator, operation)

    def function(self, name: str) -> None:
        """Note a function of the graph: its name is an operator there."""
        self._functions.add(name)

    def tell_names(self) -> None:
        """Tell of operators that nobody knows, once the functions of the graph, which are called alike, are known."""
        for operator, operation in sorted(self._unknown.items()):
            if operator in self._functions:
                continue
            message = f"the operator {shown(operator)} is no part of TensorFlow: it is native code from elsewhere"
            self._problems.add(
                "tf.custom", "suspicious", message, offset=operation.offset, member=self._member, key=operator[:200]
            )
        for name in sorted(self._functions & capabilities().keys()):
            message = f"a function of the graph bears the name of the operator {shown(name)}"
            self._problems.add("tf.shadowed", "suspicious", message, member=self._member, key=name[:200])

    def _names_files(self, operation: Operation, sources: dict[str, Operation]) -> None:
        for path in _constants(operation, sources, self.assets):
            if leads_outside(path):
                message = f"{shown(operation.operator)} works on the file {shown(path)}"
                self._problems.add(
                    "tf.path", "suspicious", message, offset=operation.offset, member=self._member, key=path[:200]
                )


def _constants(operation: Operation, sources: dict[str, Operation], assets: set[str]) -> list[str]:
    """Give the texts that reach an operator, from constants a few steps back."""
    waiting = [(name, _TRACED) for name in operation.inputs]
    seen: set[str] = set()
    found: list[str] = []
    while waiting and len(seen) < 200:
        name, left = waiting.pop()
        name = name.lstrip("^").partition(":")[0]
        source = sources.get(name)
        if source is None or name in seen or not left or name in assets:
            continue
        seen.add(name)
        if source.operator == "Const":
            found.extend(text for key, text in source.texts if key == "value")
        else:
            waiting.extend((inner, left - 1) for inner in source.inputs)
    return found


@functools.cache
def capabilities() -> dict[str, Capability]:
    """Give what each listed operator can do."""
    content = resources.files(__package__).joinpath("tensorflow_ops.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = msgspec.convert(yaml.load(content, Loader=loader), type=dict[str, Capability])  # noqa: S506 - a safe loader
    return {operator: row for row in rows.values() for operator in row.operators}


@functools.cache
def ordinary() -> frozenset[str]:
    """Give the operators that TensorFlow and its text library register, and that compute only."""
    content = resources.files(__package__).joinpath("tensorflow_ordinary.json").read_bytes()
    return frozenset(msgspec.json.decode(content, type=list[str]))
