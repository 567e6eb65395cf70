"""AI libraries in the files that declare and lock packages, with the line of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from safecase.readers import locks
from safecase.readers.uses import known
from safecase.readers.uses.use import Confidence, Use

_PURE_LOCKS = re.compile(
    r"(\.lock|lock\.(json|yaml|toml)|pylock[\w.-]*\.toml|npm-shrinkwrap\.json|conda-[\w-]+\.lock)\Z"
)


def read(root: Path, path: str) -> tuple[tuple[Use, ...], str]:
    """Give the libraries of one file, and why it could not be read (empty where it was)."""
    found = locks.read_file(root, path)
    if found.problem:
        return (), found.problem
    javascript = found.ecosystem == "javascript"
    uses: list[Use] = []
    # A lock names what comes in by others as well: that something is installed does not say that it is used.
    sure: Confidence = "medium" if _PURE_LOCKS.search(path) else "high"
    for entry in found.entries:
        row = known.by_npm().get(entry.name) if javascript else known.by_package().get(locks.normalised(entry.name))
        if row is not None:
            uses.append(_use(row, path, entry.place.line, entry.version, sure))
    wanted = [name for name in found.declared if name != locks.UNNAMED]
    rows = [(name, known.by_npm().get(name) if javascript else known.by_package().get(name)) for name in wanted]
    if any(row for _, row in rows):
        lines = _text(root / path).splitlines()
        uses += [_use(row, path, _line(lines, name), "", sure) for name, row in rows if row]
    if path.rpartition("/")[2] == "setup.py":
        uses += _of_setup(path, _text(root / path))
    return tuple(dict.fromkeys(uses)), ""


def _use(row: known.Library, path: str, line: int, version: str, sure: Confidence) -> Use:
    return Use(kind="package", name=row.name, path=path, line=line, version=version[:40], confidence=sure)


def _line(lines: list[str], name: str) -> int:
    """Give the first line that names a package; names are the same with `-`, `_` and `.` (PEP 503)."""
    wanted = re.compile(
        rf"(?<![\w.-]){re.sub(r'[-_.]+', '[-_.]+', re.escape(name).replace(chr(92) + '-', '-'))}(?![\w-])",
        re.IGNORECASE,
    )
    return next(
        (n for n, row in enumerate(lines, start=1) if not row.lstrip().startswith("#") and wanted.search(row)), 1
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(locks.MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _of_setup(path: str, text: str) -> Iterator[Use]:
    """setup.py is not run: literals in its lists of requirements are read."""
    from safecase.readers.uses.python import parsed

    tree = parsed(text)
    lists = [] if tree is None else [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("install_requires", "extras_require", "requirements")
    ]  # fmt: skip
    for held in lists:
        for node in ast.walk(held):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", node.value)
                row = known.by_package().get(locks.normalised(name[0])) if name else None
                if row is not None:
                    yield _use(row, path, node.lineno, "", "high")
