"""What came of attacks as JUnit XML: a test a weakness. What could not be settled is an error, never a pass."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from safecase.export import attacks
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.reckoned import Reckoned, Report

LONGEST: Final = 2000
_TAGS: Final = {"vulnerable": "failure", "inconclusive": "error", "error": "error"}


def render(found: Report) -> bytes:
    """Write one suite."""
    unasked = "error" if found.named or not found.results else "skipped"
    tags = [*(_tag(row) for row in found.results), *(unasked for _ in found.unasked)]
    counts = f'tests="{len(tags)}" failures="{tags.count("failure")}" errors="{tags.count("error")}"'
    name = _line(f"attacks on {found.target}")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="{name}" {counts}>']
    lines += [f'  <testsuite name="{name}" {counts} skipped="{tags.count("skipped")}">', *map(_test, found.results)]
    lines += [*(_unasked(one, unasked) for one in found.unasked), "  </testsuite>"]
    return "\n".join([*lines, "</testsuites>"]).encode("utf-8", "backslashreplace") + b"\n"


def _unasked(weakness: str, tag: str) -> str:
    head = f'    <testcase name="{_line(weakness)}" classname="safecase.attacks"'
    told = "nothing could be looked for: what it needs is not known of the target"
    return f'{head}>\n      <{tag} message="{told}"/>\n    </testcase>'


def _tag(row: Reckoned) -> str:
    return _TAGS.get(row.result.verdict, "") if row.counts else ""


def _test(row: Reckoned) -> str:
    one, tag = row.result, _tag(row)
    head = f'    <testcase name="{_line(one.weakness)}" classname="safecase.attacks"'
    if not tag:
        return f"{head}/>"
    said = [attacks.rate(row), one.reason, *(f"{role}: {text}" for role, text in _turns(row)), f"mend: {one.mend}"]
    body = "\n".join(_line(text) for text in said if text)
    message = _line(f"{one.title}: {one.verdict}")
    return f'{head}>\n      <{tag} type="{one.verdict}" message="{message}">{body}</{tag}>\n    </testcase>'


def _turns(row: Reckoned) -> list[tuple[str, str]]:
    line = attacks.example(row.result)
    return attacks.turns(line) if line is not None else []


def _line(text: str) -> str:
    return html.escape(shown(" ".join(text.split()), LONGEST))
