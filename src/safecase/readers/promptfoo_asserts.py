"""promptfoo's asserts as ours: those that can be looked for, and why others cannot."""

from __future__ import annotations

import re
from typing import Any, Final

from safecase.readers.suite_asserts import Steps, WrongError
from safecase.readers.text import shown

INSTEAD: Final = "leave it out, or run promptfoo itself: `safecase testing borrow promptfoo TARGET --test FILE`"
_READ: Final = frozenset({
    "equals", "contains", "icontains", "contains-any", "contains-all", "icontains-any", "icontains-all", "starts-with",
    "regex", "is-json", "similar", "latency", "cost", "is-refusal",
})  # fmt: skip
_JUDGED: Final = frozenset({
    "llm-rubric", "model-graded-closedqa", "model-graded-factuality", "factuality", "g-eval", "answer-relevance",
    "context-faithfulness", "context-recall", "context-relevance", "conversation-relevance", "search-rubric",
    "classifier", "moderation", "pi", "grade",
})  # fmt: skip
_CODE: Final = frozenset({"javascript", "python", "ruby", "webhook", "fn", "eval"})
_CELL: Final = re.compile(r"((?:not-)?([a-z-]+))(?:\(([\d.]+)\))?(?::|$)\s*")


def ours(kind: str, value: Any, threshold: Any, steps: Steps) -> list[dict[str, Any]]:
    """Give the asserts of ours that hold when one of promptfoo's does."""
    _known(kind.removeprefix("not-"), steps)
    wanted, kind = not kind.startswith("not-"), kind.removeprefix("not-")
    match kind:
        case "latency" if wanted:
            if isinstance(threshold, bool) or not isinstance(threshold, int | float):
                raise WrongError("`latency` wants a `threshold` in milliseconds", "write `threshold: 5000`", steps)
            return [{"latency": threshold / 1000}]
        case "cost" if wanted:
            return [{"cost": threshold}]
        case "similar" if wanted:
            return [{"similar": {"to": value}}]
        case "is-json" if wanted:
            return [{"json_schema": {} if value is None else value}]
        case "is-refusal":
            return [{"refused": wanted}]
        case "equals" if wanted:
            return [{"json_schema": {"const": value}}] if isinstance(value, dict | list) else [{"equals": value}]
        case "regex":
            return [{"regex" if wanted else "not_regex": value}]
    return _by_texts(kind, value, steps, wanted=wanted)


def of_cell(cell: str) -> dict[str, Any]:
    """Read a cell of a table, `contains: Monday` or `latency(5000)`; any other text is what the answer is."""
    found = _CELL.match(cell)
    if found is None or found[2] not in _READ | _JUDGED | _CODE:
        return {"type": "equals", "value": cell}
    value: Any = cell[found.end() :] or None
    if found[2].endswith(("-any", "-all")) and value:
        value = [part.strip() for part in value.split(",")]
    return {"type": found[1], "value": value, "threshold": float(found[3]) if found[3] else None}


def _known(kind: str, steps: Steps) -> None:
    if kind in _READ:
        return
    if kind in _JUDGED:
        mend = f"say what can be looked for (`contains`, `similar`, or `grounded` in a test set of ours); {INSTEAD}"
        raise WrongError(f"`{shown(kind, 40)}` wants a judge model", mend, steps)
    if kind in _CODE:
        mend = f"write `python: checks.py:name` in a test set of ours; {INSTEAD}"
        raise WrongError(f"`{shown(kind, 40)}` is code for promptfoo", mend, steps)
    raise WrongError(f"the assert `{shown(kind, 40)}` is not known here", f"one of {', '.join(sorted(_READ))}", steps)


def _by_texts(kind: str, value: Any, steps: Steps, *, wanted: bool) -> list[dict[str, Any]]:
    texts = [str(text) for text in (value if isinstance(value, list) else [value]) if text not in (None, "")]
    if not texts or kind in ("is-json", "latency", "cost", "similar") or (kind.endswith("-all") and not wanted):
        raise WrongError(f"`{'' if wanted else 'not-'}{kind}` cannot be said so", INSTEAD, steps)
    patterns = [re.escape(text) for text in texts]
    flag = "(?i)" if kind.startswith("i") else ""
    if kind == "equals":
        return [{"not_regex": rf"\A\s*{patterns[0]}\s*\Z"}]
    if kind == "starts-with":
        return [{"regex" if wanted else "not_regex": rf"\A{patterns[0]}"}]
    if not wanted:
        return [
            {"not_contains": text} if flag else {"not_regex": pattern}
            for text, pattern in zip(texts, patterns, strict=True)
        ]
    if kind.endswith("-any"):
        return [{"regex": flag + "|".join(patterns)}]
    return [{"icontains" if flag else "contains": text} for text in texts]
