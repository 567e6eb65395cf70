"""Whether an answer holds what a row of a business test set wants."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from safecase.engines import grounding
from safecase.readers.conversations import Called
from safecase.readers.suite_asserts import MOST_NESTED, Assert, depth, validator
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.targets.apart import answered
from safecase.targets.suite_code import Code, of, run
from safecase.targets.target import Reply

REGEX_SECONDS: Final = 1.0
MOST_SEARCHED: Final = 20_000
MOST_TOLD: Final = 5
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:[,' ]\d{3})+|\d+)(?:\.\d+)?")
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\]")
_NOTHING = object()


class Means(NamedTuple):
    """What some asserts need beside an answer; without it they are not judged, and the answer does not pass."""

    similar: Callable[[Assert, str], float] | None = None
    refused: Callable[[Reply], bool] | None = None
    code: Path | None = None
    """The folder whose code may be run."""
    price_per_1000_tokens: float = 0.0


class Checked(NamedTuple):
    """What came of one assert."""

    kind: str
    holds: bool | None
    """None where it could not be judged."""
    why: str = ""
    """What is missing, or why it could not be judged; empty where it holds."""
    score: float = 0.0


class Search(NamedTuple):
    """A pattern, and the text in which it is looked for."""

    pattern: str
    text: str


class _Apart(NamedTuple):
    """What was found in processes apart."""

    searched: Mapping[Search, bool | None]
    coded: Mapping[Code, Any]


def judged(answers: Sequence[tuple[Row, Reply]], means: Means | None = None) -> list[tuple[Checked, ...]]:
    """Hold answers against what their rows want. What may take forever, patterns and code, runs in a process apart."""
    means = means or Means()
    wanted = [search for row, reply in answers for search in searches(row.asserts, reply.text)]
    codes = [of(one, row, reply) for row, reply in answers for one in row.asserts if one.kind == "python"]
    apart = _Apart(matched(wanted), run(means.code, codes) if means.code else {})
    return [_of(row, reply, means, apart) for row, reply in answers]


def _of(row: Row, reply: Reply, means: Means, apart: _Apart) -> tuple[Checked, ...]:
    told = tuple(_checked(one, row, reply, means, apart) for one in row.asserts)
    refusal_wanted = any(one.kind == "refused" and one.value == "yes" for one in row.asserts)
    if not reply.text.strip() and not reply.calls and not refusal_wanted:
        return (Checked("answer", False, "the answer is empty"), *told)
    return told


def searches(asserts: Sequence[Assert], text: str) -> list[Search]:
    """Give the searches that the asserts of an answer need."""
    return [Search(str(one.value), text[:MOST_SEARCHED]) for one in asserts if one.kind in ("regex", "not_regex")]


def matched(wanted: Sequence[Search], *, seconds: float = REGEX_SECONDS) -> dict[Search, bool | None]:
    """Search in a process of its own: a pattern can take forever, and nothing in this process could stop it.

    None stands for what was not answered in `seconds`.
    """
    unique = list(dict.fromkeys(wanted))
    if not unique:
        return {}
    lines = answered(_SEARCHER, (), [msgspec.json.encode(one) for one in unique], seconds=seconds, starts=5)
    return {search: None if line is None else line == b"1\n" for search, line in zip(unique, lines, strict=True)}


_SEARCHER: Final = """
import json, re, sys
for line in sys.stdin.buffer:
    pattern, text = json.loads(line)
    sys.stdout.buffer.write(b"1\\n" if re.search(pattern, text) else b"0\\n")
    sys.stdout.buffer.flush()
"""


def _checked(one: Assert, row: Row, reply: Reply, means: Means, apart: _Apart) -> Checked:
    match one.kind:
        case "similar":
            return _similar(one, reply, means)
        case "python":
            return _by_code(one, apart.coded.get(of(one, row, reply)), means)
        case "refused":
            if means.refused is None:
                return Checked(one.kind, None, "refusals cannot be read here")
            return _held(one, means.refused(reply) == (one.value == "yes"), "it does" if one.value == "no" else "")
        case "latency":
            return _held(one, reply.seconds <= float(one.value), f"it took {reply.seconds:.2f} s")
        case "tokens" | "cost":
            return _within(one, reply, means)
        case "grounded":
            found = grounding.unfounded(reply.text, row.sources, row.question, numbered=row.numbered)
            return _nothing(one, found, "stands in no source it may rest on")
        case "cites":
            return _cites(one, row, reply)
        case "json_schema":
            return _fits(one, reply.text)
        case "tool_call" | "not_tool_call" | "tool_order":
            called = ", ".join(shown(call.tool, 40) for call in reply.calls[:MOST_TOLD]) or "nothing"
            return _held(one, _called(one, reply.calls), f"it called {called}")
    return _held(one, _text_holds(one, reply.text, apart), "")


def _held(one: Assert, holds: bool, why: str) -> Checked:
    if holds:
        return Checked(one.kind, True, score=1.0)
    return Checked(one.kind, False, f"{told(one)}" + (f": {why}" if why else ""))


def told(one: Assert) -> str:
    """Say in few words what an assert wants."""
    more = f" ± {one.tolerance:g}" if one.tolerance else ""
    if one.kind == "json_path" and one.equals is not None:
        more = f" = {shown(str(one.equals), 60)}"
    if one.kind == "tool_call" and one.equals:
        more = f" {shown(str(one.equals), 80)}"
    if one.kind in ("grounded", "refused"):
        return one.kind if one.value == "yes" else f"not {one.kind}"
    value = f"{one.value:g}" if isinstance(one.value, float) else shown(one.value, 100)
    return f"{one.kind} {value}{more}"


def _text_holds(one: Assert, text: str, apart: _Apart) -> bool:
    value = str(one.value)
    match one.kind:
        case "equals":
            return text.strip() == value.strip()
        case "contains":
            return value in text
        case "icontains":
            return value.casefold() in text.casefold()
        case "not_contains":
            return value.casefold() not in text.casefold()
        case "regex":
            return apart.searched.get(Search(value, text[:MOST_SEARCHED])) is True
        case "not_regex":
            return apart.searched.get(Search(value, text[:MOST_SEARCHED])) is False
        case "number":
            return any(abs(number - float(one.value)) <= one.tolerance + 1e-9 for number in _numbers(text))
        case _:
            at = _at(value, text)
            return at is not _NOTHING and (one.equals is None or at == one.equals)


def _similar(one: Assert, reply: Reply, means: Means) -> Checked:
    if means.similar is None:
        return Checked(one.kind, None, "similarity cannot be measured here")
    try:
        found = means.similar(one, reply.text)
    except LookupError as why:
        return Checked(one.kind, None, str(why))
    score = min(1.0, max(0.0, found))
    if found >= one.at_least:
        return Checked(one.kind, True, score=score)
    return Checked(one.kind, False, f"similar by {one.by}: {found:.2f}, and {one.at_least:g} is wanted", score)


def _by_code(one: Assert, said: object, means: Means) -> Checked:
    if means.code is None:
        return Checked(one.kind, None, f"{one.value} was not run: code wants --allow-code")
    answer = said if isinstance(said, dict) else {}
    if "said" not in answer:
        return Checked(one.kind, None, f"{one.value}: {shown(str(answer.get('error', 'no answer')), 200)}")
    match answer["said"]:
        case bool() as holds:
            return _held(one, holds, "")
        case int() | float() as score:
            holds = score >= one.at_least
            why = "" if holds else f"{told(one)}: {score:g}, and {one.at_least:g} is wanted"
            return Checked(one.kind, holds, why, min(1.0, max(0.0, float(score))))
        case str() as wrong:
            return _held(one, not wrong, shown(wrong, 200))
    return Checked(one.kind, None, f"{one.value}: it gave neither yes or no, nor a number, nor what is wrong")


def _within(one: Assert, reply: Reply, means: Means) -> Checked:
    tokens = reply.tokens_in + reply.tokens_out
    if not tokens:
        return Checked(one.kind, None, "the service does not say how many tokens it took")
    if one.kind == "tokens":
        return _held(one, tokens <= float(one.value), f"it took {tokens}")
    if not means.price_per_1000_tokens:
        return Checked(one.kind, None, "no price is known: say --price")
    cost = tokens / 1000 * means.price_per_1000_tokens
    return _held(one, cost <= float(one.value), f"it cost {cost:.4g}")


def _nothing(one: Assert, found: Sequence[grounding.Unfounded], why: str) -> Checked:
    stated = [f"the {wrong.kind} {shown(wrong.text, 60)}" for wrong in found[:MOST_TOLD]]
    more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
    return _held(one, not found, f"{', '.join(stated)}{more} {why}")


def _cites(one: Assert, row: Row, reply: Reply) -> Checked:
    there = len(grounding.citations(reply.text))
    if there < float(one.value):
        return _held(one, False, f"it cites {there} times")
    found = grounding.miscited(reply.text, row.sources, row.question, numbered=row.numbered)
    return _nothing(one, found, "is not where it is cited from")


def _fits(one: Assert, text: str) -> Checked:
    wanted = Checked(one.kind, True, score=1.0)
    try:
        value = _json(_bare(text))
        if depth(value) > MOST_NESTED:
            return Checked(one.kind, False, "json_schema: it is nested too deep")
        validator(str(one.value)).validate(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as why:  # jsonschema-rs' are ValueErrors
        return Checked(one.kind, False, f"json_schema: {shown(str(why).partition(chr(10))[0], 160)}")
    return wanted


def _called(one: Assert, calls: Sequence[Called]) -> bool:
    names = [call.tool for call in calls]
    if one.kind == "not_tool_call":
        return one.value not in names
    if one.kind == "tool_order":
        left = iter(names)
        return all(name in left for name in one.equals)
    return any(call.tool == one.value and _holds_all(one.equals, _arguments(call)) for call in calls)


def _arguments(call: Called) -> object:
    try:
        return _json(call.arguments)
    except ValueError:
        return None


def _holds_all(wanted: object, there: object) -> bool:
    """Say whether all that is wanted is there; what else is there does not matter."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        return all(key in there and _holds_all(value, there[key]) for key, value in wanted.items())
    return wanted == there


def _numbers(text: str) -> list[float]:
    return [float(re.sub("[,' ]", "", number)) for number in _NUMBER.findall(text[:MOST_SEARCHED])]


def _bare(text: str) -> str:
    return re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())


def _json(text: str | bytes) -> Any:  # what JSON can hold
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as why:
        raise ValueError(f"it is no JSON: {why}") from why


def _at(path: str, text: str) -> Any:  # what JSON can hold, or _NOTHING
    try:
        value: Any = _json(_bare(text))
    except ValueError:
        return _NOTHING
    for name, index, quoted in _STEP.findall(path):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif not index and isinstance(value, dict) and (name or quoted) in value:
            value = value[name or quoted]
        else:
            return _NOTHING
    return value
