"""JSON whose strings know where they stand in the file: for the lines of notebooks and of settings."""

from __future__ import annotations

import bisect
import json
import json.decoder
import json.scanner
import re
from typing import Any

# A text that does not close ends with its line: no start is tried twice, whatever a file holds.
_TEXT = r'"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)'
_COMMENT = re.compile(_TEXT + r"|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
_TRAILING = re.compile(_TEXT + r"|,(?=\s*[}\]])")


class Text(str):
    """A string of the file; `at` is the offset of its first character."""

    at: int = 0


class Lines:
    """From an offset to a line, which counts from 1."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def __call__(self, offset: int) -> int:
        """Give the line that an offset lies in."""
        return bisect.bisect_left(self._ends, offset) + 1


def read(text: str, *, comments: bool = False) -> Any:
    """Read JSON; raises ValueError or RecursionError. With `comments`, as editors write their settings (JSONC)."""
    if comments:
        text = _COMMENT.sub(_blanked, text)
        text = _TRAILING.sub(lambda found: found[0] if found[0] != "," else " ", text)
    decoder = json.JSONDecoder(parse_constant=str)
    hooks: Any = decoder  # the stubs tell nothing of what a scanner reads from its decoder
    hooks.parse_string = _located
    hooks.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]  # not in the stubs
    return decoder.decode(text)


def _located(text: str, end: int, strict: bool = True) -> tuple[str, int]:
    value, after = json.decoder.scanstring(text, end, strict)  # type: ignore[attr-defined]  # not in the stubs
    found = Text(value)
    found.at = end
    return found, after


def _blanked(found: re.Match[str]) -> str:
    if found[0].startswith('"'):
        return found[0]
    return re.sub(r"[^\n]", " ", found[0])


def key_offset(text: str, name: str, before: int) -> int:
    """Give the offset of a key that stands before an offset; that offset itself where it is written otherwise."""
    found = text.rfind(json.dumps(name, ensure_ascii=False), 0, before)
    return found if found >= 0 else before
