"""What a right answer holds: the asserts of a row, from what stands in a test set."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

import msgspec

from safecase.engines.nearest import nearest
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

AssertKind: TypeAlias = Literal[
    "equals",
    "contains",
    "icontains",
    "not_contains",
    "regex",
    "not_regex",
    "json_path",
    "json_schema",
    "number",
    "similar",
    "grounded",
    "cites",
    "tool_call",
    "not_tool_call",
    "tool_order",
    "latency",
    "tokens",
    "cost",
    "refused",
    "python",
]
KINDS: Final[tuple[AssertKind, ...]] = get_args(AssertKind)

MOST_ASSERTS: Final = 50
MOST_CHARACTERS: Final = 100_000
MOST_PATTERN: Final = 500
MOST_NESTED: Final = 64
SIMILAR_ENOUGH: Final = 0.45
"""What paraphrases reach and other texts rarely do, by the encoder (docs/evaluation.md)."""

Steps: TypeAlias = tuple[str | int, ...]


class Assert(Noun, frozen=True):
    """One thing that a right answer holds."""

    kind: AssertKind
    value: str | float = ""
    """A text, a pattern, a JSON path, a JSON Schema, the name of a tool or of a file, or a number."""
    equals: Any = None  # what JSON can hold: what stands at a JSON path, a tool's arguments, the order of tools
    tolerance: float = 0.0
    at_least: float = 0.0
    """The similarity or score from which on it holds."""
    by: Literal["encoder", "ngrams"] = "encoder"


class WrongError(Exception):
    """Something is not as a test set wants it: what, what mends it, and where in the row."""

    def __init__(self, message: str, mend: str, steps: Steps = ()) -> None:
        super().__init__(message)
        self.message, self.mend, self.steps = message, mend, steps


class Raw(NamedTuple):
    """Something as it was written, or what is wrong with it; and where its values stand."""

    value: Any
    place: Callable[[Steps], Place]


def asserts_of(value: Mapping[str, Any], reference: str) -> Iterator[Assert | WrongError]:
    """Read `expected` and `asserts` of a row, or of what holds for all rows, and what is wrong with each."""
    listed = value.get("asserts", [])
    if not isinstance(listed, list) or len(listed) > MOST_ASSERTS:
        yield WrongError("`asserts` is no list", "write `asserts: [{contains: …}]`", ("asserts",))
        return
    if "expected" in value:
        yield _read(lambda: Assert(kind="icontains", value=text_of(value, "expected", "")))
    for index, one in enumerate(listed):
        yield _read(partial(_assert, one, reference, ("asserts", index)))


def _read(make: Callable[[], Assert]) -> Assert | WrongError:
    try:
        return make()
    except WrongError as why:
        return why


def only(value: Mapping[Any, Any], known: tuple[str, ...], steps: Steps = ()) -> None:
    """Refuse a key that is not known."""
    for key in value:
        if key not in known:
            near = nearest(str(key), known)
            mend = f"did you mean `{near}`?" if near else f"one of {', '.join(known)}"
            raise WrongError(f"`{shown(str(key))}` is not known here", mend, (*steps, key))


def text_of(value: Mapping[str, Any], key: str, default: str) -> str:
    """Read a text; a number is written as one."""
    found = value.get(key, default)
    if isinstance(found, int | float) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or len(found) > MOST_CHARACTERS:
        told = f"`{key}` is no text" if not isinstance(found, str) else f"`{key}` is longer than {MOST_CHARACTERS:,}"
        raise WrongError(told, f"write `{key}:` as a text, in quotes", (key,))
    return found


def _assert(one: object, reference: str, steps: Steps) -> Assert:
    if not isinstance(one, dict) or len(one) != 1:
        raise WrongError("an assert is one kind and its value", f"one of {', '.join(KINDS)}", steps)
    only(one, KINDS, steps)
    ((kind, value),) = one.items()
    at = (*steps, kind)
    if kind == "similar":
        return _similar(value, reference, at)
    if kind in _READERS:
        return _READERS[kind](value, at)
    if kind in ("latency", "tokens", "cost"):
        return Assert(kind=kind, value=_number(value, at))
    return _text(kind, value, at)


def _text(kind: AssertKind, value: object, at: Steps) -> Assert:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > MOST_CHARACTERS:
        raise WrongError(f"`{kind}` wants a text", "write it in quotes", at)
    if kind in ("regex", "not_regex"):
        _compiles(value, at)
    return Assert(kind=kind, value=value)


def _compiles(pattern: str, at: Steps) -> None:
    if len(pattern) > MOST_PATTERN:
        raise WrongError(f"a pattern of more than {MOST_PATTERN} characters", "make it shorter", at)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, Warning) as why:
        raise WrongError(f"no pattern: {shown(str(why), 100)}", "correct the regular expression", at) from why


_PATH = re.compile(r"\$(?:\.[A-Za-z_][\w-]*|\[\d{1,6}\]|\['[^']{1,200}'\])*")


def _json_path(value: object, at: Steps) -> Assert:
    told = value if isinstance(value, dict) else {"path": value}
    only(told, ("path", "equals"), at)
    path = told.get("path")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise WrongError("a JSON path like `$.answer.items[0]` is wanted", "write `{path: $.a.b, equals: 1}`", at)
    return Assert(kind="json_path", value=path, equals=told.get("equals"))


def _json_schema(value: object, at: Steps) -> Assert:
    mend = "write a JSON Schema that holds all it refers to"
    try:
        schema = msgspec.json.decode(value) if isinstance(value, str) else value
        if not isinstance(schema, dict) or depth(schema) > MOST_NESTED:
            raise WrongError("a JSON Schema is wanted", mend, at)
        written = msgspec.json.encode(schema, order="deterministic").decode()
        validator(written)
    except (ValueError, TypeError, OverflowError, RecursionError) as why:  # jsonschema-rs' are ValueErrors
        raise WrongError(f"no JSON Schema: {shown(str(why).partition(chr(10))[0], 120)}", mend, at) from why
    return Assert(kind="json_schema", value=written)


def depth(value: object) -> int:
    """Say how deep lists and mappings stand in each other, up to a little more than is allowed."""
    deepest, waiting = 0, [(value, 1)]
    while waiting and deepest <= MOST_NESTED:
        part, level = waiting.pop()
        deepest = max(deepest, level)
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += [(one, level + 1) for one in inner]
    return deepest


@functools.lru_cache(256)
def validator(schema: str) -> Any:  # the library's validators share no public type
    """Give what validates against a JSON Schema; it fetches nothing."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(msgspec.json.decode(schema), retriever=_no_retrieval)


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"it must hold all it refers to: {uri}")


def _near(value: object, at: Steps) -> Assert:
    told: dict[Any, Any] = value if isinstance(value, dict) else {"value": value}
    only(told, ("value", "tolerance"), at)
    mend = "write `{value: 12.5, tolerance: 0.1}`"
    wanted, tolerance = _finite(told.get("value"), mend, at), _finite(told.get("tolerance", 0), mend, at)
    if tolerance < 0 or abs(wanted) >= 1e300:
        raise WrongError("a finite number and a tolerance of 0 or more are wanted", "correct them", at)
    return Assert(kind="number", value=wanted, tolerance=tolerance)


def _number(value: object, at: Steps) -> float:
    found = _finite(value, "write a number of 0 or more: at the most so much", at)
    if found < 0:
        raise WrongError("a number of 0 or more is wanted", "write the most that is in order", at)
    return found


def _finite(value: object, mend: str, at: Steps) -> float:
    try:
        found = float(cast("Any", value))  # what it cannot take, it refuses
    except (TypeError, ValueError, OverflowError) as why:
        raise WrongError("a number is wanted", mend, at) from why
    if not abs(found) < float("inf"):
        raise WrongError("a finite number is wanted", mend, at)
    return found


def _similar(value: object, reference: str, at: Steps) -> Assert:
    told: dict[Any, Any] = value if isinstance(value, dict) else {"to": value} if isinstance(value, str) else {}
    if _is_share(value):
        told = {"at_least": value}
    only(told, ("to", "at_least", "by"), at)
    mend = "write `similar: {to: a right answer, at_least: 0.45}`, or give the row a `reference:`"
    to = told.get("to", reference)
    if not isinstance(to, str) or not to.strip() or len(to) > MOST_CHARACTERS:
        raise WrongError("`similar` wants a text to be similar to", mend, at)
    by = told.get("by", "encoder")
    if by not in ("encoder", "ngrams"):
        raise WrongError(f"`by` is {shown(str(by), 40)}", "one of encoder, ngrams", at)
    least = _finite(told.get("at_least", SIMILAR_ENOUGH), mend, at)
    if not 0 < least <= 1:
        raise WrongError("`at_least` is above 0 and up to 1", mend, at)
    return Assert(kind="similar", value=to, at_least=least, by=by)


def _is_share(value: object) -> bool:
    """Say whether it is a number, or the cell of a table with one from 0 to 1."""
    if isinstance(value, str):
        return re.fullmatch(r"(?:0?\.\d+|1(?:\.0+)?)", value.strip()) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(kind: AssertKind) -> Callable[[object, Steps], Assert]:
    def read(value: object, at: Steps) -> Assert:
        said = str(value).strip().lower()
        if said not in ("true", "yes", "1") and (kind == "grounded" or said not in ("false", "no", "0")):
            raise WrongError(f"`{kind}` is {shown(said, 40)}", f"write `{kind}: true`", at)
        return Assert(kind=kind, value="yes" if said in ("true", "yes", "1") else "no")

    return read


def _cites(value: object, at: Steps) -> Assert:
    return Assert(kind="cites", value=1.0 if str(value).lower() == "true" else _number(value, at))


def _tool_call(value: object, at: Steps) -> Assert:
    told = value if isinstance(value, dict) else {"name": value}
    only(told, ("name", "arguments"), at)
    name, arguments = told.get("name"), told.get("arguments", {})
    if not isinstance(name, str) or not name or not isinstance(arguments, dict) or depth(arguments) > MOST_NESTED:
        mend = "write `tool_call: {name: book, arguments: {day: Monday}}`"
        raise WrongError("a tool's name, and its arguments, are wanted", mend, at)
    return Assert(kind="tool_call", value=name, equals=arguments)


def _tool_order(value: object, at: Steps) -> Assert:
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise WrongError("names of tools are wanted, in their order", "write `tool_order: [find, book]`", at)
    return Assert(kind="tool_order", value=", ".join(names), equals=names)


_CODE = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,200}\.py(?::[A-Za-z_]\w{0,80})?")


def _python(value: object, at: Steps) -> Assert:
    told = value if isinstance(value, dict) else {"file": value}
    only(told, ("file", "at_least"), at)
    file = told.get("file")
    if not isinstance(file, str) or not _CODE.fullmatch(file):
        raise WrongError("a Python file beside the test set is wanted", "write `python: polite.py:check`", at)
    return Assert(kind="python", value=file, at_least=_finite(told.get("at_least", 1), "write a number", at))


_READERS: Final[Mapping[str, Callable[[object, Steps], Assert]]] = {
    "json_path": _json_path,
    "json_schema": _json_schema,
    "number": _near,
    "grounded": _flag("grounded"),
    "refused": _flag("refused"),
    "cites": _cites,
    "tool_call": _tool_call,
    "tool_order": _tool_order,
    "python": _python,
}
