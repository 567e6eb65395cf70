"""The page of every check: its docstring, the same bytes in `safecase explain`, the docs and the exports."""

from __future__ import annotations

import ast
import functools
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib import resources


@functools.cache
def check_pages() -> Mapping[str, str]:
    """Give the docstring of every built-in check by its id, read without importing a check's libraries."""
    return dict(sorted(_check_docstrings()))


def page_of(check: str) -> str:
    """Give the page of a check, of a plug-in's as well where it is loaded; empty for one that is not there."""
    page = check_pages().get(check)
    if page is not None:
        return page
    from safecase.checks import REGISTRY

    found = REGISTRY.get(check)
    return found.doc.encode("utf-8", "replace").decode() if found is not None else ""


def _check_docstrings() -> Iterator[tuple[str, str]]:
    import safecase.measures

    for found in pkgutil.iter_modules(safecase.measures.__path__):
        folder = resources.files("safecase.measures") / found.name / "checks"
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name.endswith(".py") and file.name != "__init__.py":
                yield from _decorated(ast.parse(file.read_text(encoding="utf-8")))


def _decorated(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Find `@check("id", ...)` functions: parsing costs a few milliseconds, importing all of them a hundred."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str() as name), *_]):
                    yield name, inspect.cleandoc(ast.get_docstring(node) or "")
