"""The case as annotations of a GitHub workflow: lines that the runner shows beside the code.

GitHub shows ten errors and ten warnings of a step: the most urgent come first, and one notice counts the others.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from safecase.export.answer import Answer, answer_of
from safecase.export.points import KINDS, Kind, Point, points
from safecase.export.words import reason, title_of
from safecase.readers.text import shown
from safecase.vocabulary import Case

Command: TypeAlias = Literal["error", "warning", "notice"]

MOST = 10
"""Of each kind of annotation that GitHub shows of a step."""
LONGEST = 600
_LEFT: Mapping[Kind, str] = {
    "fails": "more fail",
    "unjudged": "could not be judged",
    "unseen": "nobody looked at",
    "accepted": "are accepted for a time",
}


def render(case: Case, extra: Mapping[str, object] | None = None, within: str = "") -> bytes:
    """Write the annotations, a line each, and last a notice with the verdict and what is not shown.

    Before a gate an error is what closes it, and what else it asks for is a warning. Without a gate what was seen to
    fail is an error from the severity high on. What could not be judged is a warning; what nobody looked at is counted.
    """
    answer = answer_of(extra)
    asked = {d.control for d in answer.deciding} if answer else set()
    annotated = {"error": 0, "warning": 0}
    lines = []
    left: Counter[Kind] = Counter()
    for point in sorted(points(case, within), key=lambda point: point.claim.control not in asked):
        command = _command(point, answer)
        if command == "notice" or annotated[command] == MOST:
            left[point.kind] += 1
            continue
        annotated[command] += 1
        lines.append((command != "error", _annotation(command, point)))
    told = [line for _, line in sorted(lines, key=lambda line: line[0])]
    return "\n".join([*told, _notice(case, answer, left)]).encode() + b"\n"


def _command(point: Point, answer: Answer | None) -> Command:
    if point.kind == "accepted":
        return "notice"
    if answer is not None:
        blocks = {d.control: d.blocks for d in answer.deciding}.get(point.claim.control)
        if point.kind == "unseen":
            return "notice" if blocks is None else "warning"
        return "error" if blocks and point.kind == "fails" else "warning"
    if point.kind == "unseen":
        return "notice"
    return "error" if point.kind == "fails" and point.severity in ("high", "critical") else "warning"


def _annotation(command: Command, point: Point) -> str:
    title = f"{point.claim.control} {point.claim.title}"
    where = {"file": _path(point.place.file), "line": point.place.line, "col": point.place.column, "title": title}
    told = ",".join(f"{name}={_property(str(value))}" for name, value in where.items() if value)
    return f"::{command} {told}::{_data([point.said, *([f'To mend it: {point.mend}'] if point.mend else [])])}"


def _notice(case: Case, answer: Answer | None, left: Mapping[Kind, int]) -> str:
    word = f"{answer.word} (profile {answer.profile}); the case " if answer else ""
    lines = [f"{title_of(case)}: {word}{case.verdict}: {reason(case)}"]
    counted = [f"{left[kind]} {_LEFT[kind]}" for kind in KINDS if left[kind]]
    if counted:
        lines.append(f"Not annotated: {', '.join(counted)}. `safecase show case` tells all.")
    return f"::notice title=Safecase::{_data(lines)}"


def _path(file: str) -> str:
    return posixpath.normpath(file) if file else ""


def _data(lines: Sequence[str]) -> str:
    """Escape the text of a command: a line break of ours is %0A, one from outside is shown as an escape."""
    return "%0A".join(shown(" ".join(line.split()), LONGEST).replace("%", "%25") for line in lines)


def _property(text: str) -> str:
    """Escape a value before the second `::`."""
    told = shown(text, LONGEST).replace("%", "%25")
    return told.replace(":", "%3A").replace(",", "%2C")
