"""`safecase testing drift`: recent calls against earlier ones, and answers against a baseline."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from safecase.cli.testing_models import bounded

if TYPE_CHECKING:
    from safecase.measures.testing.drift.baseline import Again
    from safecase.measures.testing.engine.budget import Limits

_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z")
_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("reference", type=_PATH, required=False)
@click.argument("current", type=_PATH, required=False)
@click.option("--since", type=click.DateTime(_TIMES), metavar="TIME", help="Part REFERENCE at this time (UTC).")
@click.option("--target", metavar="TARGET", help="Ask this model: a URL, or a file.")
@click.option("--model", help="The model name that it wants in a request.")
@click.option("--baseline", type=_FILE, help="Its earlier answers.")
@click.option("--record", type=_FILE, metavar="QUESTIONS", help="Write the baseline: ask these, one a line.")
@click.option("--repeats", type=click.IntRange(1, 100), default=3, show_default=True, help="Answers to each question.")
@click.option(
    "--alpha", type=click.FloatRange(1e-6, 0.5), default=0.05, show_default=True, help="False alarms allowed."
)
@click.option("--seed", type=int, default=1, show_default=True)
@bounded
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def drift(
    reference: Path | None,
    current: Path | None,
    since: datetime | None,
    target: str | None,
    model: str | None,
    baseline: Path | None,
    record: Path | None,
    repeats: int,
    alpha: float,
    seed: int,
    calls: int,
    tokens: int | None,
    seconds: float,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
) -> int:
    """Say whether a service is still what it was.

    REFERENCE and CURRENT are the gateway's log (a folder or a file, whose chain is followed) or recorded samples in
    JSON lines; or one of them is parted by --since. Latency, tokens, lengths, models, ends, refusals, guards, tools and
    texts are compared as far as both windows know them, and settled together, so that --alpha bounds the false alarms
    of the whole comparison. With --target the questions of a --baseline are asked again at temperature 0.

    Exit codes: 0 nothing drifted, 1 something did, 3 too little to tell, 4 the log's chain is broken, 2 wrong use.

    \b
    Examples:
      safecase testing drift log/ --since 2026-11-20
      safecase testing drift october.jsonl november.jsonl --format json
      safecase testing drift --target bot.yaml --record questions.txt \\
        --baseline answers.json
      safecase testing drift --target bot.yaml --baseline answers.json
    """
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.export import drift as writers
    from safecase.measures.testing.engine.budget import Limits

    width = console.screen().width
    if target is not None and baseline is not None and reference is None:
        limits = Limits(calls=calls, tokens=tokens, seconds=seconds)
        if record is not None:
            return _recorded(target, model, record, baseline, repeats, limits, owned)
        again = _again(target, model, baseline, alpha, limits, owned)
        console.result(writers.again_json(again) if form == "json" else writers.again_text(again, width=width))
        return {"same": 0, "changed": 1, "unknown": 3}[again.verdict]
    if target is not None or baseline is not None or record is not None or reference is None:
        raise UsageError("nothing to compare", mend="give REFERENCE and CURRENT, or --target and --baseline")
    if (current is None) == (since is None):
        raise UsageError("one window only", mend="give CURRENT, or --since, the time that parts REFERENCE")
    from safecase.measures.testing.drift.comparing import compare
    from safecase.measures.testing.drift.samples import windows

    parted = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    compared = compare(*windows(reference, current, parted, seed), alpha=alpha, seed=seed)
    content = (
        writers.compared_json(compared) if form == "json" else writers.compared_text(compared, width=width).encode()
    )
    console.result(content)
    return {"stable": 0, "drifted": 1, "unknown": 3}[compared.verdict]


def _recorded(
    target: str,
    model: str | None,
    questions: Path,
    baseline: Path,
    repeats: int,
    limits: Limits,
    owned: tuple[str, ...],
) -> int:
    import msgspec

    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.cli.testing_models import ask_model
    from safecase.measures.testing.drift.baseline import read_questions, record

    asked = read_questions(questions)
    found = ask_model(target, model, limits, owned, lambda model, tell: record(model, asked, repeats, tell))
    write(baseline, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    console.say(f"wrote {baseline}: {len(found.rows)} questions, {repeats} answers each")
    return 0


def _again(
    target: str, model: str | None, baseline: Path, alpha: float, limits: Limits, owned: tuple[str, ...]
) -> Again:
    from safecase.cli.testing_models import ask_model
    from safecase.measures.testing.drift.baseline import again, read_baseline

    known = read_baseline(baseline)
    return ask_model(target, model, limits, owned, lambda model, tell: again(model, known, tell, alpha=alpha))
