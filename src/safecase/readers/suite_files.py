"""The files in which test sets stand, YAML, JSON lines and CSV, to rows as they were written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from safecase.engines.nearest import nearest
from safecase.errors import ManifestError, SafecaseError
from safecase.readers import promptfoo, yaml_places
from safecase.readers.suite_asserts import KINDS, Raw, Steps, WrongError
from safecase.readers.text import shown
from safecase.vocabulary import Place

MOST_BYTES: Final = 8_000_000
_COLUMNS: Final = ("id", "input", "context", "sources", "expected", "reference", "slice", "tags", "weight")


class Written(NamedTuple):
    """A test set as it was written: what its file says of all rows, and the rows."""

    top: Raw
    rows: Iterator[Raw]
    note: str = ""
    """What its reader ought to know."""


def written(content: bytes, file: str, beside: promptfoo.Beside | None = None) -> Written:
    """Read a file by the end of its name; raises ManifestError where it is none at all."""
    if len(content) > MOST_BYTES:
        told = f"larger than {MOST_BYTES // 1_000_000} MB"
        raise ManifestError([fault(told, "split the test set", Place(file=file))])
    nothing = Raw({}, lambda _: Place(file=file))
    if file.endswith((".jsonl", ".ndjson")):
        return Written(nothing, _json_lines(_decoded(content, file), file))
    if file.endswith(".csv"):
        text = _decoded(content, file)
        if promptfoo.is_table(text.partition("\n")[0]):
            return Written(nothing, promptfoo.of_table(text, file), promptfoo.NOTE)
        return Written(nothing, _table(text, file))
    document = yaml_places.read(content, file, most_bytes=MOST_BYTES)
    if promptfoo.is_config(document.value):
        top = Raw(promptfoo.repeats(document), document.place)
        return Written(top, promptfoo.of_config(document, beside), promptfoo.NOTE)
    if not isinstance(document.value, dict):
        return Written(nothing, _listed(document, document.value, ()))
    of_all = {key: value for key, value in document.value.items() if key != "rows"}
    return Written(Raw(of_all, document.place), _listed(document, document.value.get("rows"), ("rows",)))


def fault(message: str, mend: str, place: Place) -> SafecaseError:
    """Give one thing that is wrong in a file."""
    return SafecaseError(message, mend=mend, place=place)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = content[: why.start].count(b"\n") + 1
        raise ManifestError([fault("not UTF-8", "save it as UTF-8", Place(file=file, line=line))]) from why


def _listed(document: yaml_places.Document, value: object, top: Steps) -> Iterator[Raw]:
    if not isinstance(value, list):
        told = "a list of rows is wanted, at the top or under `rows:`"
        raise ManifestError([fault(told, "write `rows:` and below it `- input: …`", document.place(top))])
    for index, row in enumerate(value):
        yield Raw(row, lambda steps, index=index: document.place((*top, index, *steps)))  # type: ignore[misc]


def _json_lines(text: str, file: str) -> Iterator[Raw]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as why:
            value = WrongError(f"no JSON: {shown(str(why), 100)}", "write one JSON object a line")
        yield _at_line(value, file, number)


def _at_line(value: object, file: str, line: int) -> Raw:
    place = Place(file=file, line=line)
    return Raw(value, lambda _: place)


def _table(text: str, file: str) -> Iterator[Raw]:
    """Columns: those of a row, `slice.NAME` for a slice by what stands in it, and one a kind of assert (`contains`)."""
    head = text.partition("\n")[0]
    sign = next((one for one in ";\t" if one in head and "," not in head), ",")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    try:
        wrong = _header(reader.fieldnames or ())
        yield from (_at_line(one, file, 1) for one in wrong)
        line = reader.line_num + 1
        while not wrong and (cells := next(reader, None)) is not None:
            yield _at_line(_from_cells(cells), file, line)
            line = reader.line_num + 1
    except csv.Error as why:
        told = WrongError(f"no table: {shown(str(why), 100)}", "quote what holds commas or quotes")
        yield _at_line(told, file, reader.line_num)


def _header(names: Iterable[str]) -> list[WrongError]:
    """Say once what is wrong with the columns, and not once a row."""
    there = [name.strip() for name in names if name and name.strip()]
    known = (*_COLUMNS, *KINDS)
    wrong: list[WrongError] = []
    for name in there:
        if name not in known and not name.startswith("slice."):
            near = nearest(name, known)
            mend = f"did you mean `{near}`?" if near else f"one of {', '.join(_COLUMNS)}, slice.NAME, or an assert"
            wrong.append(WrongError(f"the column `{shown(name, 40)}` is not known", mend))
    if there and "input" not in there:
        wrong.append(WrongError("the column `input` is missing", "name the column of questions `input`"))
    if there and not {"expected", *KINDS} & set(there):
        mend = "add `expected`, or an assert such as `contains` or `number`"
        wrong.append(WrongError("no column says what a right answer holds", mend))
    return wrong


def _from_cells(cells: Mapping[str | None, Any]) -> Any:  # a row as YAML would give it, or its fault
    if None in cells or None in cells.values():
        return WrongError("more or fewer cells than the first line", "give every row the same columns")
    told = {name.strip(): value for name, value in cells.items() if name and value != ""}
    asserts = [{kind: told.pop(kind)} for kind in KINDS if kind in told]
    slices = {name.removeprefix("slice."): told.pop(name) for name in [*told] if name.startswith("slice.")}
    if slices:
        told["slice"] = slices | ({"slice": told["slice"]} if "slice" in told else {})
    if "tags" in told:
        told["tags"] = [tag.strip() for tag in told["tags"].split(",") if tag.strip()]
    if "weight" in told:
        try:
            told["weight"] = float(told["weight"])
        except ValueError:
            return WrongError(f"weight is `{shown(told['weight'])}`, a number is wanted", "write a number", ("weight",))
    return told | ({"asserts": asserts} if asserts else {})
