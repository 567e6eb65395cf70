"""Programs exported by PyTorch 2: JSON that names operators, and expressions that its loader evaluates as Python."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from safecase.readers.artifacts.graphs.torchscript import reads_files, strange_namespace
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

MOST_NODES: Final = 5_000_000
MOST_EXPRESSION: Final = 65_536

_PROGRAM: Final = re.compile(r"(\A|/)(models/[^/]+|serialized_exported_program)\.json\Z")
_ORDINARY: Final = re.compile(
    r"_operator\.(?!methodcaller\b|attrgetter\b|itemgetter\b|call\b)\w+|math\.\w+|torch\.(sym_\w+|_sym_\w+|_check\w*)"
    r"|torch\._higher_order_ops(\.\w+)*|torch\.(autograd|amp)(\.(grad_mode|autocast_mode))?\.\w+"
)
_FUNCTIONS: Final = frozenset(
    {"floor", "ceiling", "sqrt", "log", "exp", "sin", "cos", "tan", "abs", "re", "im", "sign"}
)
_ASKED: Final = frozenset(
    {"size", "shape", "stride", "storage_offset", "ndim", "dim", "numel", "dtype", "device", "item"}
)
"""What a guard may ask of a tensor."""

_PLAIN: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.keyword,
    ast.Load, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Tuple,
)  # fmt: skip


def is_program(name: str) -> bool:
    """Say whether a member of an archive is an exported program, by its name."""
    return bool(_PROGRAM.search(name))


def check_program(content: bytes, problems: Problems, member: str) -> None:
    """Judge the operators that a program calls, and the expressions that its loader evaluates."""
    try:
        program = json.loads(content)
    except (ValueError, RecursionError):
        problems.add("torch_export.program", "error", "the program is no JSON", member=member)
        return
    for key, text in _texts(program):
        if key == "target":
            _target(text, problems, member)
        elif key == "guards_code" and not _is_guard(text):
            message = f"its loader runs the guard {shown(text)}, which is more than a question about sizes"
            problems.add("torch_export.expression", "malicious", message, member=member, key=text[:80])
        elif key == "expr_str" and _runs(text):
            message = f"its loader evaluates {shown(text)}, which is more than numbers and symbols"
            problems.add("torch_export.expression", "malicious", message, member=member, key=text[:80])


def _texts(program: Any) -> Iterator[tuple[str, str]]:
    """Give what names an operator, and what is evaluated."""
    waiting, left = [program], MOST_NODES
    while waiting and left:
        left -= 1
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key in ("target", "expr_str") and isinstance(inner, str):
                    yield key, inner
                elif key == "guards_code" and isinstance(inner, list):
                    yield from ((key, guard) for guard in inner if isinstance(guard, str))
                elif isinstance(inner, dict | list):
                    waiting.append(inner)


def _target(target: str, problems: Problems, member: str) -> None:
    """Judge what a node calls: a path of attributes that begins at `torch`, `operator` or `math`."""
    parts = target.split(".")
    says: FileVerdict = "malicious"
    if _ORDINARY.fullmatch(target):
        return
    if target.startswith("torch.ops.") and len(parts) > 3 and not any(p.startswith("__") for p in parts):
        if reads_files(["ops", *parts[2:4]]):
            message = f"it calls {shown(target)}, which reads or writes a file"
        elif strange_namespace(parts[2]):
            message, says = f"it calls {shown(target)}, an operator of native code outside of PyTorch", "suspicious"
        else:
            return
    elif target.startswith("#"):
        message, says = f"it calls {shown(target)}, an operator of an extension", "suspicious"
    elif target.startswith(("torch", "_operator", "math")):
        message = f"it calls {shown(target)}, which is no operator"
    else:
        return
    problems.add("torch_export.target", says, message, member=member, key=target[:80])


def _runs(expression: str) -> bool:
    """Say whether an expression is more than arithmetic on symbols."""
    if len(expression) > MOST_EXPRESSION:
        return True
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        # The loader's own grammar is a little wider; whatever is none of Python's is checked by its characters.
        return bool(re.search(r"__|\blambda\b|\bimport\b|[\[\]{}'\"`;]", expression))
    return any(not _plain(node) for node in ast.walk(tree))


def _plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return name in _FUNCTIONS or bool(re.fullmatch(r"[A-Z]\w*", name) and "__" not in name)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.isidentifier() and "__" not in node.value
    if isinstance(node, ast.Name):
        return not node.id.startswith("__")
    return isinstance(node, _PLAIN)


def _is_guard(text: str) -> bool:
    """Say whether a guard only compares sizes: it becomes a line of Python that runs, and part of a text in it."""
    if len(text) > MOST_EXPRESSION or any(c in text for c in '"\\\n;#{}'):
        return False
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return all(_asks(node) for node in ast.walk(tree))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _asks(node.func)
    if isinstance(node, ast.Attribute):
        of_math = isinstance(node.value, ast.Name) and node.value.id == "math" and not node.attr.startswith("_")
        return of_math or node.attr in _ASKED
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "__" not in node.value
    return isinstance(node, ast.Subscript | ast.List) or _plain(node)
