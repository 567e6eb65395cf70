"""Code that comes with a test set, and judges answers: run in a process of its own, and only where that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from safecase.readers.suite_asserts import Assert
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.targets.apart import answered
from safecase.targets.target import Reply

SECONDS: Final = 10.0
"""For each answer."""


class Code(NamedTuple):
    """A file of code, and what it is asked, as JSON."""

    file: str
    question: bytes


def of(one: Assert, row: Row, reply: Reply) -> Code:
    """Give what code is asked about an answer."""
    told = {
        "answer": reply.text,
        "id": row.id,
        "question": row.conversation[-1].text,
        "reference": row.reference,
        "sources": row.sources,
        "slices": row.slices,
        "calls": [[call.tool, call.arguments] for call in reply.calls],
        "seconds": reply.seconds,
    }
    return Code(str(one.value), msgspec.json.encode(told, order="deterministic"))


def run(folder: Path, wanted: Sequence[Code]) -> dict[Code, Any]:
    """Ask each file in `folder` about all answers that it is for: each has `said`, or an `error`."""
    found: dict[Code, Any] = {}
    for file in dict.fromkeys(one.file for one in wanted):
        mine = [one for one in dict.fromkeys(wanted) if one.file == file]
        path, _, name = file.partition(":")
        there = (folder / path).resolve()
        if not there.is_file() or not there.is_relative_to(folder.resolve()):
            found |= {one: {"error": f"there is no {shown(path, 80)} beside the test set"} for one in mine}
            continue
        lines = answered(_RUNNER, (str(there), name or "check"), [one.question for one in mine], seconds=SECONDS)
        found |= {one: _said(line) for one, line in zip(mine, lines, strict=True)}
    return found


def _said(line: bytes | None) -> object:
    try:
        return {"error": f"no answer within {SECONDS:g} s, or it ended"} if line is None else msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return {"error": "it said what is no answer"}


_RUNNER: Final = """
import importlib.util, json, os, sys
answers = os.fdopen(os.dup(1), "w", encoding="ascii")
os.dup2(2, 1)  # what the code prints is no answer
path, name = sys.argv[1:]
sys.path.insert(0, os.path.dirname(path))
try:
    spec = importlib.util.spec_from_file_location("suite_code", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check, broken = getattr(module, name), ""
except BaseException as why:
    broken = f"{type(why).__name__}: {why}"
for line in sys.stdin.buffer:
    row = json.loads(line)
    try:
        said = {"error": broken} if broken else {"said": check(row.pop("answer"), row)}
        told = json.dumps(said)
    except BaseException as why:
        told = json.dumps({"error": f"{type(why).__name__}: {why}"[:500]})
    answers.write(told + "\\n")
    answers.flush()
"""
