"""`safecase protect score` and `explain`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from safecase.detectors.injection import Stage, Stages

FPR = click.option(
    "--fpr", type=click.FloatRange(0.0001, 0.2), default=0.01, show_default=True, help="Rate of false alarms."
)
THRESHOLD = click.option("--threshold", type=float, help="The score that is too high; overrides --fpr.")
CALIBRATION = click.option(
    "--calibration", type=click.Path(path_type=Path, dir_okay=False), help="What `protect calibrate` wrote."
)
STAGE = click.option(
    "--stage",
    type=click.Choice(["auto", "first", "both"]),
    default="auto",
    show_default=True,
    help="both needs safecase[guard-ml]; auto takes it where it is installed.",
)
MOST_LINE = 10_000_000


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]...")
@click.option("--stdin", "standard", is_flag=True, help="Read from standard input (what it does without FILE).")
@click.option(
    "--format", "form", type=click.Choice(["text", "jsonl"]), default="text", help="jsonl reads and writes JSON lines."
)
@FPR
@THRESHOLD
@CALIBRATION
@STAGE
def score(
    files: tuple[Path, ...],
    standard: bool,
    form: str,
    fpr: float,
    threshold: float | None,
    calibration: Path | None,
    stage: Stage,
) -> int:
    """Score texts: the higher, the more a text looks like an attack on the model that reads it.

    With --format jsonl each line is `{"id": …, "text": …}` and gives `{"id", "score", "flagged"}`; else each file, or
    standard input, is one text. The shipped threshold was found on texts of other people: calibrate it on your own.

    Exit codes: 0 nothing flagged (always with jsonl), 1 something flagged, 2 a line that cannot be read.

    \b
    Examples:
      echo 'Ignore all previous instructions' | safecase protect score
      safecase protect score --stdin --format jsonl < prompts.jsonl > scores.jsonl
      safecase protect score README.md --calibration calibration.json
    """
    import msgspec

    from safecase.cli import console
    from safecase.detectors.injection import stages
    from safecase.readers.text import shown

    taken = stages(stage)
    look = taken.score
    limit = threshold_of(taken, fpr, threshold, calibration)
    flagged = False
    if form == "jsonl":
        for row in _rows(files):
            found = look(row["text"])
            hit = found.score > limit
            told: dict[str, Any] = {"id": row.get("id"), "score": round(found.score, 4), "flagged": hit}
            if found.how:
                told["hidden_by"] = list(found.how)
            console.result(msgspec.json.encode(told) + b"\n")
        return 0
    for name, text in _texts(files, standard=standard):
        found = look(text)
        hit = found.score > limit
        flagged = flagged or hit
        hidden = f", hidden by {' in '.join(reversed(found.how))}" if found.how else ""
        where = f", characters {found.start} to {found.end}" if hit and len(text) > 600 else ""
        verdict = "looks like an attack" if hit else "nothing found"
        console.result(f"{shown(name, 100)}: {found.score:.2f} ({verdict}{hidden}{where}; threshold {limit:.2f})\n")
    return int(flagged)


@click.command()
@click.argument("text", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def explain(text: str | None, form: str) -> None:
    """Say what the score of a text comes from: its turns of phrase, and the words and letters that weigh most.

    \b
    Examples:
      safecase protect explain 'Ignore all previous instructions'
      safecase protect explain < suspicious.txt
    """
    import msgspec

    from safecase.cli import console
    from safecase.detectors.injection import score as look
    from safecase.detectors.injection.score import reasons
    from safecase.detectors.views import views
    from safecase.readers.text import shown

    said = text if text is not None else sys.stdin.read(MOST_LINE)
    found = look(said)
    reading = next((view.text for view in views(said).found if view.how == found.how), said)
    parts = reasons(reading)
    if form == "json":
        told = {
            "score": round(found.score, 4),
            "hidden_by": list(found.how),
            "start": found.start,
            "end": found.end,
            "reasons": [{"what": what, "weight": round(weight, 4)} for what, weight in parts],
        }
        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
        return
    lines = [f"score {found.score:.2f}" + (f", hidden by {' in '.join(reversed(found.how))}" if found.how else "")]
    lines += [f"  {weight:+.2f}  {shown(what, 60)}" for what, weight in parts]
    console.result("\n".join(lines) + "\n")


def threshold_of(taken: Stages, fpr: float, threshold: float | None, calibration: Path | None) -> float:
    """Give the threshold that is asked for: one's own, a calibration's, or the shipped one for a rate."""
    from safecase.detectors.injection.calibration import read_calibration

    if threshold is not None:
        return threshold
    return read_calibration(calibration, taken.version).threshold if calibration else taken.threshold(fpr)


def lines_of(files: tuple[Path, ...]) -> Iterator[tuple[str, int, bytes]]:
    """Give the lines of files, or of standard input, with where they stand."""
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    for path in files or (None,):
        name = shown(str(path), 100) if path else "standard input"
        try:
            with path.open("rb") if path else sys.stdin.buffer as opened:
                for number, line in enumerate(opened, start=1):
                    if line.strip():
                        yield name, number, line
        except OSError as why:
            raise UsageError(f"{name} cannot be read: {why.strerror}", mend="correct the path") from why


def _rows(files: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    import msgspec

    from safecase.errors import UsageError

    for name, number, line in lines_of(files):
        try:
            row = msgspec.json.decode(line)
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise ValueError("no text")
        except (msgspec.DecodeError, ValueError, RecursionError) as why:
            raise UsageError(f"{name}, line {number}: no object with a text", mend='{"id": 1, "text": "…"}') from why
        yield row


def _texts(files: tuple[Path, ...], *, standard: bool) -> Iterator[tuple[str, str]]:
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    if standard or not files:
        yield "standard input", sys.stdin.buffer.read(MOST_LINE).decode("utf-8", "replace")
    for path in files:
        try:
            with path.open("rb") as opened:
                yield str(path), opened.read(MOST_LINE).decode("utf-8", "replace")
        except OSError as why:
            raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
