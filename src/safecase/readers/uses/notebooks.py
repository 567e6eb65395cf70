"""Notebooks as Python source whose lines are those of the .ipynb file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from safecase.readers.uses import located_json
from safecase.readers.uses.python import Unparsable, parsed

MOST_BYTES = 20_000_000
_MAGIC = re.compile(r"(\s*)([%!?]|[\w.]+\?)")
_INSTALL = re.compile(r"\s*[%!]\s*(?:pip3?|uv pip|conda|mamba)\s+install\s+(.*)")
_OTHER_LANGUAGES = tuple(
    f"%%{name}"
    for name in ("bash", "sh", "html", "javascript", "js", "sql", "writefile", "latex", "svg", "markdown", "R", "perl")
)


class Source(NamedTuple):
    """The code of a notebook."""

    text: str
    lines: tuple[int, ...]
    """The line of the file for each line of the text."""
    installs: tuple[tuple[str, int], ...]
    """Words after `pip install`, with their line."""
    skipped: int
    """Code cells that are no Python."""


def source(text: str) -> Source:
    """Give the code cells as one text; raises `Unparsable` where the file is no notebook."""
    try:
        found = located_json.read(text)
    except (ValueError, RecursionError) as why:
        raise Unparsable(f"it is no notebook: {type(why).__name__}") from why
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        raise Unparsable("it is no notebook of the fourth format: it has no cells")
    line_of = located_json.Lines(text)
    kept: list[tuple[str, int]] = []
    installs: list[tuple[str, int]] = []
    skipped = 0
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        rows = list(_rows(cell.get("source"), line_of))
        if rows and rows[0][0].lstrip().startswith(_OTHER_LANGUAGES):
            continue
        installs += [(word, line) for row, line in rows for word in _installed(row)]
        rows = [(_without_magic(row), line) for row, line in rows]
        if parsed("\n".join(row for row, _ in rows)) is not None:
            kept += rows
        else:
            skipped += 1
    return Source("\n".join(r for r, _ in kept), tuple(line for _, line in kept), tuple(installs), skipped)


def _rows(written: Any, line_of: located_json.Lines) -> Iterator[tuple[str, int]]:
    """Give each line of a cell's source (one string, or one a line) with the line of the file."""
    parts = written if isinstance(written, list) else [written]
    for part in parts:
        if isinstance(part, located_json.Text):
            line = line_of(part.at)
            for row in part.removesuffix("\n").split("\n"):
                yield row, line


def _without_magic(row: str) -> str:
    magic = _MAGIC.match(row)
    return f"{magic[1]}pass" if magic else row


def _installed(row: str) -> Iterator[str]:
    found = _INSTALL.match(row)
    for word in found[1].split()[:50] if found else ():
        name = re.match(r"[\"']?([A-Za-z0-9][A-Za-z0-9._-]{0,80})", word)
        if name:
            yield name[1]
