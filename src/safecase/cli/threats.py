"""`safecase threats`: what can go wrong with a service, what it would cost, and what not using AI would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "list": ("threats_list:list_", "Which threats apply, which do not, and the facts that decided it."),
    "discover": ("threats_discover:discover", "Which AI a repository uses, with file and line."),
    "diff": ("threats_diff:diff", "Which threats and controls a change of the manifest brings or takes."),
    "diagram": ("threats_diagram:diagram", "What flows where: Mermaid, or Open Threat Model."),
    "paths": ("threats_paths:paths", "How text of others reaches an effect; what closes every way."),
    "simulate": ("threats_simulate:simulate", "What a year may cost, by Monte Carlo."),
    "compare": ("threats_compare:compare", "Using AI against not using it; what each control is worth."),
    "editions": ("threats_editions:editions", "Ids of others: which editions are meant, and what moved."),
}

EPILOG = """\b
Examples:
  safecase threats list
  safecase threats list --explain T39
  safecase threats discover . --against safecase.yaml
  safecase threats simulate --model ransom.yaml --draws 1000000 --seed 7
  safecase threats diff --since origin/main --format md
"""


@click.group(cls=Verbs, table=VERBS, epilog=EPILOG)
def threats() -> None:
    """Find the threats of a service, and weigh them."""
