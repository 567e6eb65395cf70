"""`safecase protect calibrate`: the threshold that a service's own benign texts ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from safecase.cli.protect_score import FPR, STAGE

if TYPE_CHECKING:
    from safecase.detectors.injection import Stage


@click.command()
@click.option(
    "--benign",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON lines with text: your own traffic, looked through. May be repeated.",
)
@FPR
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("calibration.json"), show_default=True
)
@STAGE
def calibrate(files: tuple[Path, ...], fpr: float, out: Path, stage: Stage) -> None:
    """Find the threshold at which so many of your own benign texts would be flagged, and write it down.

    It is the conformal quantile: a new text of the same kind lies above it with that probability at the most. At least
    3 / fpr texts are asked for. The file holds the threshold and a digest of the scores, no text, and counts for the
    stages that it was found with; name it under guards.injection.calibration.

    \b
    Examples:
      safecase protect calibrate --benign traffic.jsonl
      safecase protect calibrate --benign a.jsonl --benign b.jsonl --fpr 0.001 --out strict.json
    """
    import msgspec

    from safecase.cli import console
    from safecase.cli.protect_score import lines_of
    from safecase.detectors.injection import stages
    from safecase.detectors.injection.calibration import calibrate as find
    from safecase.errors import UsageError

    taken = stages(stage)
    scores: list[float] = []
    with console.counting() as step:
        for name, number, line in lines_of(files):
            try:
                text = msgspec.json.decode(line)["text"]
                scores.append(taken.score(text).score)
            except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as why:
                raise UsageError(f"{name}, line {number}: no object with a text", mend='{"text": "…"}') from why
            step(f"{len(scores)} texts")
    found = find(scores, fpr, taken.version)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    console.result(
        f"threshold {found.threshold:.3f}: of {found.n} texts {100 * found.low:.2g} to {100 * found.high:.2g} % "
        f"lie above it (95 %); wrote {out}\n"
    )
