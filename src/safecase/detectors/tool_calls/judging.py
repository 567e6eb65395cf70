"""The decision on one call: its rule, its schema, and every value in it that says where something goes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from safecase.detectors.tool_calls.keys import Meant, meant
from safecase.detectors.tool_calls.known import Known, amounts
from safecase.detectors.tool_calls.paths import leaves_folder, tidy
from safecase.detectors.tool_calls.plain import inside, opened
from safecase.detectors.tool_calls.policy import ArgumentRule, Judgement, Segment, ToolPolicy, ToolRule
from safecase.detectors.tool_calls.reading import Leaf, Refused, arguments_of, leaves
from safecase.detectors.tool_calls.values import Value, squashed, url_of, values_in
from safecase.readers.text import shown

MOST_VALUES: Final = 500
MOST_REASONS: Final = 20
_SEVERAL: Final = re.compile(r"[,;\n|]")
_DATE: Final = re.compile(
    r"\d{4}-\d\d(-\d\d)?([t ][\d:.+z-]*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}:\d\d", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?%?")
_ONESELF: Final = frozenset(
    {"", "me", "myself", "self", "current_user", "inbox", "primary", "default", "none", "null", "."}
)
_UNITS: Final = frozenset(
    {
        "en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "fi", "cs", "ja", "zh", "ko", "ru", "uk", "tr",
        "ar", "hi", "en-us", "en-gb", "de-de", "fr-fr", "eur", "usd", "gbp", "chf", "jpy", "cny", "sek", "nok",
        "dkk", "pln", "utc", "cet", "celsius", "fahrenheit", "kelvin", "km", "mi", "kg", "lb", "english", "german",
        "french", "spanish", "italian", "dutch", "json", "csv", "pdf",
    }
)  # fmt: skip
"""What things are converted or translated to."""
_WORDS: Final[dict[str, str]] = {
    "address": "the address", "url": "the URL", "host": "the host", "number": "the account or phone number",
    "path": "the path", "name": "the recipient",
}  # fmt: skip


def judge(name: str, arguments: str, segments: Sequence[Segment], policy: ToolPolicy) -> Judgement:
    """Decide on a call of the tool `name` with `arguments` (JSON as the model wrote it)."""
    rule = policy.rule_for(name)
    if rule.call == "deny":
        return Judgement(decision="deny", reasons=(f"the policy refuses the tool {shown(name)}",))
    try:
        read = arguments_of(arguments)
        every = list(leaves(read))
    except Refused as why:
        return Judgement(decision="deny", reasons=(str(why),))
    if rule.schema is not None and (wrong := _misfit(rule.schema, read)):
        return Judgement(decision="deny", reasons=(f"the arguments do not fit the schema: {wrong}",))
    reasons = [f"the policy asks before the tool {shown(name)} is used"] if rule.call == "approve" else []
    call = _Call(rule, policy, Known(segments, policy.trusted_tools))
    for reason in call.doubts(every):
        reasons.append(reason)
        if len(reasons) >= MOST_REASONS:
            break
    return Judgement(decision="approve" if reasons else "allow", reasons=tuple(reasons))


class _Call:
    """One call, while it is judged."""

    def __init__(self, rule: ToolRule, policy: ToolPolicy, known: Known) -> None:
        self._rule, self._policy, self._known = rule, policy, known
        self._enums = _enums(rule.schema) if rule.schema else frozenset()

    def doubts(self, every: Sequence[Leaf]) -> Iterator[str]:
        """Give why the call needs somebody's approval."""
        seen: set[tuple[str, str]] = set()
        for leaf in every:
            rule = self._rule.arguments.get(leaf.way) or self._rule.arguments.get(leaf.key)
            if rule is None and (top := leaf.way.partition(".")[0]) != leaf.way:
                rule = self._rule.arguments.get(top)
            if rule is not None and rule.kind == "amount":
                yield from self._dear(leaf, rule)
                continue
            for value in self._values(leaf, rule):
                if (value.sort, value.text) in seen:
                    continue
                seen.add((value.sort, value.text))
                if len(seen) > MOST_VALUES:
                    yield f"the arguments name more than {MOST_VALUES} addresses, paths or numbers"
                    return
                if reason := self._doubt(leaf, value, rule):
                    yield reason

    def _values(self, leaf: Leaf, rule: ArgumentRule | None) -> Iterator[Value]:
        kind: Meant = rule.kind if rule else meant(leaf.key)
        if kind == "amount":
            return
        if not isinstance(leaf.value, str):
            if kind in ("recipient", "account") and not isinstance(leaf.value, float):
                yield Value("number", str(leaf.value))
            return
        text = opened(leaf.value)
        if kind != "text" and (leaf.value not in self._enums):
            yield from _whole(text, kind, asked=rule is not None)
        yield from values_in(text)
        for packed in inside(text):
            yield from values_in(opened(packed))

    def _doubt(self, leaf: Leaf, value: Value, rule: ArgumentRule | None) -> str:
        globs = (*self._policy.allowed, *(rule.allowed if rule else ()))
        if any(_allows(glob, value) for glob in globs):
            if value.sort != "url" or not self._known.carries(value.text):
                return ""
        elif rule is not None and not rule.trusted_only:
            return f"{_told(leaf, value)} is not among those allowed" if rule.allowed else ""
        if self._known.trusts(value):
            return ""
        strange = self._known.in_strange(value)
        if not value.certain and value.sort in ("host", "path") and not strange:
            return ""
        where = "comes from text that anybody may have written" if strange else "was named by nobody"
        return f"{_told(leaf, value)} {where}"

    def _dear(self, leaf: Leaf, rule: ArgumentRule) -> Iterator[str]:
        read = amounts(opened(leaf.value).strip()) if isinstance(leaf.value, str) else [float(leaf.value)]
        if not read:
            yield f"{shown(leaf.way)} is no amount"
            return
        amount = max(read)
        if rule.max is not None and amount > rule.max:
            yield f"{shown(leaf.way)} is {amount:g}, more than {rule.max:g}"
        elif amount < 0:
            yield f"{shown(leaf.way)} is below nothing"
        elif rule.max is None and rule.trusted_only and (self._known.highest is None or amount > self._known.highest):
            yield f"{shown(leaf.way)} is {amount:g}, more than anybody named"


def _whole(text: str, kind: Meant, *, asked: bool) -> Iterator[Value]:
    """Take what stands in an argument for what its name says."""
    bare = text.strip().casefold()
    if bare in _ONESELF or (not asked and (bare in _UNITS or _DATE.fullmatch(bare))):
        return
    if kind == "place":
        kind = "path" if "/" in text or "\\" in text else "url" if "." in text and " " not in text else "recipient"
    if kind == "path":
        path = tidy(text)
        yield Value("path", path, certain=asked or leaves_folder(path) or "/" in path)
    elif kind == "url":
        value = url_of(bare)
        yield value if value.host and not bare.startswith("/") else Value("name", bare)
    elif kind == "account" and any(c.isdigit() for c in bare):
        yield Value("number", squashed(bare))
    else:
        yield from _people(bare)


def _people(text: str) -> Iterator[Value]:
    for piece in _SEVERAL.split(text):
        piece = " ".join(piece.split()).lstrip("@#").strip("\"'")
        if piece in _ONESELF or any(v.sort in ("address", "url") for v in values_in(piece)):
            continue
        if sum(c.isdigit() for c in piece) >= 7:
            yield Value("number", squashed(piece).removeprefix("00"))
        else:
            yield Value("name", piece)


def _told(leaf: Leaf, value: Value) -> str:
    where = shown(leaf.way, 60) or "the arguments"
    return f"{where}: {_WORDS[value.sort]} {shown(value.text)}"


def _allows(glob: str, value: Value) -> bool:
    pattern = glob.casefold()
    if value.sort == "url":
        return bool(value.host) and value.certain and (fnmatchcase(value.host, pattern) or _under(value.text, pattern))
    if value.sort == "number":
        return squashed(pattern) == value.text and bool(value.text)
    if value.sort == "path":
        folder = pattern.rstrip("/")
        if value.text.startswith(".."):
            return False
        return value.text == folder or fnmatchcase(value.text, pattern) or _under(value.text, folder)
    return fnmatchcase(value.text, pattern) or (value.sort == "name" and pattern.lstrip("@#") == value.text)


def _under(text: str, start: str) -> bool:
    """Say whether a path or URL stands below another, which has no open ends in it."""
    return "*" not in start and start.count("/") > 0 and text.startswith(start.rstrip("/") + "/")


def _enums(part: Any, depth: int = 0) -> frozenset[str]:
    """Give the words that a schema lists itself."""
    if depth > 20:
        return frozenset()
    if isinstance(part, list):
        return frozenset().union(*(_enums(inner, depth + 1) for inner in part))
    if not isinstance(part, dict):
        return frozenset()
    own = [*part.get("enum", ()), part.get("const")] if isinstance(part.get("enum", []), list) else []
    return frozenset(w for w in own if isinstance(w, str)).union(*(_enums(i, depth + 1) for i in part.values()))


def _misfit(schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    """Say what does not fit the schema; empty where all fits."""
    import jsonschema_rs

    try:
        _validator(json.dumps(schema, sort_keys=True)).validate(arguments)
    except jsonschema_rs.ValidationError as why:
        return shown(str(why.message), 120)
    except (ValueError, TypeError, OverflowError, RecursionError) as why:
        return f"they cannot be held against it ({type(why).__name__})"
    return ""


@functools.lru_cache(256)
def _validator(schema: str) -> Any:  # the library's validators share no public type
    import jsonschema_rs

    return jsonschema_rs.validator_for(json.loads(schema), retriever=_no_retrieval)


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"a schema must hold all it refers to: {uri}")
