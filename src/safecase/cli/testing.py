"""`safecase testing`: attack a service, and prove the business process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "attack": ("testing_attack:attack", "Attack a running service with texts of our own, and say what broke."),
    "replay": ("testing_replay:replay", "Ask again what worked once, in the very same words."),
    "campaign": ("testing_campaign:campaign", "Attack many services at once, here or on a Ray cluster."),
    "adapt": ("testing_adapt:adapt", "Let a model of your own attack a service, learning from each answer."),
    "judge": ("testing_judge:judge", "Measure a judge model, and take its errors out of a rate."),
    "drift": ("testing_drift:drift", "Whether a service is still what it was."),
    "borrow": ("testing_borrow:borrow", "Run tests of garak, PyRIT, promptfoo or Inspect through our engine."),
    "evaluate": ("testing_evaluate:evaluate", "Ask a business test set, and say how many answers are right."),
    "compare": ("testing_evaluate:compare", "Whether a new version is worse than the old one, row by row."),
    "families": ("testing_families:families", "What attacks there are."),
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
