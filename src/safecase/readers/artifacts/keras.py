"""The configuration of a Keras model: JSON that names classes and functions, which the loader imports and calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown

MOST_CONFIG: Final = 64 * 1024 * 1024
MOST_SEARCHED: Final = 4 * 1024 * 1024 * 1024
MOST_NODES: Final = 2_000_000

_WINDOW: Final = 4 * 1024 * 1024
_OVERLAP: Final = 256
_KERAS: Final = ("keras", "keras_core", "tf_keras", "keras_hub", "keras_nlp", "keras_cv")
_LAMBDA: Final = re.compile(rb'"class_name"\s*:\s*"(Lambda|__lambda__)"')
_FUNCTIONS: Final = re.compile(
    r"(\w+\.)*(activations|losses|metrics|initializers|regularizers|constraints|ops|applications)\b"
)
"""Parts of Keras whose functions a configuration ordinarily names."""

_RUNS_CODE: Final = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper"})


def check_config(content: bytes, problems: Problems, policy: Policy, member: str) -> int:
    """Judge every class and function that the configuration names; gives their number."""
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        problems.add("keras.config", "error", "the configuration is no JSON", member=member)
        return 0
    count = 0
    for node in _nodes(config):
        count += 1
        _judge(node, problems, policy, member)
    if count >= MOST_NODES:
        problems.add("keras.config", "error", f"more than {MOST_NODES} objects: not judged", member=member)
    return count


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    waiting, left = [config], MOST_NODES
    while waiting and left:
        left -= 1
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _judge(node: dict[str, Any], problems: Problems, policy: Policy, member: str) -> None:
    name, module = node["class_name"], node.get("module")
    if name in _RUNS_CODE:
        message = f"a {shown(name)} layer carries code that runs when the model is loaded or used"
        problems.add("keras.lambda", "malicious", message, member=member, key=name)
    if not isinstance(module, str):
        return
    is_function = name == "function"
    if is_function:
        name = next((node[k] for k in ("config", "registered_name") if isinstance(node.get(k), str)), "")
    if module.partition(".")[0] in _KERAS:
        if is_function and not _FUNCTIONS.match(module):
            message = f"it names the function {shown(module)}.{shown(name)}"
            problems.add("keras.function", "suspicious", message, member=member, key=f"{module}.{name}")
        return
    meant_module, meant_name, ruling = policy.judge(module, name)
    full = f"{meant_module}.{meant_name}"
    if ruling in ("dangerous", "library") and not (is_function and module == "builtins" and ruling == "library"):
        _tell(problems, "malicious", full, member)
    elif ruling == "project" or ruling == "ruled":
        _tell(problems, "suspicious", full, member)


def _tell(problems: Problems, says: FileVerdict, full: str, member: str) -> None:
    message = f"its configuration names {shown(full)}, which is no part of Keras"
    problems.add("keras.module", says, message, member=member, key=full)


def search_config(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Search the bytes of an HDF5 file, or of a TensorFlow graph, for the configuration of a Lambda layer."""
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
