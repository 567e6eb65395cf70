"""What PyYAML and libyaml say of a broken file, in plain words with a mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

import yaml

from safecase.readers.text import shown

_Telling: TypeAlias = tuple[int, int, str, str]

_QUOTE = "put the text in quotes"
_INDENT = "indent it like the lines that it belongs to"
_PROBLEMS = (
    (
        r"mapping values are not allowed",
        "a second `: ` stands here where a value goes on",
        f"{_QUOTE}, or mend the indentation",
    ),
    (r"(block )?sequence entries are not allowed", "a list cannot begin here", "begin the list on a line of its own"),
    (r".*that cannot start any token", "{found} cannot begin a text", _QUOTE),
    (
        r".*(undefined tag handle|expected tag URI|expected URI|expected '>')",
        "a `!` begins a tag that is not known here",
        _QUOTE,
    ),
    (
        r"found unknown escape",
        "a `\\` in double quotes begins an escape that does not exist",
        "use single quotes, or write `\\\\`",
    ),
    (r".*hexa?decimal number", "an escape in double quotes is not finished", "use single quotes, or write `\\\\`"),
    (r"found unexpected document indicator", "a quoted text is still open where `---` stands", "close the quote"),
    (r"found incompatible YAML|.*(directive|%YAML)", "a directive (`%…`) that is not known", "take the line away"),
    (r".*expected <document start>|expected '<document start>'", "more stands here after the document's end", _INDENT),
    (
        r".*expected ',' or",
        "{context} at line {line} is not closed before this",
        "close it, or separate its items by commas",
    ),
    (r".*(expected node content|expected the node content)", "a value is wanted here", "write the value; " + _QUOTE),
    (r".*expected '-' indicator", "a list's item is wanted here, or the end of the list", _INDENT),
    (r"could not find expected ':'", "a key without its colon", "write `key: value`"),
    (r".*(did not find expected key|expected <block end>)", "this line fits in no block", _INDENT),
    (
        r".*(comment or line break|chomping or indentation)",
        "only `|` or `>` may stand on this line",
        "begin the text on the next line",
    ),
)


def in_words(why: yaml.YAMLError, text: str, lines: Sequence[str]) -> _Telling:
    """Say where a file is broken (line, column), how, and what mends it."""
    character = getattr(why, "character", None)
    if character is not None:  # a ReaderError: its position counts bytes or characters, depending on who read
        character = character if isinstance(character, str) else chr(character)
        line, column = _position(text, max(0, text.find(character)))
        return line, column, f"the control character `{shown(character)}` stands in the file", "take it away"
    mark = getattr(why, "problem_mark", None) or getattr(why, "context_mark", None)
    problem = str(getattr(why, "problem", None) or why)
    if mark is None:
        return 0, 0, f"the file is not YAML: {shown(problem)}", "look at its structure"
    start = getattr(why, "context_mark", None) or mark
    context = str(getattr(why, "context", None) or "")
    return _marked(problem, context, start, mark, lines)


def _marked(problem: str, context: str, start: yaml.Mark, mark: yaml.Mark, lines: Sequence[str]) -> _Telling:
    row = lines[mark.line] if mark.line < len(lines) else ""
    indentation = row[: len(row) - len(row.lstrip())]
    if "\t" in indentation and mark.column <= len(indentation) + 1:
        return mark.line + 1, indentation.index("\t") + 1, "a tab indents this line", "indent with spaces"
    if "unexpected end of stream" in problem and "scalar" in context:
        return start.line + 1, start.column + 1, "a quote is opened here and never closed", "close the quote"
    if "scanning an alias" in context or "scanning an anchor" in context:
        return start.line + 1, start.column + 1, "`*` and `&` cannot begin a text", _QUOTE
    if problem.startswith("mapping values") and ": " not in row[: mark.column] and mark.line > 0:
        column = len(indentation) + 1
        return mark.line + 1, column, "this key stands inside of the value above it", _INDENT
    found = f"`{shown(row[mark.column : mark.column + 1])}`" if mark.column < len(row) else "this"
    bracket = "a list (`[`)" if "sequence" in context else "a block (`{`)"
    for pattern, message, mend in _PROBLEMS:
        if re.match(pattern, problem):
            told = (
                message.replace("{found}", found).replace("{context}", bracket).replace("{line}", str(start.line + 1))
            )
            return mark.line + 1, mark.column + 1, told, mend
    return mark.line + 1, mark.column + 1, f"this is not YAML: {shown(problem)}", "look at the structure of these lines"


def _position(text: str, at: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, at) + 1, at - start + 1
