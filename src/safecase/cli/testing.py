"""`safecase testing`: attack a service, and prove the business process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "attack": ("testing_attack:attack", "Attack a running service with texts of our own, and say what broke."),
    "families": ("testing_attack:families", "What attacks there are."),
}

EPILOG = """\b
Examples:
  safecase testing attack http://127.0.0.1:8000/v1 --model bot --canary WOODRUFF-5521
  safecase testing attack target.yaml --format json
  safecase testing families
"""


@click.group(cls=Verbs, table=VERBS, epilog=EPILOG)
def testing() -> None:
    """Attack a service, and say how sure the result is."""
