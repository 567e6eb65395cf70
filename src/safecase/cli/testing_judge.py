"""`safecase testing judge`: how far a judge model can be believed, and rates without its errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import click

from safecase.cli.testing_models import bounded
from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "calibrate": ("testing_judge:calibrate", "Measure a judge on labelled replies."),
    "rate": ("testing_judge:rate", "How often a criterion holds, without the judge's errors."),
}
_FILE = click.Path(path_type=Path, dir_okay=False)
_JUDGE = click.option("--judge", "judge", required=True, metavar="TARGET", help="The model: a URL, or a file.")
_MODEL = click.option("--model", help="The model name that it wants in a request.")
_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group(cls=Verbs, table=VERBS)
def judge() -> None:
    """Ask a model about what no oracle sees, and say how far it can be believed."""


@click.command()
@_JUDGE
@_MODEL
@click.option("--labelled", required=True, type=_FILE, help='JSON lines: {"request", "reply", "label": true or false}.')
@click.option("--criterion", help="What is judged: one sentence that holds for a reply or does not.")
@click.option("--again", type=click.IntRange(0), default=20, show_default=True, help="Examples to test steadiness on.")
@click.option("--out", type=_FILE, help="Write what was measured to FILE, for `rate`.")
@bounded
@_FORMAT
def calibrate(
    judge: str,
    model: str | None,
    labelled: Path,
    criterion: str | None,
    again: int,
    out: Path | None,
    calls: int,
    tokens: int | None,
    seconds: float,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
) -> int:
    """Measure a judge on labelled replies: sensitivity and specificity with exact intervals, and how steady it is.

    At least 20 replies of each label are wanted, 100 are better. Steadiness: the same replies with the two verdicts
    named in the other order, with polite words around them, and with a line that tells the judge what to say. An answer
    that is no verdict is an error, and counts for neither side.

    Exit codes: 0 it tells more than chance does, 1 it does not, 3 it could not be measured, 2 wrong use.

    \b
    Examples:
      safecase testing judge calibrate --judge judge.yaml --labelled a.jsonl
      safecase testing judge calibrate --judge http://127.0.0.1:8000/v1 \\
        --labelled a.jsonl --criterion "The reply names a price." --out card.json
    """
    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.cli.testing_models import ask_model
    from safecase.export import judges as writers
    from safecase.measures.testing import judge_model as judging
    from safecase.measures.testing.engine.budget import Limits
    from safecase.measures.testing.examples import read_examples

    examples = read_examples(labelled, labelled=True)
    limits = Limits(calls=calls, tokens=tokens, seconds=seconds)
    card = ask_model(
        judge,
        model,
        limits,
        owned,
        lambda asked, tell: judging.calibrate(
            judging.JudgeModel(asked, criterion or judging.CRITERION), examples, again=again, tell=tell
        ),
    )
    if out is not None:
        write(out, writers.card_json(card))
    console.result(writers.card_json(card) if form == "json" else writers.card_text(card, width=console.screen().width))
    if card.unmeasured:
        return 3
    return 0 if card.accuracy.informs else 1


@click.command()
@_JUDGE
@_MODEL
@click.option("--card", required=True, type=_FILE, help="What `calibrate --out` wrote.")
@click.option("--replies", required=True, type=_FILE, help='JSON lines: {"request", "reply"}.')
@click.option("--limit", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="The rate that is too high.")
@bounded
@_FORMAT
def rate(
    judge: str,
    model: str | None,
    card: Path,
    replies: Path,
    limit: float,
    calls: int,
    tokens: int | None,
    seconds: float,
    owned: tuple[str, ...],
    form: Literal["text", "json"],
) -> int:
    """Judge replies, and give how often the criterion holds without the judge's measured errors (Rogan and Gladen).

    The interval is that of Lang and Reiczigel: it carries the errors of the judge and of their measurement. The judge
    has to be the one that the card was measured with, and the replies of the kind that it was measured on.

    Exit codes: 0 the rate lies below --limit, 1 above it, 3 the interval holds it or nothing can be corrected.

    \b
    Examples:
      safecase testing judge rate --judge judge.yaml --card card.json \\
        --replies replies.jsonl --limit 0.05
    """
    from safecase.cli import console
    from safecase.cli.testing_models import ask_model
    from safecase.export import judges as writers
    from safecase.measures.testing import judge_model as judging
    from safecase.measures.testing.engine.budget import Limits
    from safecase.measures.testing.examples import read_examples

    known = judging.read_card(card)
    examples = read_examples(replies, labelled=False)
    limits = Limits(calls=calls, tokens=tokens, seconds=seconds)
    found = ask_model(
        judge,
        model,
        limits,
        owned,
        lambda asked, tell: judging.rate(judging.JudgeModel(asked, known.criterion), examples, known, tell=tell),
    )
    verdict, width = found.verdict(limit), console.screen().width
    console.result(
        writers.rate_json(found, verdict) if form == "json" else writers.rate_text(found, known, verdict, width=width)
    )
    return {"below": 0, "above": 1, "open": 3}[verdict]
