"""`oversight.seed`: overseers notice and stop wrong results that were planted among their work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from safecase.checks import Context, check
from safecase.engines.statistics import exact_lower, exact_upper, wilson
from safecase.errors import CollectError
from safecase.readers import tables
from safecase.readers.text import shown
from safecase.service.schema import OversightBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric, Place

MOST_ROWS: Final = 100_000
MOST_FAULTS: Final = 20
MOST_STOPPED_RIGHT: Final = 0.5
"""Whoever stops half of what is right, too, does not notice but stops."""
_YES: Final = frozenset({"yes", "y", "true", "1", "planted", "stopped", "wrong"})
_NO: Final = frozenset({"no", "n", "false", "0", "passed", "right", "ok"})


class Case(NamedTuple):
    """One result that an overseer looked at."""

    overseer: str
    day: date
    planted: bool
    stopped: bool


@check(
    "oversight.seed",
    control="TV-13",
    severity="high",
    reads=("testing.oversight",),
    files=("testing.oversight.file",),
)
def oversight_tested(service: Service, ctx: Context) -> Iterator[Finding]:
    """Overseers stop the declared share of wrong results that were planted among their work.

    ## Why it matters
    Somebody who has seen a thousand right answers stops reading. Whether people still decide is not known from a rule
    that they shall, but from wrong results that they were given without knowing.

    ## How it is checked
    `testing.oversight.file` holds a row for each result of such a test: `case`, `overseer`, `day`, `planted` (was it
    wrong on purpose) and `stopped` (did the overseer stop or correct it). Rows older than `valid_days` do not count,
    nor do rows of the future. The share of planted cases that were stopped is held against `threshold` by its exact
    95 % bound: it passes when the lower bound reaches it, fails when the upper does not, and is unknown between. If
    more than half of the right results were stopped, too, it is unknown: that is no noticing. A row that cannot be read
    is told and counts for nothing.

    ## How to mend it
    Give overseers time, the reasons for a result and a way to stop it; plant wrong results again after a training.

    ## References
    EU AI Act Art. 14; ASI09:2026; NIST AI RMF 1.0 MEASURE 2.8, MAP 3.5; C. J. Clopper, E. S. Pearson, Biometrika 26
    (1934).
    """
    said = ctx.manifest.testing.oversight
    if said is None:
        mend = "plant wrong results, and declare what came of it: `testing: {oversight: {file: …}}`"
        yield oversight_tested.unknown(service, "no test of the oversight is declared", mend=mend)
        return
    faults: list[tuple[int, str]] = []
    cases = list(_cases(ctx, said, faults))
    for line, told in faults[:MOST_FAULTS]:
        place = Place(file=said.file, line=line)
        mend = "correct the row: case, overseer, day (YYYY-MM-DD), planted, stopped"
        yield oversight_tested.unknown(service, told, rule="row", key=str(line), place=place, mend=mend)
    yield _finding(service, ctx, said, cases)


def _finding(service: Service, ctx: Context, said: OversightBlock, cases: list[Case]) -> Finding:
    place = Place(file=said.file)
    planted = [one for one in cases if one.planted]
    honest = [one for one in cases if not one.planted]
    if not planted:
        mend = "plant wrong results again, and record what came of them"
        told = f"no planted case of the last {said.valid_days} days is recorded"
        return oversight_tested.unknown(service, told, place=place, mend=mend)
    n, stopped = len(planted), sum(one.stopped for one in planted)
    low, high = wilson(stopped, n)
    ctx.measure(Metric(name="planted_stopped", value=stopped / n, low=low, high=high, n=n, threshold=said.threshold))
    told = (
        f"{stopped} of {n} planted results were stopped (95 % interval {100 * low:.0f} to {100 * high:.0f} %; "
        f"{100 * said.threshold:.3g} % is wanted)"
    )
    missed = sorted({shown(one.overseer, 40) for one in planted if not one.stopped})
    told += f"; missed by {', '.join(missed[:5])}{' and others' if len(missed) > 5 else ''}" if missed else ""
    if exact_upper(stopped, n) < said.threshold:
        mend = "find out why they were not noticed; give time, reasons and a way to stop, and test again"
        return oversight_tested.failed(service, told, place=place, mend=mend)
    if honest and exact_lower(sum(one.stopped for one in honest), len(honest)) > MOST_STOPPED_RIGHT:
        told += "; most right results were stopped too, so that stopping shows no noticing"
        return oversight_tested.unknown(service, told, place=place, mend="mix in more right results, and look again")
    if exact_lower(stopped, n) >= said.threshold:
        return oversight_tested.passed(service, told, place=place)
    return oversight_tested.unknown(service, f"{told}; too few to tell", place=place, mend="plant more cases")


def _cases(ctx: Context, said: OversightBlock, faults: list[tuple[int, str]]) -> Iterator[Case]:
    if not tables.is_table(said.file):
        raise CollectError(f"{shown(said.file)} is neither CSV nor JSON lines", mend="export it as .csv or .jsonl")
    today = ctx.now.date()
    for number, row in enumerate(tables.rows(ctx.path(said.file), said.file)):
        if number >= MOST_ROWS:
            raise CollectError(f"{shown(said.file)} has more than {MOST_ROWS} rows", mend="keep the last year")
        told = row.fault or _case(row.cells)
        if isinstance(told, str):
            faults.append((row.line, told))
        elif told.day > today:
            faults.append((row.line, "the day lies in the future"))
        elif told.day >= today - timedelta(days=said.valid_days):
            yield told


def _case(cells: Mapping[str, str | None]) -> Case | str:
    """Read a row; gives why it is none."""
    named = {name.strip().lower(): (cell or "").strip() for name, cell in cells.items()}
    try:
        day = date.fromisoformat(named.get("day", "")[:10])
    except ValueError:
        return f"{shown(named.get('day', ''), 30) or 'nothing'} is no day (YYYY-MM-DD)"
    answers: list[bool] = []
    for name in ("planted", "stopped"):
        word = named.get(name, "").lower()
        if word not in _YES | _NO:
            return f"{name} is {shown(word, 30) or 'empty'}, and neither yes nor no"
        answers.append(word in _YES)
    return Case(named.get("overseer", ""), day, *answers)
