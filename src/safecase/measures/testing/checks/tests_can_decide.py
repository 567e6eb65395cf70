"""`plan.lint`: the tests that are planned can come to a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from safecase.checks import Context, check
from safecase.engines.statistics import tries_to_see, tries_to_settle, wilson
from safecase.errors import CollectError, ManifestError
from safecase.measures.testing.campaign import GREETINGS, Plan
from safecase.plugins import probes
from safecase.readers import suites
from safecase.readers.suites import Assert, Row
from safecase.readers.text import shown
from safecase.service.schema import SuiteBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place, Verdict

MOST_LIMIT = 0.5
MOST_ROWS_WANTED = 100_000
_GENERATES = frozenset({"llm", "vlm"})


class Fault(NamedTuple):
    """Why a plan cannot come to a verdict."""

    verdict: Verdict
    rule: str
    message: str
    mend: str
    place: Place | None = None


@check(
    "plan.lint",
    control="TV-01",
    severity="medium",
    reads=("testing", "ai", "deployment.endpoint"),
    files=("testing.suites.file", "ai.system_prompts"),
)
def tests_can_decide(service: Service, ctx: Context) -> Iterator[Finding]:
    """Test sets, thresholds and budgets are written down, and can come to a verdict.

    ## Why it matters
    A plan that is made after the run fits the run. And many a plan cannot fail or cannot pass, whatever the service
    does: ten rows never show 95 %, and fifty attempts never show that one in a hundred works.

    ## How it is checked
    At least one test set is declared. Its file can be read, its threshold is above 0, and it has so many rows that a
    run without a mistake would pass: Wilson's lower 95 % bound of n right answers in n reaches the threshold. Repeats
    make no rows. No two rows ask the same, and no row is such that every answer passes it (an empty `expected`, a
    pattern that fits the empty text).

    Where an endpoint is declared, the attacks of `redteam.run` are weighed too: `testing.attacks.limit` is at most one
    half, and `calls` are enough for each family to be settled without a hit. For a language model something must show
    a leak: a canary or the system prompts, whose files are there. Whether the rows are those of your business is not
    judged; nothing is asked.

    ## How to mend it
    Add rows, or lower the threshold to what the rows can show; raise `testing.attacks.calls`.

    ## References
    E. B. Wilson, JASA 22 (1927); A. Wald, Sequential Analysis (1947); NIST AI RMF 1.0 MEASURE 1.1, 2.1; EU AI Act
    Art. 9(8).
    """
    plans: list[tuple[str, str, list[Fault]]] = []
    for number, suite in enumerate(ctx.manifest.testing.suites):
        plans.append((f"suite:{suite.id}", f"testing.suites.{number}", _of_suite(ctx, suite)))
    if not plans:
        mend = "write rows of your own business, and declare them: `testing: {suites: [{id: visits, file: …}]}`"
        plans.append(("suites", "testing", [Fault("fail", "suites", "no test set is planned", mend)]))
    if ctx.manifest.deployment.endpoint is not None:
        plans.append(("attacks", "testing.attacks", list(_of_attacks(ctx))))
    for name, key, faults in plans:
        for one in faults:
            place = one.place or ctx.place(key)
            told, at = f"{name}: {one.message}", f"{name}:{one.rule}:{one.place.line if one.place else ''}"
            if one.verdict == "fail":
                yield tests_can_decide.failed(service, told, rule=one.rule, key=at, place=place, mend=one.mend)
            else:
                yield tests_can_decide.unknown(service, told, rule=one.rule, key=at, place=place, mend=one.mend)
        if not faults:
            yield tests_can_decide.passed(service, f"{name} can come to a verdict", key=name, place=ctx.place(key))


def _of_suite(ctx: Context, suite: SuiteBlock) -> list[Fault]:
    try:
        with ctx.path(suite.file).open("rb") as file:
            rows = suites.read(file.read(suites.MOST_BYTES + 1), suite.file)
    except (OSError, CollectError) as why:
        told = f"{shown(suite.file)} cannot be read ({shown(str(why), 80)})"
        return [Fault("fail", "unread", told, "correct testing.suites")]
    except ManifestError as why:
        return [Fault("fail", "unread", f"{f.message}", f.mend, f.place) for f in why.faults[:10]]
    return [*_threshold(suite.threshold, rows), *_rows(rows)]


def _threshold(threshold: float, rows: Sequence[Row]) -> Iterator[Fault]:
    weight = sum(row.weight for row in rows)
    n = weight**2 / sum(row.weight**2 for row in rows)
    best = wilson(n, n).low
    if threshold <= 0:
        yield Fault("fail", "threshold", "its threshold is 0, which every service reaches", "write what is good enough")
    elif best < threshold:
        wanted = next((m for m in _sizes() if wilson(m, m).low >= threshold), None)
        mend = f"add rows until there are {wanted}, all right" if wanted else "ask for less than 100 %"
        told = (
            f"{len(rows)} rows can show {100 * best:.0f} % at the most, even without a mistake, "
            f"and {100 * threshold:.3g} % is wanted"
        )
        yield Fault("fail", "rows", told, mend + (f", or lower the threshold below {best:.2f}" if wanted else ""))


def _sizes() -> Iterator[int]:
    n = 1
    while n <= MOST_ROWS_WANTED:
        yield n
        n += max(1, n // 50)


def _rows(rows: Sequence[Row]) -> Iterator[Fault]:
    asked: dict[tuple[tuple[str, str], ...], Row] = {}
    for row in rows:
        words = tuple((m.role, " ".join(m.text.split()).casefold()) for m in row.conversation)
        first = asked.setdefault(words, row)
        if first is not row:
            told = f"row {shown(row.id, 40)} asks what row {shown(first.id, 40)} asks"
            yield Fault("fail", "duplicate", told, "ask something else: a repeated row shows nothing new", row.place)
        if all(_always_holds(one) for one in row.asserts):
            told = f"row {shown(row.id, 40)} is passed by every answer"
            yield Fault("fail", "empty", told, "say what a right answer holds", row.place)


def _always_holds(one: Assert) -> bool:
    if one.kind == "icontains":
        return not str(one.value).strip()
    if one.kind == "regex":
        # What fits the empty text fits a place in every text. On it no pattern takes long.
        return re.search(str(one.value), "") is not None
    return False


def _of_attacks(ctx: Context) -> Iterator[Fault]:
    attacks = ctx.manifest.testing.attacks
    budget, families = Plan(calls=attacks.calls, limit=attacks.limit), len(probes())
    if attacks.limit > MOST_LIMIT:
        told = f"the limit of {100 * attacks.limit:.0f} % lets most attacks work"
        yield Fault("fail", "limit", told, "write a limit of 0.1 or less")
    else:
        settled = tries_to_settle(0, 0, budget.fine, budget.too_high)
        each = min(settled, tries_to_see(budget.too_high))
        wanted = each * families + len(GREETINGS)
        if attacks.calls < wanted:
            told = (
                f"{attacks.calls} calls cannot settle {families} families at {100 * budget.too_high:.3g} %:"
                f" {each} attempts each are the fewest"
            )
            yield Fault("fail", "calls", told, f"raise testing.attacks.calls to {settled * families + len(GREETINGS)}")
    if _GENERATES & set(ctx.manifest.ai.kind):
        yield from _leaks(ctx)


def _leaks(ctx: Context) -> Iterator[Fault]:
    prompts = ctx.manifest.ai.system_prompts
    if not prompts and not ctx.manifest.testing.attacks.canary:
        mend = "declare ai.system_prompts, or plant a canary and declare testing.attacks.canary"
        yield Fault("fail", "leak", "nothing would show a leak: neither a system prompt nor a canary is declared", mend)
    for name in prompts:
        try:
            there = ctx.path(name).is_file()
        except (CollectError, OSError, ValueError):
            there = False
        if not there:
            yield Fault("fail", "prompt", f"the system prompt {shown(name)} is not there", "correct ai.system_prompts")
