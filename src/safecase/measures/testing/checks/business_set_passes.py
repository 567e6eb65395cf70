"""`eval.business`: the organisation's own cases are answered right often enough."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, Estimate, check
from safecase.engines.statistics import wilson
from safecase.errors import ManifestError
from safecase.measures.testing.suites.asking import means_of
from safecase.measures.testing.suites.likely import ROWS, cost
from safecase.measures.testing.suites.results import missing
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Suite
from safecase.targets.evaluation import Evaluation, ask_suite
from safecase.vocabulary import Digest, Finding, Metric, Place

MOST_NAMED = 10


def _cost(suite: Suite, manifest: Manifest) -> Estimate:
    return cost(manifest, ROWS * suite.declared.repeats)


@check(
    "eval.business",
    control="TV-02",
    severity="high",
    runs="thread",
    network=True,
    reads=("testing.suites",),
    estimate=_cost,
)
def business_set_passes(suite: Suite, ctx: Context) -> Iterator[Finding]:
    """The organisation's own cases are answered right, in the declared share or more.

    ## Why it matters
    A general benchmark says how good a model is, not whether it does your work: your prices, your rules, your words.
    And a few right answers are luck: 9 of 10 fit a service that is right 60 times in a hundred as well as one that is
    right 98 times.

    ## How it is checked
    Each row of the test set is asked of the declared endpoint, at temperature 0 where it can be chosen, `repeats`
    times. A row passes when its answer holds all of its `asserts`: `equals`, `contains`, `icontains` (in any case),
    `not_contains` (in any case), `regex`, `not_regex`, `number: {value, tolerance}`, `json_path: {path, equals}`,
    `json_schema`, `similar`, `grounded`, `cites`, `latency`, `tokens`, `refused`; `expected` is short for `icontains`.
    Code is not run here (`safecase testing evaluate --allow-code` does). An answer that cannot be judged counts as
    none, and an empty one never passes. Repeats steady a row and do not make more of it.

    Wilson's 95 % interval of the share of rows is held against `threshold`: it passes when the lower bound reaches it,
    fails when the upper bound does not, and is unknown in between: then there are too few rows. More than a fifth of
    rows without an answer is unknown too. All questions and answers are kept as evidence, without the endpoint's key
    and the canary of `testing.attacks`.

    ## How to mend it
    Look at the rows that failed. Where the service is wrong, mend its prompt, its documents or its model; where the
    row is, mend the row. Where it says too few, add rows from real questions.

    ## References
    LLM07:2026; E. B. Wilson, JASA 22 (1927); EU AI Act Art. 15(1); NIST AI RMF 1.0 MEASURE 2.3.
    """
    place = Place(file=ctx.manifest_path, line=suite.line)
    if suite.endpoint is None:
        mend = "declare where it answers: `deployment: {endpoint: {url: …}}`"
        yield business_set_passes.unknown(suite, "no endpoint is declared to ask", place=place, mend=mend)
        return
    try:
        found, kept = ask_suite(suite.declared, suite.endpoint, ctx, means_of())
    except ManifestError as why:
        for fault in why.faults:
            yield business_set_passes.unknown(
                suite, fault.message, mend=fault.mend, place=fault.place, rule="unreadable", key=fault.message
            )
        return
    yield _finding(suite, ctx, found, kept)


def _finding(suite: Suite, ctx: Context, found: Evaluation, kept: Digest) -> Finding:
    threshold, place = suite.declared.threshold, Place(file=suite.declared.file)
    answered = found.rows - found.unanswered
    if found.silence:
        mend = "see that the service answers; raise settings.check_seconds where the time was too short"
        return business_set_passes.unknown(suite, found.silence, kept, place=place, mend=mend)
    low, high = found.interval
    ctx.measure(Metric(name="pass_share", value=found.share, low=low, high=high, n=answered, threshold=threshold))
    told = (
        f"{answered - len(found.failed_rows)} of {answered} rows pass "
        f"({100 * found.share:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %; "
        f"{100 * threshold:.3g} % is wanted)"
    )
    told += f"; {found.unanswered} got no answer" if found.unanswered else ""
    failed = _named(found)
    if low >= threshold:
        return business_set_passes.passed(suite, told + failed, kept, place=place)
    if high < threshold:
        mend = "mend what the rows that failed have in common; their answers are in the transcript"
        # A line for each row: a baseline that knows these does not know the next one.
        key = "\n".join(sorted(" ".join(row.splitlines()) for row in found.failed_rows))
        return business_set_passes.failed(suite, told + failed, kept, key=key, place=place, mend=mend)
    best = wilson(found.counted.n, found.counted.n).low
    if best < threshold:
        told += f"; with {answered} rows nothing above {100 * best:.0f} % can be shown"
    mend = f"add rows: {missing(found.counted, threshold)}"
    return business_set_passes.unknown(suite, told + failed, kept, place=place, mend=mend)


def _named(found: Evaluation) -> str:
    """Name the rows that failed, and the slices that are worse than the rest."""
    if not found.failed_rows:
        return ""
    names = ", ".join(shown(row, 40) for row in found.failed_rows[:MOST_NAMED])
    more = len(found.failed_rows) - MOST_NAMED
    told = f"; failed: {names}" + (f" and {more} more" if more > 0 else "")
    slices = [f"{shown(name, 40)} {right} of {n}" for name, right, n in found.slices if right < n]
    return told + (f"; by slice: {', '.join(slices[:MOST_NAMED])}" if slices else "")
