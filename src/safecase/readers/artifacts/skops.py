"""The schema of a skops file: JSON whose nodes name what the loader imports, once its user trusts them."""

from __future__ import annotations

import json
from typing import Any, Final

from safecase.readers.artifacts.report import Problems
from safecase.readers.pickles.policy import Policy
from safecase.readers.text import shown

MOST_NODES: Final = 2_000_000
_IMPORTS_CONTENT: Final = frozenset({"FunctionNode", "TypeNode", "MethodNode", "OperatorFuncNode", "PartialNode"})


def check_schema(content: bytes, problems: Problems, policy: Policy, member: str) -> int:
    """Judge every name in the schema; gives the number of nodes."""
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError):
        problems.add("skops.schema", "error", "the schema is no JSON", member=member)
        return 0
    waiting, count = [schema], 0
    while waiting and count < MOST_NODES:
        value = waiting.pop()
        if isinstance(value, dict):
            count += 1
            for module, name in _names(value):
                _judge(module, name, problems, policy, member)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    if waiting:
        problems.add("skops.schema", "error", f"more than {MOST_NODES} nodes: not judged", member=member)
    return count


def _names(node: dict[str, Any]) -> list[tuple[str, str]]:
    """Give what a node names, by each of the ways in which loaders have read it."""
    found = [(node.get("__module__"), node.get("__class__"))]
    if node.get("__loader__") == "FunctionNode":
        # What it imports stands in its content; the class is `function` for all of them.
        found = []
    content = node.get("content")
    if node.get("__loader__") in _IMPORTS_CONTENT and isinstance(content, dict):
        found.append((content.get("module_path"), content.get("function")))
    return [(module, name) for module, name in found if isinstance(module, str) and isinstance(name, str)]


def _judge(module: str, name: str, problems: Problems, policy: Policy, member: str) -> None:
    meant_module, meant_name, ruling = policy.judge(module, name)
    full = f"{meant_module}.{meant_name}"
    if ruling == "dangerous":
        message = f"it names {shown(full)}, which can do harm by its nature"
        problems.add("skops.name", "malicious", message, member=member, key=full)
    elif ruling in ("library", "project"):
        problems.add("skops.name", "suspicious", f"it names {shown(full)}", member=member, key=full)
