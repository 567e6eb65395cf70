"""What came of test sets, for people and for programs; a page of it is in `evaluations_html`."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from safecase.measures.testing.suites.results import FEWEST_OF_A_SLICE, percent
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.suites.asking import Estimated
    from safecase.measures.testing.suites.comparing import Compared, Comparison, Pair
    from safecase.measures.testing.suites.results import Answer, Result, RowResult, Verdict

MOST_ROWS: Final = 20
"""Rows of one kind in the text; the other forms have all."""
MOST_SLICES: Final = 15
LONGEST: Final = 300
_SIGNS: Final = {"pass": "✓", "fail": "✗", "flaky": "~", "error": "!"}
_CODES: Final[dict[Verdict, int]] = {"pass": 0, "fail": 1, "too_few": 3}
_COMPARED: Final[dict[Compared, int]] = {"better": 0, "not_worse": 0, "worse": 1, "too_few": 3}
_WRONG: Final = ("fail", "flaky")


def exit_code(found: Result) -> int:
    """Give 1 where it failed, 3 where it cannot be judged, else 0."""
    return _CODES[found.verdict]


def compared_code(found: Comparison) -> int:
    """Give 1 where the new version is worse, 3 where there are too few rows to say, else 0."""
    return _COMPARED[found.verdict]


def as_json(found: object) -> bytes:
    """Write all of it; the JSON of one result is what `compare` reads back."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def summary(found: Result) -> str:
    """Say in a line what came of a test set."""
    return f"{shown(found.suite, 60)}: {words(found.verdict)}, {_passing(found)}"


def words(verdict: str) -> str:
    """Write a verdict as people say it."""
    return verdict.replace("_", " ")


def between(low: float, high: float, confidence: str = "95 %: ") -> str:
    """Write an interval of shares."""
    places = 0 if high - low >= 0.02 else 2
    return f"({confidence}{100 * low:.{places}f} to {100 * high:.{places}f} %)"


def _passing(found: Result) -> str:
    judged = len(found.rows) - len(found.unjudged)
    if not judged:
        return f"none of {len(found.rows)} rows was judged"
    right = sum(row.verdict == "pass" for row in found.rows)
    return f"{right} of {judged} rows pass, {percent(found.share)} {between(found.low, found.high)}"


def as_text(found: Result, *, width: int = 80) -> str:
    """Write a result for people: the verdict, slices, and what failed with the answer that shows it."""
    out = wrapped(f"{shown(found.suite, 60)} on {shown(found.target, 80)}: {words(found.verdict)}", width, "")
    out += wrapped(f"{_passing(found)}; {percent(found.threshold)} is wanted", width)
    out += wrapped(shown(found.reason, LONGEST), width) if found.reason else []
    out += _slices(found, width)
    rows = sorted((row for row in found.rows if row.verdict in _WRONG), key=lambda row: _WRONG.index(row.verdict))
    for row in rows[:MOST_ROWS]:
        out += ["", *_row(row, width)]
    if len(rows) > MOST_ROWS:
        out += ["", f"… and {len(rows) - MOST_ROWS} more; --format json has them"]
    for why in dict.fromkeys(_error(row) for row in found.unjudged):
        names = _named([row.id for row in found.unjudged if _error(row) == why])
        out += ["", *wrapped(f"{_SIGNS['error']} not judged, {shown(why, LONGEST)}: {names}", width, "")]
    money = f", {found.money:.4g} in money" if found.money else ""
    tokens = f"{found.tokens:,} tokens".replace(",", " ")
    out += ["", f"{found.calls} calls, {tokens}{money}, {found.seconds:.1f} s"]
    return "\n".join(out) + "\n"


def _slices(found: Result, width: int) -> list[str]:
    if not found.slices:
        return []
    worst = found.worst
    listed = sorted(found.slices, key=lambda one: (one is not worst, one.share))
    wide = min(30, max(len(shown(one.name, 30)) for one in listed[:MOST_SLICES]))
    out = ["", *wrapped("slices, the worst first (their intervals hold together)", width, "")]
    for one in listed[:MOST_SLICES]:
        if not one.n:
            out.append(f"  {shown(one.name, 30):<{wide}} not judged"[:width])
            continue
        told = f" {words(one.verdict)}" if one.verdict else ""
        few = " few rows" if one.n < FEWEST_OF_A_SLICE else ""
        line = f"  {shown(one.name, 30):<{wide}} {percent(one.share):>8} of {one.n:<5}"
        out.append(f"{line} {between(one.low, one.high, '')}{told}{few}"[:width])
    more = len(listed) - MOST_SLICES
    return [*out, f"  … and {more} more"] if more > 0 else out


def _row(row: RowResult, width: int) -> Iterator[str]:
    again = ""
    if len(row.answers) > 1:
        passed = sum(one.verdict == "pass" for one in row.answers)
        again = f" ({passed} of {len(row.answers)} answers pass)"
    yield from wrapped(f"{_SIGNS[row.verdict]} {shown(row.id, 60)} at {shown(str(row.place), 120)}{again}", width, "")
    yield from wrapped(f"asked: {_line(row.question)}", width)
    answer = telling(row)
    if answer is None:
        return
    yield from wrapped(f"answer: {_line(answer.text)}", width)
    for why in answer.lacks:
        yield from wrapped(f"lacks: {shown(why, LONGEST)}", width)


def _line(text: str) -> str:
    return shown(" ".join(text.split()), LONGEST)


def _error(row: RowResult) -> str:
    return next((one.error for one in row.answers if one.error), "")


def telling(row: RowResult) -> Answer | None:
    """Give the answer that shows what is wrong: the first that fails, else the first without a judgement."""
    return min(row.answers, key=lambda one: ("fail", "error", "pass").index(one.verdict), default=None)


def wrapped(text: str, width: int, margin: str = "  ") -> list[str]:
    """Break a text into lines."""
    return textwrap.wrap(
        text, width=width, initial_indent=margin, subsequent_indent=margin + "  ", break_on_hyphens=False
    )


def estimated(name: str, found: Estimated, *, least: int, can_show: float) -> str:
    """Say what asking would cost, and what so many rows can show; nothing was asked."""
    money = f", {found.money:.4g} in money" if found.money else ""
    tokens = f"{found.tokens:,} tokens".replace(",", " ")
    lines = [f"{shown(name, 60)}: {found.rows} rows, {found.calls} calls, at the most {tokens}{money}"]
    lines.append(f"  some {found.seconds:.0f} s, at two seconds a call")
    if least:
        lines.append(f"  it passes from {least} right rows on")
    else:
        lines.append(f"  it cannot pass: so many rows show {percent(can_show)} at the most")
    return "\n".join(lines) + "\n"


# a comparison


def compared_text(found: Comparison, *, width: int = 80) -> str:
    """Write a comparison for people: the verdict, the numbers, and each row that changed."""
    out = wrapped(f"{shown(found.new, 80)} against {shown(found.old, 80)}: {words(found.verdict)}", width, "")
    out += wrapped(shown(found.reason, LONGEST), width)
    change = f"{percent(found.old_share)} before, {percent(found.new_share)} now, over {found.rows} rows"
    out += wrapped(f"{change}: {points(found.difference)} {span(found.low, found.high)}, p={found.p:.2g}", width)
    scores = f"score {found.score_difference:+.3f} (95 %: {found.score_low:+.3f} to {found.score_high:+.3f})"
    out += wrapped(f"{scores}; so many rows would show a change of {100 * found.detectable:.1f} points", width)
    changed = [one for one in found.slices if one.changed != "not_shown"]
    for one in changed:
        rates = f"{percent(one.old)} before, {percent(one.new)} now, {one.rows} rows, p={one.p:.2g}"
        out += wrapped(f"slice {shown(one.name, 30)} is {one.changed}: {rates}", width)
    if same := [one.name for one in found.slices if one not in changed]:
        out += wrapped(f"no change is shown in the slices {_named(same)}", width)
    for title, pairs in (("worse", found.worse), ("better", found.better)):
        if pairs:
            out += ["", f"{title}: {len(pairs)} rows"]
        for pair in pairs[:MOST_ROWS]:
            out += _changed(pair, width)
        if len(pairs) > MOST_ROWS:
            out.append(f"  … and {len(pairs) - MOST_ROWS} more; --format json has them")
    if found.flaky:
        out += ["", *wrapped(f"unsteady from repeat to repeat: {_named(found.flaky)}", width, "")]
    reasons = dict.fromkeys(why for _, why in found.set_apart)
    for why in reasons:
        names = [name for name, told in found.set_apart if told == why]
        out += ["", *wrapped(f"not compared, {why}: {_named(names)}", width, "")]
    return "\n".join(out) + "\n"


def points(difference: float) -> str:
    """Write a difference of shares."""
    return f"{100 * difference:+.1f} points"


def span(low: float, high: float) -> str:
    """Write the interval of a difference of shares."""
    return f"(95 %: {100 * low:+.1f} to {100 * high:+.1f})"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_ROWS} more" if len(names) > MOST_ROWS else ""
    return ", ".join(shown(name, 40) for name in names[:MOST_ROWS]) + more


def _changed(pair: Pair, width: int) -> Iterator[str]:
    yield from wrapped(f"{shown(pair.new.id, 60)}: {_line(pair.new.question)}", width)
    for name, row in (("before", pair.old), ("now", pair.new)):
        answer = telling(row)
        if answer is not None:
            why = f" ({'; '.join(shown(one, 120) for one in answer.lacks[:3])})" if answer.lacks else ""
            yield from wrapped(f"{name}: {_line(answer.text)}{why}", width, "    ")


# JUnit


class _Test(NamedTuple):
    """A test as JUnit has it: its outcome is failure, error, skipped, or empty where it passed."""

    name: str
    outcome: str
    message: str = ""
    text: str = ""
    seconds: float = 0.0


def as_junit(found: Result) -> bytes:
    """Write a suite: first the verdict, which decides, then each row.

    A row that fails within a threshold that is reached is told as skipped, so that a server that counts failures says
    what the verdict says.
    """
    outcome = {"pass": "", "fail": "failure", "too_few": "error"}[found.verdict]
    verdict = _Test("verdict", outcome, summary(found), found.reason, found.seconds)
    return _suite(found.suite, [verdict, *(_row_test(row, passed=found.verdict == "pass") for row in found.rows)])


def compared_junit(found: Comparison) -> bytes:
    """Write a suite: first the verdict, which decides, then each row that changed."""
    outcome = {"better": "", "not_worse": "", "worse": "failure", "too_few": "error"}[found.verdict]
    lost = "failure" if outcome else "skipped"
    told = f"{words(found.verdict)}: {points(found.difference)} {span(found.low, found.high)}"
    tests = [_Test("verdict", outcome, told, found.reason)]
    for pair in found.worse:
        text = "\n".join(line.strip() for line in _changed(pair, LONGEST))
        tests.append(_Test(pair.new.id, lost, "it passes less often than before", text))
    return _suite(f"{found.new} against {found.old}", [*tests, *(_Test(pair.new.id, "") for pair in found.better)])


def _row_test(row: RowResult, *, passed: bool) -> _Test:
    outcome = {"pass": "", "fail": "failure", "flaky": "failure", "error": "error"}[row.verdict]
    answer = telling(row)
    why = "; ".join((*answer.lacks, *([answer.error] if answer.error else []))) if answer else ""
    return _Test(
        name=row.id,
        outcome="skipped" if outcome and passed else outcome,
        message=f"{row.verdict}: {why}",
        text=f"{row.place}\nasked: {row.question}\nanswer: {answer.text if answer else ''}",
        seconds=sum(one.seconds for one in row.answers),
    )


def _suite(name: str, tests: Sequence[_Test]) -> bytes:
    outcomes = [test.outcome for test in tests]
    head = _attributes(
        name=name,
        tests=len(tests),
        failures=outcomes.count("failure"),
        errors=outcomes.count("error"),
        skipped=outcomes.count("skipped"),
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", f"  <testsuite{head}>"]
    lines += [*(_test(test, name) for test in tests), "  </testsuite>", "</testsuites>", ""]
    return "\n".join(lines).encode()


def _test(test: _Test, suite: str) -> str:
    head = _attributes(name=test.name, classname=suite, time=f"{test.seconds:.3f}")
    if not test.outcome:
        return f"    <testcase{head}/>"
    body = html.escape("\n".join(shown(line, 2000) for line in test.text.splitlines()), quote=False)
    inside = f"<{test.outcome}{_attributes(message=test.message)}>{body}</{test.outcome}>"
    return f"    <testcase{head}>{inside}</testcase>"


def _attributes(**values: str | int) -> str:
    told = ((name, shown(" ".join(str(value).split()), 1000)) for name, value in values.items())
    return "".join(f' {name}="{html.escape(value)}"' for name, value in told)
