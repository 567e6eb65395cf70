"""Whether a test that is named really is one: found by the syntax tree, not skipped, and with something it asserts."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

Standing: TypeAlias = Literal["tests", "absent", "skipped", "empty", "unclear"]

_SKIPS = {"skip", "xfail", "expectedFailure"}
_CALLED_SKIPS = {"skip", "xfail", "skipTest", "fail"}
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Seen(NamedTuple):
    """What was seen of a test."""

    standing: Standing
    why: str
    line: int


def look_at(source: str, names: list[str]) -> Seen:
    """Look for `TestClass::test_name` (or a function alone) in Python source; parameters in brackets do not matter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        return Seen("unclear", f"it is no Python that can be read ({type(why).__name__})", 0)
    marks = [mark for node in tree.body for mark in _module_marks(node)]
    body: list[ast.stmt] = tree.body
    found: _Definition | None = None
    for name in [n.partition("[")[0] for n in names]:
        # The last one counts, as it does for Python.
        found = next((n for n in reversed(body) if isinstance(n, _Definition) and n.name == name), None)
        if found is None:
            return Seen("absent", f"{name} is not there", 0)
        marks += [mark for node in found.decorator_list if (mark := _skipping(node))]
        if isinstance(found, ast.ClassDef):
            marks += [mark for node in found.body for mark in _module_marks(node)]
        body = found.body
    if found is None:
        return Seen("absent", "no test is named", 0)
    if isinstance(found, ast.ClassDef):
        return Seen("unclear", f"{found.name} is a class, not one test", found.lineno)
    if marks:
        return Seen("skipped", f"it is marked {marks[0]}", found.lineno)
    return _of_body(found)


def _of_body(function: _Function) -> Seen:
    line = function.lineno
    if not function.name.startswith("test"):
        return Seen("absent", f"{function.name} is no test by its name", line)
    for statement in function.body:
        if _calls_skip(statement):
            return Seen("skipped", "it skips itself", line)
        if not _is_docstring(statement):
            break
    # What is defined inside of it runs only if it is called.
    nodes = list(_own_nodes(function))
    if any(_asserts(node) for node in nodes):
        return Seen("tests", "", line)
    if any(isinstance(node, ast.Call) for node in nodes):
        return Seen("unclear", "it asserts nothing itself; what it calls may", line)
    return Seen("empty", "it asserts nothing", line)


def _own_nodes(function: _Function) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If | ast.While) and isinstance(node.test, ast.Constant) and not node.test.value:
            waiting += node.orelse  # what stands below `if False` never runs
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _asserts(node: ast.AST) -> bool:
    match node:
        case ast.Assert(test=test):
            return not _is_always_true(test)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in ("raises", "warns", "fail") or name.startswith(("assert", "assert_"))
        case ast.Call(func=ast.Name(id=name)):
            return name in ("raises", "warns")
    return False


def _is_always_true(test: ast.expr) -> bool:
    """`assert True`, `assert (x, "message")`, `assert 1 == 1`, `assert x == x`, `assert x or True`."""
    match test:
        case ast.Constant() | ast.Tuple() | ast.Lambda() | ast.JoinedStr():
            return True
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_is_always_true(value) for value in values)
        case ast.BoolOp(values=values):
            return all(_is_always_true(value) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant()):
            return True
        case ast.Compare(left=left, comparators=[right]):
            constant = isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
            return constant or (ast.dump(left) == ast.dump(right) and not _calls(left))
    return False


def _calls(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Call | ast.Await) for part in ast.walk(node))


def _skipping(node: ast.AST) -> str:
    """Name a decorator that always skips, or that wants the test to fail; empty for all others."""
    called = node.func if isinstance(node, ast.Call) else node
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    if name == "skipif" and isinstance(node, ast.Call) and node.args:
        first = node.args[0]
        return "skipif(True)" if isinstance(first, ast.Constant) and first.value else ""
    if name == "xfail" and isinstance(node, ast.Call) and node.args:
        return ""  # a condition
    return name if name in _SKIPS else ""


def _module_marks(node: ast.stmt) -> Iterator[str]:
    """Yield what `pytestmark = pytest.mark.skip` and `pytest.skip(..., allow_module_level=True)` say."""
    match node:
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
            listed = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            yield from (mark for item in listed if (mark := _skipping(item)))
        case ast.Expr():
            if _calls_skip(node):
                yield "skip for the whole file"


def _calls_skip(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in _CALLED_SKIPS - {"fail"}
        case ast.Raise(exc=ast.Call(func=ast.Attribute(attr="SkipTest") | ast.Name(id="SkipTest"))):
            return True
        case ast.Return():
            return True
    return False


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
