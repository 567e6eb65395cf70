"""Core ML: classes that an app looks up by the name that the model gives, and files that it reads beside it.

Field numbers are those of Model.proto, NeuralNetwork.proto and MIL.proto.
"""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.graphs.protobuf import LENGTH, BrokenMessage, Field, Wire
from safecase.readers.artifacts.paths_named import leads_outside
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_PACKAGE: Final = 16 * 1024 * 1024

_NETWORK: Final = {1: "layer"}
_CHILDREN: Final[dict[str, dict[int, str]]] = {
    "model": {
        200: "pipeline_of", 201: "pipeline_of", 202: "pipeline", 303: "network", 403: "network", 500: "network",
        502: "program", 555: "custom_model", 556: "linked",
    },
    "pipeline_of": {1: "pipeline"},
    "pipeline": {1: "model"},
    "network": _NETWORK,
    "layer": {500: "custom_layer", 600: "branch", 605: "branch", 615: "loop"},
    "branch": {1: "network", 2: "network"},
    "loop": {3: "network", 4: "network"},
    "linked": {1: "linked_file"},
    "linked_file": {1: "linked_name", 2: "linked_path"},
    "program": {2: "entry"},
    "entry": {2: "function"},
    "function": {3: "block_entry"},
    "block_entry": {2: "block"},
    "block": {3: "operation"},
    "operation": {3: "entry_value", 4: "block", 5: "entry_value", 2: "argument_entry"},
    "argument_entry": {2: "argument"},
    "argument": {1: "binding"},
    "binding": {2: "value"},
    "entry_value": {2: "value", 1: ""},
    "value": {5: "blob"},
}  # fmt: skip
_OPERATION: Final = re.compile(r"[a-z][a-z0-9_.]*\Z")


def check_coreml(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Note custom layers and models, and files that lie outside of the model's package."""
    walk = _Walk(Wire(file, size), problems, member)
    try:
        walk.message("model", 0, size, 0)
    except BrokenMessage as why:
        problems.add("coreml.broken", "error", f"not judged to its end: {why}", member=member)


class _Walk:
    def __init__(self, wire: Wire, problems: Problems, member: str) -> None:
        self._wire, self._problems, self._member = wire, problems, member

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        children = _CHILDREN.get(kind, {})
        for field in self._wire.fields(start, end, depth):
            if field.wire != LENGTH:
                continue
            inner = children.get(field.number)
            if inner:
                self.message(inner, field.start, field.end, depth + 1)
            else:
                self._judge(kind, field)

    def _judge(self, kind: str, field: Field) -> None:
        if kind in ("custom_layer", "custom_model") and field.number == 10:
            name = self._wire.text(field)
            message = f"it has the app run its class {shown(name)} as a part of the model"
            self._tell("coreml.custom", "suspicious", message, field, name)
        elif kind in ("linked_name", "linked_path") and field.number == 1:
            name = self._wire.text(field)
            says: FileVerdict = "malicious" if leads_outside(name) else "suspicious"
            self._tell("coreml.linked", says, f"it is continued in the file {shown(name)}", field, name)
        elif kind == "blob" and field.number == 1:
            name = self._wire.text(field)
            if leads_outside(name.removeprefix("@model_path/")):
                message = f"its weights are read from {shown(name)}, outside of its package"
                self._tell("coreml.file", "malicious", message, field, name)
        elif kind == "operation" and field.number == 1:
            name = self._wire.text(field, 256)
            if name.startswith("custom") or not _OPERATION.match(name):
                message = f"the operation {shown(name)} is none of Core ML's"
                self._tell("coreml.operation", "suspicious", message, field, name)

    def _tell(self, rule: str, says: FileVerdict, message: str, field: Field, key: str) -> None:
        self._problems.add(rule, says, message, offset=field.start, member=self._member, key=key[:200])


def check_package(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Judge the manifest of a package (`.mlpackage`): its items lie within it."""
    file.seek(0)
    try:
        manifest: Any = json.loads(file.read(MOST_PACKAGE)) if size <= MOST_PACKAGE else None
    except (ValueError, RecursionError):
        manifest = None
    items = manifest.get("itemInfoEntries") if isinstance(manifest, dict) else None
    if not isinstance(items, dict):
        problems.add("coreml.broken", "error", "the manifest of a package cannot be read", member=member)
        return
    for item in items.values():
        path = item.get("path") if isinstance(item, dict) else None
        if isinstance(path, str) and leads_outside(path):
            message = f"an item of the package lies at {shown(path)}, outside of it"
            problems.add("coreml.file", "malicious", message, member=member, key=path[:200])
