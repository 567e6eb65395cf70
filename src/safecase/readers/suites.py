"""Business test sets: YAML, JSON lines or CSV to rows of what is asked and what a right answer holds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, cast, get_args

import msgspec

from safecase.errors import ManifestError, SafecaseError
from safecase.readers import yaml_places
from safecase.readers.conversations import Conversation, Message, Role
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

AssertKind: TypeAlias = Literal[
    "equals", "contains", "icontains", "not_contains", "regex", "not_regex", "json_path", "number"
]
KINDS: tuple[AssertKind, ...] = get_args(AssertKind)

MOST_BYTES = 8_000_000
MOST_ROWS = 10_000
MOST_ASSERTS = 50
MOST_CHARACTERS = 100_000
MOST_PATTERN = 500
MOST_FAULTS = 50

Steps: TypeAlias = tuple[str | int, ...]


class Assert(Noun, frozen=True):
    """One thing that a right answer holds."""

    kind: AssertKind
    value: str | float
    """A text, a pattern, a JSON path, or a number."""
    equals: Any = None  # what JSON can hold: what stands at a JSON path
    tolerance: float = 0.0


class Row(Noun, frozen=True):
    """One case of the business: what is asked, and what a right answer holds."""

    id: str
    conversation: Conversation
    asserts: tuple[Assert, ...]
    place: Place
    slice: str = ""
    weight: float = 1.0


class _Raw(NamedTuple):
    """A row as it was written, and where its values stand."""

    value: Any
    place: Callable[[Steps], Place]


class _FaultError(Exception):
    def __init__(self, message: str, mend: str, steps: Steps = ()) -> None:
        super().__init__(message)
        self.message, self.mend, self.steps = message, mend, steps


def read(content: bytes, file: str) -> tuple[Row, ...]:
    """Read the rows of a test set; `file` names it in places. All its faults are one ManifestError."""
    faults: list[SafecaseError] = []
    rows: list[Row] = []
    seen: dict[str, Place] = {}
    for index, raw in enumerate(_raw(content, file)):
        if index >= MOST_ROWS:
            faults.append(_fault(f"more than {MOST_ROWS:,} rows", "split the test set", raw.place(())))
            break
        found = _row(raw, index, faults)
        if found is None:
            continue
        if found.id in seen:
            told = f"`{shown(found.id)}` is the id of two rows; first at {seen[found.id]}"
            faults.append(_fault(told, "give each row an id of its own", raw.place(("id",))))
        seen.setdefault(found.id, found.place)
        rows.append(found)
    if not rows and not faults:
        faults.append(_fault("no row stands in it", "write rows with `input` and `asserts`", Place(file=file)))
    if faults:
        raise ManifestError(faults[:MOST_FAULTS])
    return tuple(rows)


# files to raw rows


def _raw(content: bytes, file: str) -> Iterator[_Raw]:
    if len(content) > MOST_BYTES:
        told = f"larger than {MOST_BYTES // 1_000_000} MB"
        raise ManifestError([_fault(told, "split the test set", Place(file=file))])
    if file.endswith((".jsonl", ".ndjson")):
        return _json_lines(_decoded(content, file), file)
    if file.endswith(".csv"):
        return _table(_decoded(content, file), file)
    return _yaml(content, file)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = content[: why.start].count(b"\n") + 1
        raise ManifestError([_fault("not UTF-8", "save it as UTF-8", Place(file=file, line=line))]) from why


def _yaml(content: bytes, file: str) -> Iterator[_Raw]:
    document = yaml_places.read(content, file, most_bytes=MOST_BYTES)
    top: Steps = ("rows",) if isinstance(document.value, dict) else ()
    value = document.value.get("rows") if isinstance(document.value, dict) else document.value
    if not isinstance(value, list):
        told = "a list of rows is wanted, at the top or under `rows:`"
        raise ManifestError([_fault(told, "write `rows:` and below it `- input: …`", document.place(top))])
    for index, row in enumerate(value):
        yield _Raw(row, lambda steps, index=index: document.place((*top, index, *steps)))  # type: ignore[misc]


def _json_lines(text: str, file: str) -> Iterator[_Raw]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = Place(file=file, line=number)
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as why:
            value = _FaultError(f"no JSON: {shown(str(why), 100)}", "write one JSON object a line")
        yield _Raw(value, lambda _, place=place: place)  # type: ignore[misc]


def _table(text: str, file: str) -> Iterator[_Raw]:
    """Columns: id, input, context, expected, slice, weight, and one a kind of assert (`contains`)."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        place = Place(file=file, line=line)
        try:
            cells = next(reader, None)
        except csv.Error as why:
            fault = _FaultError(f"no table: {shown(str(why), 100)}", "quote what holds commas or quotes")
            yield _Raw(fault, lambda _, place=place: place)  # type: ignore[misc]
            return
        if cells is None:
            return
        yield _Raw(_from_cells(cells), lambda _, place=place: place)  # type: ignore[misc]


def _from_cells(cells: Mapping[str | None, Any]) -> Any:  # a row as YAML would give it, or its fault
    if None in cells or None in cells.values():
        return _FaultError("more or fewer cells than the first line", "give every row the same columns")
    told = {name.strip(): value for name, value in cells.items() if name and value != ""}
    asserts = [{kind: told.pop(kind)} for kind in KINDS if kind in told]
    if "weight" in told:
        try:
            told["weight"] = float(told["weight"])
        except ValueError:
            return _FaultError(
                f"weight is `{shown(told['weight'])}`, a number is wanted", "write a number", ("weight",)
            )
    return told | ({"asserts": asserts} if asserts else {})


# raw rows to rows

_KEYS = ("id", "input", "messages", "context", "expected", "asserts", "slice", "weight")


def _row(raw: _Raw, index: int, faults: list[SafecaseError]) -> Row | None:
    parts: dict[str, Any] = {}

    def take(name: str, make: Callable[[], Any]) -> None:
        try:
            parts[name] = make()
        except _FaultError as why:
            faults.append(_fault(why.message, why.mend, raw.place(why.steps)))

    value = raw.value
    if isinstance(value, _FaultError):
        faults.append(_fault(value.message, value.mend, raw.place(value.steps)))
        return None
    if not isinstance(value, dict):
        faults.append(_fault("a row is no mapping", "write `- input: …` with `asserts:`", raw.place(())))
        return None
    take("keys", lambda: _only(value, _KEYS, ()))
    take("id", lambda: _text(value, "id", str(index + 1)))
    take("conversation", lambda: _conversation(value))
    take("asserts", lambda: tuple(_asserts(value)))
    take("slice", lambda: _text(value, "slice", ""))
    take("weight", lambda: _weight(value))
    if len(parts) < 6:
        return None
    del parts["keys"]
    return Row(**parts, place=raw.place(()))


def _only(value: Mapping[Any, Any], known: tuple[str, ...], steps: Steps) -> None:
    for key in value:
        if key not in known:
            raise _FaultError(f"`{shown(str(key))}` is not known here", f"one of {', '.join(known)}", (*steps, key))


def _text(value: Mapping[str, Any], key: str, default: str) -> str:
    found = value.get(key, default)
    if isinstance(found, int | float) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or len(found) > MOST_CHARACTERS:
        told = f"`{key}` is no text" if not isinstance(found, str) else f"`{key}` is longer than {MOST_CHARACTERS:,}"
        raise _FaultError(told, f"write `{key}:` as a text, in quotes", (key,))
    return found


def _weight(value: Mapping[str, Any]) -> float:
    found = value.get("weight", 1.0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 1000:
        raise _FaultError("`weight` is no number above 0 and up to 1000", "write a number", ("weight",))
    return float(found)


def _conversation(value: Mapping[str, Any]) -> Conversation:
    if ("input" in value) == ("messages" in value):
        raise _FaultError("either `input` or `messages` is wanted", "write `input: the question`")
    context = _context(value)
    if "messages" in value:
        messages = value["messages"]
        if not isinstance(messages, list) or not 0 < len(messages) <= 100:
            raise _FaultError("`messages` is no list of turns", "write `- {role: user, content: …}`", ("messages",))
        said = tuple(_message(turn, index) for index, turn in enumerate(messages))
        if said[-1].role != "user":
            raise _FaultError("the last turn is not the user's", "end with `role: user`", ("messages",))
        return said
    question = _text(value, "input", "")
    if not question.strip():
        raise _FaultError("`input` is empty", "write what a user would ask", ("input",))
    return (Message(role="user", text=f"{context}\n\n{question}" if context else question),)


def _context(value: Mapping[str, Any]) -> str:
    """What is put before the question: a text, or several."""
    found = value.get("context", [])
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _FaultError("`context` is no text and no list of texts", "write it as a text", ("context",))
    if texts and "messages" in value:
        raise _FaultError("`context` goes with `input`", "put it into a turn of `messages`", ("context",))
    return "\n\n".join(texts)


def _message(turn: object, index: int) -> Message:
    steps: Steps = ("messages", index)
    if not isinstance(turn, dict):
        raise _FaultError("a turn is no mapping", "write `- {role: user, content: …}`", steps)
    role, content = turn.get("role"), turn.get("content")
    if role not in get_args(Role) or not isinstance(content, str) or len(content) > MOST_CHARACTERS:
        raise _FaultError(
            "a turn has a role (system, user or assistant) and a content", "write `- {role: user, content: …}`", steps
        )
    return Message(role=cast("Role", role), text=content)


def _asserts(value: Mapping[str, Any]) -> Iterator[Assert]:
    listed = value.get("asserts", [])
    if not isinstance(listed, list) or len(listed) > MOST_ASSERTS:
        raise _FaultError("`asserts` is no list", "write `asserts: [{contains: …}]`", ("asserts",))
    if not listed and "expected" not in value:
        raise _FaultError("nothing says what a right answer holds", "write `expected:` or `asserts:`")
    if "expected" in value:
        yield Assert(kind="icontains", value=_text(value, "expected", ""))
    for index, one in enumerate(listed):
        yield _assert(one, ("asserts", index))


def _assert(one: object, steps: Steps) -> Assert:
    if not isinstance(one, dict) or len(one) != 1:
        raise _FaultError("an assert is one kind and its value", f"one of {', '.join(KINDS)}", steps)
    _only(one, KINDS, steps)
    ((kind, value),) = one.items()
    if kind == "json_path":
        return _json_path(value, (*steps, kind))
    if kind == "number":
        return _number(value, (*steps, kind))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > MOST_CHARACTERS:
        raise _FaultError(f"`{kind}` wants a text", "write it in quotes", (*steps, kind))
    if kind in ("regex", "not_regex"):
        _compiles(value, (*steps, kind))
    return Assert(kind=kind, value=value)


def _compiles(pattern: str, steps: Steps) -> None:
    if len(pattern) > MOST_PATTERN:
        raise _FaultError(f"a pattern of more than {MOST_PATTERN} characters", "make it shorter", steps)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, Warning) as why:
        raise _FaultError(f"no pattern: {shown(str(why), 100)}", "correct the regular expression", steps) from why


_PATH = re.compile(r"\$(?:\.[A-Za-z_][\w-]*|\[\d{1,6}\]|\['[^']{1,200}'\])*")


def _json_path(value: object, steps: Steps) -> Assert:
    told = value if isinstance(value, dict) else {"path": value}
    _only(told, ("path", "equals"), steps)
    path = told.get("path")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise _FaultError("a JSON path like `$.answer.items[0]` is wanted", "write `{path: $.a.b, equals: 1}`", steps)
    return Assert(kind="json_path", value=path, equals=told.get("equals"))


def _number(value: object, steps: Steps) -> Assert:
    told: dict[Any, Any] = value if isinstance(value, dict) else {"value": value}
    _only(told, ("value", "tolerance"), steps)
    try:
        wanted, tolerance = float(told["value"]), float(told.get("tolerance", 0))
    except (KeyError, TypeError, ValueError) as why:
        raise _FaultError("a number is wanted", "write `{value: 12.5, tolerance: 0.1}`", steps) from why
    if not (tolerance >= 0 and abs(wanted) < 1e300):
        raise _FaultError("a finite number and a tolerance of 0 or more are wanted", "correct them", steps)
    return Assert(kind="number", value=wanted, tolerance=tolerance)


def _fault(message: str, mend: str, place: Place) -> SafecaseError:
    return SafecaseError(message, mend=mend, place=place)
