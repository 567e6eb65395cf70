"""The demo, walked: put the service's folder down, start it, assess it, show the case, stop everything."""

from __future__ import annotations

import os
from pathlib import Path

from safecase.assess.assessment import Wishes, conclude, prepare
from safecase.checks import load
from safecase.cli import assessing, console, output
from safecase.demo.stage import Stage, materialise
from safecase.errors import SafecaseError
from safecase.export.compare import compared
from safecase.service import read
from safecase.vocabulary import Case

FIRST = "redteam.leak"
"""Asked before all others: whether the secret comes out is what people want to see first."""
LONG = frozenset({
    "agent.limits", "endpoint.extract", "eval.leak", "eval.robust", "memory.probe", "rag.sanitize", "redteam.indirect",
    "redteam.safety", "sandbox.probe",
})  # fmt: skip
"""Checks that ask the model long: a first look is over in about a minute without them."""


def show(folder: Path, *, hardened: bool, thorough: bool, offline: bool) -> None:
    """Run the demo in `folder`; raises where the service could not be started."""
    from datetime import date

    service = materialise(folder / ("hardened" if hardened else "service"), hardened=hardened, today=date.today())
    console.say(
        f"A support chatbot in {service}; {'with what can be mended mended' if hardened else 'as many ship it'}."
    )
    with Stage(service, offline=offline, say=console.say) as stage:
        os.environ.update(stage.environment)
        rest = set(load()) - {FIRST} - (set() if thorough else LONG)
        for scope in ((FIRST,), tuple(sorted(rest))):
            prepared = prepare(read.read(read.find(service)), Wishes(again=True, only=scope))
            assessing.run_shown(prepared)
        left = f"{len(LONG)} checks that ask the model long were left out; `safecase demo --thorough` runs them."
        case = conclude(prepared, notes=(*stage.notes, *(() if thorough else (left,))))
    page = folder / ("case-hardened.html" if hardened else "case.html")
    output.remember(case, prepared)
    output.give(case, prepared, form="text", outputs=[page])
    before = _before(folder) if hardened else None
    if before is not None:
        width, unicode = console.screen()
        console.result(compared(before, case, width=width, unicode=unicode))
    console.result(_farewell(page, hardened=hardened, compared=before is not None))


def _before(folder: Path) -> Case | None:
    """The case of the unmended service, judged again from what its demo collected."""
    try:
        described = read.read(read.find(folder / "service"))
        return conclude(prepare(described, Wishes()))
    except SafecaseError:
        return None


def _farewell(page: Path, *, hardened: bool, compared: bool) -> str:
    lines = ["", f"The whole case: {page}"]
    if not hardened:
        lines.append("What changes when this is mended: safecase demo --hardened")
    elif not compared:
        lines.append("Run `safecase demo` first to see what changed.")
    lines.append("Your own service: safecase init, then safecase assess")
    return "\n".join(lines) + "\n"
