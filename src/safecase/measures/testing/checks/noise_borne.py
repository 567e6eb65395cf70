"""`eval.robust`: the service is as right when people type in a hurry as when they do not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from safecase.checks import Context, Estimate, check
from safecase.engines.noise import disturbed
from safecase.engines.paired import share_difference
from safecase.engines.statistics import Interval
from safecase.errors import ManifestError
from safecase.measures.testing.suites.asking import means_of
from safecase.measures.testing.suites.likely import ROWS, cost
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.service.schema import Endpoint, Manifest
from safecase.service.subjects import Suite
from safecase.targets.evaluation import Evaluation, ask_rows, rows_of
from safecase.vocabulary import Digest, Finding, Metric, Place

MOST_LOST: Final = 0.1
FEWEST_RIGHT: Final = 0.5
"""As written; below it there is another thing to mend first."""
MOST_NAMED: Final = 10


def _cost(suite: Suite, manifest: Manifest) -> Estimate:
    return cost(manifest, 2 * ROWS * suite.declared.repeats)


@check(
    "eval.robust",
    control="TV-08",
    severity="medium",
    runs="thread",
    network=True,
    reads=("testing.suites", "testing.attacks.seed"),
    estimate=_cost,
)
def noise_borne(suite: Suite, ctx: Context) -> Iterator[Finding]:
    """Typing errors, missing capitals and missing signs cost fewer than ten in a hundred right answers.

    ## Why it matters
    Test sets are written with care, questions of users are not. A service that is right only where each word is spelled
    right is worse than its test set says, and worst for those who write in a language that is not their own.

    ## How it is checked
    Each row of the test set is asked of the declared endpoint as it stands and, where at least half of them are right,
    once more with the last paragraph of the
    last turn as somebody in a hurry types it: all in small letters, without signs at the ends of words, and with a slip
    in one of six words of four letters or more (two letters swapped, one left out, doubled, or the key beside it).
    Numbers, addresses, quotations, code and abbreviations stay as they are. The seed of `testing.attacks` decides
    which words, so that a second run asks the same.

    Newcombe's 95 % interval of the paired difference of right rows decides: it passes when a loss of more than ten
    points is ruled out, fails when a loss of less is, and is unknown in between: then there are too few rows. More than
    a fifth of rows without an answer is unknown too. All questions and answers are kept as evidence.

    ## How to mend it
    Let the service correct what users type before it looks anything up; search by sense or by parts of words and not by
    whole words only; choose a model that reads your users' languages; add such questions to the examples of the prompt.

    ## References
    AML.M0003, AML.M0010 (ATLAS 5.6.0); EU AI Act Art. 15(4); NIST AI RMF 1.0 MEASURE 2.5, 2.6; R. G. Newcombe,
    Statistics in Medicine 17 (1998).
    """
    place = Place(file=ctx.manifest_path, line=suite.line)
    if suite.endpoint is None:
        mend = "declare where it answers: `deployment: {endpoint: {url: …}}`"
        yield noise_borne.unknown(suite, "no endpoint is declared to ask", place=place, mend=mend)
        return
    try:
        rows = rows_of(suite.declared, ctx)
    except ManifestError as why:
        for fault in why.faults:
            yield noise_borne.unknown(
                suite, fault.message, mend=fault.mend, place=fault.place, rule="unreadable", key=fault.message
            )
        return
    seed = ctx.manifest.testing.attacks.seed
    both = [(row, typed) for row in rows if (typed := in_a_hurry(row, seed)).conversation != row.conversation]
    if both:
        yield _compared(suite, suite.endpoint, ctx, both)
        return
    told, place = "no row has words in which somebody could slip", Place(file=suite.declared.file)
    yield noise_borne.unknown(suite, told, place=place, mend="add rows from real questions")


def _compared(suite: Suite, endpoint: Endpoint, ctx: Context, both: Sequence[tuple[Row, Row]]) -> Finding:
    place, kept = Place(file=suite.declared.file), []
    found = []
    for rows in zip(*both, strict=True):
        asked, transcript = ask_rows(rows, suite.declared, endpoint, ctx, means_of())
        found.append(asked)
        kept.append(transcript)
        if asked.silence:
            mend = "see that the service answers; raise settings.check_seconds where the time was too short"
            return noise_borne.unknown(suite, asked.silence, *kept, place=place, mend=mend)
        if found[0].share < FEWEST_RIGHT:
            told = f"only {100 * asked.share:.0f} % of {len(rows)} rows are right as written: there is little to lose"
            mend = "mend what `eval.business` tells, then look again"
            return noise_borne.unknown(suite, told, *kept, place=place, mend=mend)
    return _finding(suite, ctx, _pairs(*found), kept)


def in_a_hurry(row: Row, seed: int) -> Row:
    """Give a row with its question as somebody in a hurry types it."""
    *before, last = row.conversation
    context, gap, question = last.text.rpartition("\n\n")
    typed = disturbed(question, random.Random(f"{seed} {row.prompt}"))  # noqa: S311  no secret
    return replace(row, conversation=(*before, replace(last, text=f"{context}{gap}{typed}")))


class _Pair(NamedTuple):
    """A row that was answered both ways, and the share of its answers that was right."""

    row: Row
    clean: float
    hurried: float


def _pairs(before: Evaluation, after: Evaluation) -> list[_Pair]:
    clean, hurried = before.right, after.right
    rows = {one.row.id: one.row for one in before.asked}
    return [_Pair(row, clean[name], hurried[name]) for name, row in rows.items() if name in clean and name in hurried]


def _lost(pairs: Sequence[_Pair]) -> Interval:
    """Give the interval of the share that is lost; rows that ask the same count as one."""
    prompts: dict[str, list[_Pair]] = {}
    for pair in pairs:
        prompts.setdefault(pair.row.prompt, []).append(pair)
    clean = [sum(pair.clean for pair in same) / len(same) for same in prompts.values()]
    hurried = [sum(pair.hurried for pair in same) / len(same) for same in prompts.values()]
    return share_difference(hurried, clean)


def _finding(suite: Suite, ctx: Context, pairs: Sequence[_Pair], kept: Sequence[Digest]) -> Finding:
    place = Place(file=suite.declared.file)
    clean, hurried = sum(pair.clean for pair in pairs) / len(pairs), sum(pair.hurried for pair in pairs) / len(pairs)
    low, high = _lost(pairs)
    ctx.measure(
        Metric(name="lost_to_noise", value=clean - hurried, low=low, high=high, n=len(pairs), threshold=MOST_LOST)
    )
    told = (
        f"{100 * clean:.0f} % of {len(pairs)} rows are right as written and {100 * hurried:.0f} % typed in a hurry: "
        f"{100 * (clean - hurried):.0f} points lost (95 % interval {100 * low:.0f} to {100 * high:.0f}; "
        f"{100 * MOST_LOST:.0f} is too much)"
    )
    worse = [pair.row.id for pair in pairs if pair.hurried < pair.clean]
    if worse:
        more = f" and {len(worse) - MOST_NAMED} more" if len(worse) > MOST_NAMED else ""
        told += f"; lost: {', '.join(shown(name, 40) for name in worse[:MOST_NAMED])}{more}"
    if high <= MOST_LOST:
        return noise_borne.passed(suite, told, *kept, place=place)
    if low > MOST_LOST:
        mend = (
            "correct what users type before looking anything up, and search by sense; the answers are in the evidence"
        )
        return noise_borne.failed(suite, told, *kept, place=place, mend=mend)
    return noise_borne.unknown(suite, told, *kept, place=place, mend="add rows from real questions: these are too few")
