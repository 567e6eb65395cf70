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
    built_in = _built_in(check)
    if built_in:
        return built_in
    from safecase.checks import REGISTRY

    found = REGISTRY.get(check)
    return found.doc.encode("utf-8", "replace").decode() if found is not None else ""


@functools.cache
def _built_in(check: str) -> str:
    """Parse the files that name the check: to parse them all takes ten times as long."""
    for source in _sources():
        if f'"{check}"' in source:
            found = dict(_decorated(ast.parse(source)))
            if check in found:
                return found[check]
    return ""


def _check_docstrings() -> Iterator[tuple[str, str]]:
    for source in _sources():
        yield from _decorated(ast.parse(source))


@functools.cache
def _sources() -> tuple[str, ...]:
    """Read the file of every built-in check."""
    import safecase.measures

    folders = [
        resources.files("safecase.measures") / found.name / "checks"
        for found in pkgutil.iter_modules(safecase.measures.__path__)
    ]
    return tuple(
        file.read_text(encoding="utf-8")
        for folder in folders
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".py") and file.name != "__init__.py"
    )


def _decorated(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Find `@check("id", ...)` functions: parsing costs a few milliseconds, importing all of them a hundred."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str() as name), *_]):
                    yield name, inspect.cleandoc(ast.get_docstring(node) or "")
