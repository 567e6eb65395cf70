"""Rows of data files (CSV, JSON lines), as they come: bounded in bytes and columns, each with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safecase.errors import CollectError
from safecase.readers.text import shown

MOST_BYTES = 500_000_000
MOST_LINE = 10_000_000
MOST_COLUMNS = 2_000
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


class Row(NamedTuple):
    """One row: its cells by column, as texts; None where nothing stands."""

    line: int
    cells: Mapping[str, str | None]
    fault: str = ""
    """Why the row is none."""


def is_table(path: str) -> bool:
    """Say by a file's name whether its rows can be read."""
    return path.lower().endswith(TABLES)


def rows(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a file; raises CollectError where it is too large, or not text."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CollectError(f"{shown(name)} is larger than {MOST_BYTES // 10**6} MB", mend="check a sample of it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            if name.lower().endswith((".jsonl", ".ndjson")):
                yield from _json_rows(file)
            else:
                yield from _csv_rows(file, "\t" if name.lower().endswith(".tsv") else "")
    except UnicodeDecodeError as why:
        raise CollectError(f"{shown(name)} is not UTF-8", mend="save it as UTF-8") from why
    except csv.Error as why:
        raise CollectError(f"{shown(name)} is no table: {shown(str(why), 80)}", mend="quote what holds commas") from why
    except OSError as why:
        raise CollectError(f"{shown(name)} cannot be read: {why.strerror}", mend="see who may read it") from why


def _csv_rows(file: io.TextIOBase, delimiter: str) -> Iterator[Row]:
    first = file.readline(MOST_LINE)
    delimiter = delimiter or max(",;\t|", key=first.count)
    file.seek(0)
    reader = csv.reader(_lines(file), delimiter=delimiter)
    head = next(reader, [])
    names = [name.strip() or f"column {n}" for n, name in enumerate(head, 1)]
    if len(names) > MOST_COLUMNS:
        raise CollectError(f"more than {MOST_COLUMNS} columns", mend="check a part of them")
    if len(set(names)) < len(names):
        yield Row(1, {}, "two columns have the same name")
        names = [f"{name} ({n + 1})" if names.index(name) != n else name for n, name in enumerate(names)]
    line = reader.line_num
    for cells in reader:
        start, line = line + 1, reader.line_num
        if not cells:
            continue
        if len(cells) != len(names):
            yield Row(start, {}, f"{len(cells)} cells instead of {len(names)}")
            continue
        yield Row(start, {n: cell if cell.strip() else None for n, cell in zip(names, cells, strict=True)})


def _lines(file: io.TextIOBase) -> Iterator[str]:
    while line := file.readline(MOST_LINE):
        if len(line) >= MOST_LINE:
            raise CollectError(f"a line is longer than {MOST_LINE // 10**6} MB", mend="write one row a line")
        yield line.replace("\0", "")


def _json_rows(file: io.TextIOBase) -> Iterator[Row]:
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield Row(number, {}, "no JSON")
            continue
        if not isinstance(value, dict) or len(value) > MOST_COLUMNS:
            yield Row(number, {}, "no JSON object" if not isinstance(value, dict) else "too many keys")
            continue
        yield Row(number, {str(key): _text(cell) for key, cell in value.items()})


def _text(cell: object) -> str | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    return cell if isinstance(cell, str) else json.dumps(cell, sort_keys=True, default=str)
