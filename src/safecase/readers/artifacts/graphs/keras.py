"""The configuration of a Keras model: JSON that names classes and functions, which the loader imports and calls.

Everything in it is walked, not only the layers: how it was compiled and built, what its tensors came from, and JSON
that stands in a text. Ordinary is what Keras itself writes: classes of its areas of layers, losses and the like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.graphs.keras_names import Named, hidden_code, in_keras, tf_function
from safecase.readers.artifacts.paths_named import leads_outside
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown

MOST_CONFIG: Final = 64 * 1024 * 1024
MOST_SEARCHED: Final = 4 * 1024 * 1024 * 1024
MOST_NODES: Final = 2_000_000
MOST_INNER: Final = 1000
"""Texts that are parsed as JSON of their own."""

_WINDOW: Final = 4 * 1024 * 1024
_OVERLAP: Final = 256
_LAMBDA: Final = re.compile(rb'"class_name"\s*:\s*"(Lambda|__lambda__|TorchModuleWrapper)"')
_RUNS_CODE: Final = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper"})
_LOADS_FILES: Final = frozenset({"TFSMLayer"})
_OPERATORS: Final = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod"})
_FILES: Final = frozenset(
    {"vocabulary", "idf_weights", "vocabulary_file", "merges", "proto", "filepath", "file_path", "fname", "origin"}
)
"""Keys of configurations whose texts a layer opens as files."""


def check_config(content: bytes, problems: Problems, policy: Policy, member: str) -> int:
    """Judge every class and function that the configuration names; gives their number."""
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        problems.add("keras.config", "error", "the configuration is no JSON", member=member)
        return 0
    judge = _Judge(problems, policy, member)
    count = 0
    for node in _nodes(config, judge):
        count += isinstance(node.get("class_name"), str)
        judge.node(node)
    if judge.left <= 0:
        problems.add("keras.config", "error", f"more than {MOST_NODES} objects: not judged", member=member)
    return count


def _nodes(config: Any, judge: _Judge) -> Iterator[dict[str, Any]]:
    """Give every object, those within texts, too."""
    waiting, inner = [config], MOST_INNER
    while waiting and judge.left > 0:
        judge.left -= 1
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str) and len(value) > 20:
            judge.text(value)
            if inner and value.lstrip()[:1] in ("{", "[") and '"class_name"' in value:
                inner -= 1
                waiting.append(_parsed(value))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _Judge:
    def __init__(self, problems: Problems, policy: Policy, member: str) -> None:
        self._problems, self._policy, self._member = problems, policy, member
        self.left = MOST_NODES

    def text(self, text: str) -> None:
        if hidden_code(text):
            message = "a text of the configuration is Python bytecode, which a layer runs"
            self._tell("keras.code", "malicious", message, "bytecode")

    def node(self, node: dict[str, Any]) -> None:
        name, module = node.get("class_name"), node.get("module")
        if isinstance(name, str):
            self._class(name, module if isinstance(module, str) else "", node)
        elif isinstance(module, str) and isinstance(node.get("spec_name"), str):
            self._names(module, node["spec_name"], is_function=False)
        if isinstance(node.get("function_type"), str) and node["function_type"] in ("lambda", "raw"):
            message = "a layer carries the code of a function, which runs when the model is loaded or used"
            self._tell("keras.lambda", "malicious", message, "function_type")
        for key in _FILES & node.keys():
            path = node[key]
            if isinstance(path, str) and len(path) < 4096 and leads_outside(path):
                message = f"a layer opens the file {shown(path)} ({key}) when the model is loaded"
                self._tell("keras.file", "malicious", message, path)

    def _class(self, name: str, module: str, node: dict[str, Any]) -> None:
        plain = name.rpartition(">")[2].rpartition(".")[2]
        if plain in _RUNS_CODE:
            message = f"a {shown(name)} layer carries code that runs when the model is loaded or used"
            self._tell("keras.lambda", "malicious", message, name)
        elif plain in _LOADS_FILES:
            self._tell("keras.file", "malicious", f"a {shown(name)} layer loads another model from a file", name)
        elif plain in _OPERATORS:
            self._operator(node.get("config"))
        is_function = name == "function"
        if is_function:
            name = next((node[k] for k in ("config", "registered_name") if isinstance(node.get(k), str)), "")
        if not module and "." in name and not name.startswith("__"):
            # Older versions took the module from the name.
            module, _, name = name.rpartition(">")[2].rpartition(".")
        if module:
            self._names(module, name, is_function)

    def _operator(self, config: Any) -> None:
        function = config.get("function") if isinstance(config, dict) else None
        if isinstance(function, str):
            says = tf_function(function)
            if says != "clean":
                message = f"a layer calls tf.{shown(function)}, which does more than compute"
                self._tell("keras.operator", says, message, function)

    def _names(self, module: str, name: str, is_function: bool) -> None:
        known = in_keras(module, name, is_function)
        full = f"{module}.{name}"
        if known == Named.ORDINARY:
            return
        if known == Named.UNUSUAL:
            message = f"it names {shown(full)}, which is no part of a model: Keras imports and calls it"
            # What is not a class is called with what the file says.
            self._tell("keras.function", "malicious" if not name[:1].isupper() else "suspicious", message, full)
            return
        meant_module, meant_name, ruling = self._policy.judge(module, name)
        full = f"{meant_module}.{meant_name}"
        own = module == "builtins" and (is_function or name[:1].isupper())
        if ruling == "dangerous" or (ruling == "library" and not own):
            self._foreign("malicious", full)
        elif ruling in ("project", "ruled"):
            self._foreign("suspicious", full)

    def _foreign(self, says: FileVerdict, full: str) -> None:
        self._tell("keras.module", says, f"its configuration names {shown(full)}, which is no part of Keras", full)

    def _tell(self, rule: str, says: FileVerdict, message: str, key: str) -> None:
        self._problems.add(rule, says, message, member=self._member, key=key[:200])


def check_architecture(file: BinaryIO, size: int, problems: Problems, policy: Policy, member: str) -> None:
    """Judge a file that is a configuration alone (`model.to_json()`)."""
    if size > MOST_CONFIG:
        problems.add("keras.config", "error", f"a configuration of {size} bytes: not judged", member=member)
        return
    file.seek(0)
    check_config(file.read(size), problems, policy, member)


def search_config(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Search bytes that cannot be read as what they are for the configuration of a layer that runs code."""
    at = 0
    while at < min(size, MOST_SEARCHED):
        file.seek(at)
        window = file.read(_WINDOW)
        found = _LAMBDA.search(window)
        if found:
            message = "the text of a Lambda layer: it carries code that runs when the model is loaded or used"
            problems.add("keras.lambda", "malicious", message, offset=at + found.start(), member=member)
            return
        if len(window) < _WINDOW:
            return
        at += _WINDOW - _OVERLAP
    if size > MOST_SEARCHED:
        problems.add("keras.large", "error", f"only its first {MOST_SEARCHED} bytes were searched", member=member)
