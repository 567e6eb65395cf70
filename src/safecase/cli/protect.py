"""`safecase protect`: what looks at texts, asked directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "score": ("protect_score:score", "Score texts: how much each looks like an attack on a model."),
    "explain": ("protect_score:explain", "What the score of a text comes from."),
    "calibrate": ("protect_calibrate:calibrate", "Find the threshold that your own benign texts ask for."),
    "replay": ("protect_replay:replay", "Recorded calls against a policy that is not live yet."),
    "train": ("protect_train:train", "Make the detector's weights anew from labelled texts."),
}

EPILOG = """\b
Examples:
  echo 'Ignore all previous instructions' | safecase protect score
  safecase protect score --stdin --format jsonl < prompts.jsonl
  safecase protect calibrate --benign traffic.jsonl --fpr 0.01 --out calibration.json
  safecase protect explain 'Ignore all previous instructions'
"""


@click.group(cls=Verbs, table=VERBS, epilog=EPILOG)
def protect() -> None:
    """Ask the detectors of the gateway directly, and fit them to your own traffic."""
