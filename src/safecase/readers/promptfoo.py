"""promptfoo's test files, as far as they say what our test sets can say: prompts, variables, and the usual asserts."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.promptfoo_asserts import INSTEAD, of_cell, ours
from safecase.readers.suite_asserts import Raw, Steps, WrongError
from safecase.readers.text import shown
from safecase.vocabulary import Place

Beside: TypeAlias = Callable[[str], bytes]
"""Gives what stands in a file beside the configuration; raises WrongError where it may not, or cannot."""

NOTE: Final = "read as promptfoo's: its providers are not asked, and `similar` has our threshold, not its own"
MOST_COMBINED: Final = 10_001
"""One more than a test set may have: it is told, and not cut off."""
_KEYS: Final = frozenset({
    "tests", "prompts", "defaultTest", "description", "providers", "targets", "evaluateOptions", "outputPath",
    "sharing", "tags", "env", "metadata", "commandLineOptions", "$schema", "writeLatestResults",
})  # fmt: skip
_TEST_KEYS: Final = frozenset({"vars", "assert", "description", "metadata", "options", "provider"})
_ASSERT_KEYS: Final = frozenset({"type", "value", "threshold", "weight", "metric", "provider"})
_CALLED: Final = {dict: "mapping", list: "list", str: "text"}
_NAMES: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*(?:\.\w+)*)\s*-?\}\}")
_FILE: Final = re.compile(r"[\w./-]{1,200}\.(?:txt|md|json|ya?ml|j2|csv)")


class _Test(NamedTuple):
    """A test, and where it stands."""

    variables: Mapping[str, Any]
    asserts: Sequence[Any]
    description: str
    metadata: Mapping[str, Any]
    steps: Steps
    place: Callable[[Steps], Place]


def _test(value: Any, steps: Steps, place: Callable[[Steps], Place]) -> _Test:
    for key, kind in (("vars", dict), ("assert", list), ("metadata", dict), ("options", dict), ("description", str)):
        if not isinstance(value, dict) or not isinstance(value.get(key) or kind(), kind):
            mend = "write it into this file: `{vars: {question: …}, assert: [{type: contains, value: …}]}`"
            raise WrongError(f"a test is a mapping, and its `{key}` a {_CALLED[kind]}", mend, steps)
    _only(value, _TEST_KEYS, steps)
    _only(value.get("options") or {}, frozenset({"provider"}), (*steps, "options"))
    return _Test(
        variables=value.get("vars") or {},
        asserts=value.get("assert") or [],
        description=value.get("description") or "",
        metadata=value.get("metadata") or {},
        steps=steps,
        place=place,
    )


def is_config(value: object) -> bool:
    """Say whether a YAML document is a configuration of promptfoo, and no test set of ours."""
    return isinstance(value, dict) and "rows" not in value and bool({"tests", "prompts"} & value.keys())


def is_table(first_line: str) -> bool:
    """Say whether a table is one of promptfoo's tests, by its columns."""
    return re.search(r"(?:^|,)\s*\"?__expected", first_line) is not None


def of_config(document: yaml_places.Document, beside: Beside | None) -> Iterator[Raw]:
    """Give each test with each prompt as a row of ours, and what of it cannot be said there."""
    config = document.value
    try:
        _only(config, _KEYS, ())
        default = _test(config.get("defaultTest") or {}, ("defaultTest",), document.place)
        tests = [*_tests(config.get("tests"), document.place, beside)]
        prompts = [*_prompts(config.get("prompts"), beside)]
    except WrongError as why:
        yield Raw(why, document.place)
        return
    yield from _rows(tests, prompts, default)


def repeats(document: yaml_places.Document) -> dict[str, Any]:
    """Give what the configuration says of all rows, as ours would."""
    options = document.value.get("evaluateOptions")
    return {"repeats": options["repeat"]} if isinstance(options, dict) and "repeat" in options else {}


def of_table(text: str, file: str) -> Iterator[Raw]:
    """Give each line of a table of tests as a row of ours; without a configuration its one variable is the question."""
    start = Place(file=file, line=1)
    try:
        tests = [*_table(text, file)]
    except WrongError as why:
        yield Raw(why, lambda _: start)
        return
    yield from _rows(tests, [], _test({}, (), lambda _: start))


def _rows(tests: Sequence[_Test], prompts: Sequence[Any], default: _Test) -> Iterator[Raw]:
    described = Counter(test.description for test in tests)
    told: set[tuple[Place, str]] = set()
    for number, test in enumerate(tests, 1):
        base = test.description if described[test.description] == 1 and test.description else str(number)
        try:
            for name, row in _of_test(test, prompts, default):
                yield Raw({"id": base + name, **row}, lambda _, test=test: test.place(test.steps))  # type: ignore[misc]
        except WrongError as why:
            place = (default if why.steps[:1] == ("defaultTest",) else test).place(why.steps)
            if (place, why.message) not in told:
                told.add((place, why.message))
                yield Raw(why, lambda _, place=place: place)  # type: ignore[misc]


def _of_test(test: _Test, prompts: Sequence[Any], default: _Test) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the rows of a test, each with what tells it from the others."""
    variables = {**default.variables, **test.variables}
    combined = list(itertools.islice(_combined(variables), MOST_COMBINED))
    asked = list(prompts) or [_only_variable(variables, test.steps)]
    slices = {name: str(value) for name, value in test.metadata.items() if isinstance(value, str | int | float)}
    for (p, prompt), (c, plain) in itertools.product(enumerate(asked, 1), enumerate(combined, 1)):
        name = (f" / prompt {p}" if len(asked) > 1 else "") + (f" / {c}" if len(combined) > 1 else "")
        given = {variable: _filled(value, plain, test.steps) for variable, value in plain.items()}
        filled = _filled(prompt, given, test.steps)
        row: dict[str, Any] = {"messages" if isinstance(filled, list) else "input": filled}
        row["asserts"] = [made for one in (default, test) for made in _asserts(one, given)]
        yield name, row | ({"slice": slices} if slices else {})


def _combined(variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give each combination of variables that have several values."""
    several = {name: value if isinstance(value, list) else [value] for name, value in variables.items()}
    for values in itertools.product(*several.values()):
        yield dict(zip(several, values, strict=True))


def _only_variable(variables: Mapping[str, Any], steps: Steps) -> str:
    names = [name for name in ("prompt", "question", "input") if name in variables] or list(variables)
    if len(names) != 1:
        raise WrongError("nothing says what is asked", "write `prompts: ['{{question}}']`", steps)
    return f"{{{{{names[0]}}}}}"


def _filled(value: Any, given: Mapping[str, Any], steps: Steps) -> Any:  # what YAML can hold
    """Put variables into a text, or into each text of what holds some."""
    if isinstance(value, list):
        return [_filled(one, given, steps) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, given, steps) for key, one in value.items()}
    if not isinstance(value, str):
        return value

    def put(found: re.Match[str]) -> str:
        told: Any = given
        for name in found[1].split("."):
            if not isinstance(told, dict) or name not in told:
                raise WrongError(f"`{shown(found[0], 60)}` is not among the variables", "write it under `vars:`", steps)
            told = told[name]
        return told if isinstance(told, str) else msgspec.json.encode(told).decode()

    if "{%" in (rest := _NAMES.sub("", value)) or "{{" in rest:
        raise WrongError("a template that is more than names of variables", "write what it gives", steps)
    return _NAMES.sub(put, value)


def _asserts(test: _Test, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for index, one in enumerate(test.asserts):
        steps = (*test.steps, "assert", index)
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            raise WrongError("an assert has a `type`", "write `{type: contains, value: …}`", steps)
        if one.get("weight") == 0:
            continue  # it is only measured there
        _only(one, _ASSERT_KEYS, steps)
        yield from ours(one["type"], _filled(one.get("value"), given, steps), one.get("threshold"), steps)


def _tests(value: Any, place: Callable[[Steps], Place], beside: Beside | None) -> Iterator[_Test]:
    """Give the tests of a list, or of the file that is named."""
    steps: Steps = ("tests",)
    if isinstance(value, str):
        name, content = _beside(value, beside, ("tests",))
        if name.endswith(".csv"):
            yield from _table(content.decode("utf-8-sig", "replace"), name)
            return
        document = _document(content, name, ("tests",))
        value, steps, place = document.value, (), document.place
    if not isinstance(value, list):
        raise WrongError("`tests` is no list", "write `tests: [{vars: …, assert: […]}]`", ("tests",))
    for index, one in enumerate(value):
        if isinstance(one, str) and steps:
            yield from _tests(one, place, beside)
        else:
            yield _test(one, (*steps, index), place)


def _prompts(value: Any, beside: Beside | None) -> Iterator[Any]:
    """Give texts, and lists of messages."""
    for index, one in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        steps: Steps = ("prompts", index)
        told = one.get("raw", one.get("id")) if isinstance(one, dict) else one
        if isinstance(told, str) and (told.startswith("file://") or _FILE.fullmatch(told)):
            name, content = _beside(told, beside, steps)
            told = content.decode("utf-8-sig", "replace")
            texts = re.split(r"(?m)^---\s*$", told) if name.endswith(".txt") else [told]
            yield from (_messages(text.strip()) for text in texts if text.strip())
        elif isinstance(told, str | list):
            yield _messages(told) if isinstance(told, str) else told
        else:
            raise WrongError("a prompt is a text", "write it as a text, or name its file: `file://prompt.txt`", steps)


def _messages(text: str) -> Any:
    """Give the messages where a text is a list of them, else the text."""
    if not text.startswith(("[", "- ")):
        return text
    try:
        found = yaml_places.read(text.encode(), "prompt").value
    except ManifestError:
        return text
    return found if isinstance(found, list) and all(isinstance(one, dict) and "role" in one for one in found) else text


def _table(text: str, file: str) -> Iterator[_Test]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            told = {str(name).strip(): value for name, value in cells.items() if isinstance(value, str) and value}
            place = Place(file=file, line=reader.line_num)
            yield _Test(
                variables={name: value for name, value in told.items() if not name.startswith("__")},
                asserts=[of_cell(value) for name, value in told.items() if re.fullmatch(r"__expected\d*", name)],
                description=told.get("__description", ""),
                metadata={n.partition(":")[2]: value for n, value in told.items() if n.startswith("__metadata:")},
                steps=(),
                place=lambda _, place=place: place,  # type: ignore[misc]
            )
    except csv.Error as why:
        raise WrongError(f"no table: {shown(str(why), 100)}", "quote what holds commas or quotes") from why


def _beside(name: str, beside: Beside | None, steps: Steps) -> tuple[str, bytes]:
    name = name.removeprefix("file://")
    if beside is None:
        raise WrongError(f"{shown(name, 80)} stands in another file", "write it into this one", steps)
    if not _FILE.fullmatch(name):
        raise WrongError(f"{shown(name, 80)} is no text, table or YAML beside it", INSTEAD, steps)
    try:
        return name, beside(name)
    except OSError as why:
        raise WrongError(f"{shown(name, 80)} cannot be read: {why.strerror}", "correct the path", steps) from why


def _document(content: bytes, name: str, steps: Steps) -> yaml_places.Document:
    try:
        return yaml_places.read(content, name)
    except ManifestError as why:
        raise WrongError(f"{shown(name, 80)}: {why.faults[0].message}", why.faults[0].mend, steps) from why


def _only(value: Any, known: frozenset[str], steps: Steps) -> None:
    """Refuse what changes the tests and cannot be said here."""
    for key in value if isinstance(value, dict) else ():
        if key not in known:
            raise WrongError(f"promptfoo's `{shown(str(key), 40)}` is not known here", INSTEAD, (*steps, key))
