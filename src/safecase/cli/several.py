"""Several services of one repository: each assessed as by itself, and a line about each at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from safecase.assess.assessment import Wishes, conclude, prepare
from safecase.cli import assessing, console, output
from safecase.errors import SafecaseError, UsageError
from safecase.export import render, words
from safecase.readers.repository import list_files
from safecase.readers.text import shown
from safecase.service.read import NAMES
from safecase.vocabulary import Case

MOST_SERVICES = 500


class Outcome(NamedTuple):
    """What became of one service."""

    file: Path
    case: Case | None
    looked: bool
    """A check could look, or had looked."""
    exit_code: int


def manifests(folder: Path) -> tuple[Path, ...]:
    """Find every safecase.yaml at or below a folder, in the order of their paths."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", mend="give the folder whose services are meant")
    listing = list_files(folder)
    found = [folder / entry.path for entry in listing.entries if Path(entry.path).name in NAMES]
    if not found:
        raise UsageError(f"no safecase.yaml in {folder} or below", mend="safecase init")
    if len(found) > MOST_SERVICES:
        raise UsageError(f"{len(found)} services are more than {MOST_SERVICES}", mend="give a folder further down")
    return tuple(sorted(found))


def assess_all(folder: Path, wishes: Wishes, *, form: str, outputs: Sequence[Path]) -> int:
    """Assess every service; a broken one does not keep the others from it. Files go into each service's own folder."""
    if form not in ("text", "json"):
        raise UsageError(f"--all gives text or json, not {form}", mend="write files with -o, one a service")
    for path in outputs:
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(
                f"{path}: with --all a file is written into the folder of each service", mend="give its name alone"
            )
    files = manifests(folder)
    outcomes = [_assessed(file, wishes, outputs) for file in files]
    console.result(_as_json(outcomes) if form == "json" else _as_text(outcomes, folder))
    return max((outcome.exit_code for outcome in outcomes), key=(0, 3, 2, 4).index)


def _assessed(file: Path, wishes: Wishes, outputs: Sequence[Path]) -> Outcome:
    console.say(f"{shown(str(file), 200)}")
    try:
        prepared = prepare(assessing.found(file), wishes)
        looked = assessing.run_shown(prepared)
        case = conclude(prepared)
        output.remember(case, prepared)
        output.give(case, prepared, form="", outputs=[file.parent / path for path in outputs])
    except SafecaseError as why:
        console.error(why)
        return Outcome(file, None, False, why.exit_code)
    return Outcome(file, case, looked, 0 if looked else 3)


def _as_json(outcomes: Sequence[Outcome]) -> str:
    services = [
        {
            "file": str(outcome.file),
            "exit_code": outcome.exit_code,
            "case": json.loads(render(outcome.case, "json")) if outcome.case else None,
        }
        for outcome in outcomes
    ]
    return json.dumps({"services": services}, indent=2) + "\n"


def _as_text(outcomes: Sequence[Outcome], folder: Path) -> str:
    width = max(len(_name(outcome, folder)) for outcome in outcomes)
    lines = []
    for outcome in outcomes:
        case = outcome.case
        told = f"{case.verdict:<8}  {words.reason(case)}" if case else "its safecase.yaml is wrong: see above"
        lines.append(f"{_name(outcome, folder):<{width}}  {told}")
    found = Counter(outcome.case.verdict if outcome.case else "not read" for outcome in outcomes)
    many = len(outcomes)
    lines += ["", f"{many} service{'s' * (many > 1)}: " + ", ".join(f"{n} {word}" for word, n in sorted(found.items()))]
    return "\n".join(lines) + "\n"


def _name(outcome: Outcome, folder: Path) -> str:
    return shown(str(outcome.file.parent.relative_to(folder)), 40)
