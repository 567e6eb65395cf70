"""What came of a test set: each answer, each row, the share that passes with its interval, each slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from safecase import __version__
from safecase.engines.statistics import Case, Interval, Share, share_of_cases, wilson
from safecase.errors import UsageError
from safecase.readers.suites import Row
from safecase.readers.text import shown
from safecase.targets.asserts import Checked
from safecase.targets.target import Reply
from safecase.vocabulary import Noun, Place

Verdict: TypeAlias = Literal["pass", "fail", "too_few"]

MOST_ERRORS: Final = 0.2
"""The share of rows without a judged answer above which nothing is said."""
FEWEST_OF_A_SLICE: Final = 10
MOST_BYTES: Final = 512 * 1024 * 1024
MOST_OF_A_TEXT: Final = 8_000
FORMAT: Final = "safecase-evaluation-1"


class Answer(Noun, frozen=True):
    """One answer to a row, or why there is none that could be judged."""

    verdict: Literal["pass", "fail", "error"]
    text: str = ""
    lacks: tuple[str, ...] = ()
    error: str = ""
    score: float = 0.0
    """The mean over its asserts: 1 for one that holds, 0 for one that does not, in between for similarity and code."""
    seconds: float = 0.0
    tokens: int = 0
    calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments of the tools that it called."""


class RowResult(Noun, frozen=True):
    """What came of a row."""

    id: str
    place: Place
    question: str
    answers: tuple[Answer, ...]
    reference: str = ""
    slices: tuple[str, ...] = ()
    weight: float = 1.0
    digest: str = ""
    """Of what it asks and wants: a row that asks something else is another row."""
    prompt: str = ""
    """The same for rows that ask the same."""

    @property
    def judged(self) -> tuple[Answer, ...]:
        """Give the answers that could be judged."""
        return tuple(one for one in self.answers if one.verdict != "error")

    @property
    def share(self) -> float:
        """Give the share of its answers that pass."""
        return sum(one.verdict == "pass" for one in self.judged) / len(self.judged)

    @property
    def score(self) -> float:
        """Give the mean score of its answers."""
        return sum(one.score for one in self.judged) / len(self.judged)

    @property
    def verdict(self) -> Literal["pass", "fail", "flaky", "error"]:
        """Say what it is: right always, never, now and then, or not judged."""
        if not self.judged:
            return "error"
        return "pass" if self.share == 1 else "flaky" if self.share else "fail"


class SliceResult(Noun, frozen=True):
    """What came of the rows of a slice; the intervals of all slices hold together."""

    name: str
    share: float
    low: float
    high: float
    n: int
    verdict: Verdict | Literal[""] = ""
    """Against the threshold of slices; empty where there is none."""


class Result(Noun, frozen=True):
    """What came of a test set."""

    suite: str
    target: str
    verdict: Verdict
    reason: str
    share: float
    low: float
    high: float
    n: float
    """Independent rows, of equal weight, that tell as much."""
    rows: tuple[RowResult, ...]
    threshold: float
    slice_threshold: float | None = None
    slices: tuple[SliceResult, ...] = ()
    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    seconds: float = 0.0
    stopped: str = ""
    """Why not all was asked."""
    version: str = __version__
    format: Literal["safecase-evaluation-1"] = FORMAT

    @property
    def worst(self) -> SliceResult | None:
        """Give the slice of which the smallest share passes; one of few rows only where there is no other."""
        return min(self.slices, key=lambda one: (one.n < FEWEST_OF_A_SLICE, one.share, -one.n), default=None)

    @property
    def unjudged(self) -> tuple[RowResult, ...]:
        """Give the rows without an answer that could be judged."""
        return tuple(row for row in self.rows if row.verdict == "error")


def answer_of(reply: Reply, checked: Sequence[Checked]) -> Answer:
    """Say what an answer is worth. What it lacks counts, even where something else could not be judged."""
    lacks = tuple(one.why for one in checked if one.holds is False)
    unjudged = next((one.why for one in checked if one.holds is None), "")
    scores = [one.score for one in checked if one.holds is not None]
    return Answer(
        verdict="fail" if lacks else "error" if unjudged else "pass",
        text=reply.text[:MOST_OF_A_TEXT],
        lacks=lacks,
        error=unjudged,
        score=sum(scores) / len(scores) if scores else 0.0,
        seconds=round(reply.seconds, 3),
        tokens=reply.tokens_in + reply.tokens_out,
        calls=tuple((call.tool, call.arguments) for call in reply.calls),
    )


def row_result(row: Row, answers: Iterable[Answer]) -> RowResult:
    """Put the answers to a row together."""
    return RowResult(
        id=row.id,
        place=row.place,
        question=row.conversation[-1].text[:MOST_OF_A_TEXT],
        answers=tuple(answers),
        reference=row.reference,
        slices=row.slices,
        weight=row.weight,
        digest=row.digest,
        prompt=row.prompt,
    )


def share_of(rows: Iterable[RowResult], confidence: float = 0.95) -> Share:
    """Give the share of rows that pass, of those that were judged."""
    cases = (Case(row.prompt or row.id, row.share, row.weight) for row in rows if row.judged)
    return share_of_cases(cases, confidence)


def slices_of(rows: Sequence[RowResult], threshold: float | None) -> tuple[SliceResult, ...]:
    """Give each slice with its interval: all of them hold together in 95 of 100 cases (Bonferroni)."""
    members: dict[str, list[RowResult]] = {}
    for row in rows:
        for name in row.slices:
            members.setdefault(name, []).append(row)
    confidence = 1 - 0.05 / max(1, len(members))
    found = []
    for name, mine in sorted(members.items()):
        share = share_of(mine, confidence)
        low, high = share.interval
        n = sum(bool(row.judged) for row in mine)
        verdict: Verdict | Literal[""] = "" if threshold is None else bound(share.interval, threshold)
        found.append(SliceResult(name=name, share=share.rate, low=low, high=high, n=n, verdict=verdict))
    return tuple(found)


def bound(interval: Interval, threshold: float) -> Verdict:
    """Judge by the bound, not by the point."""
    if interval.low >= threshold:
        return "pass"
    return "fail" if interval.high < threshold else "too_few"


def verdict_of(
    rows: Sequence[RowResult],
    share: Share,
    slices: Sequence[SliceResult],
    threshold: float,
    slice_threshold: float | None,
) -> tuple[Verdict, str]:
    """Judge a test set, and say why where it did not pass."""
    silent = [row for row in rows if not row.judged]
    if not rows or len(silent) > MOST_ERRORS * len(rows):
        why = next((answer.error for row in silent for answer in row.answers if answer.error), "")
        return "too_few", f"{len(silent)} of {len(rows)} rows have no answer that could be judged: {shown(why, 200)}"
    whole = bound(share.interval, threshold)
    if whole == "fail":
        return "fail", f"less than {percent(threshold)} pass, whatever chance does"
    bad = [one.name for one in slices if one.verdict == "fail"]
    if bad:
        named = ", ".join(shown(name, 40) for name in bad[:5])
        return "fail", f"less than {percent(slice_threshold or 0)} pass in {named}"
    if whole == "too_few":
        return "too_few", missing(share, threshold)
    few = [one.name for one in slices if one.verdict == "too_few"]
    if few:
        named = ", ".join(shown(name, 40) for name in few[:5])
        return "too_few", f"too few rows to say whether {percent(slice_threshold or 0)} pass in {named}"
    return "pass", ""


def missing(share: Share, threshold: float) -> str:
    """Say how many rows would show what these do not."""
    if share.rate <= threshold:
        return f"too few rows to say whether it falls short of {percent(threshold)}, as it does so far"
    wanted = next((n for n in _sizes() if n > share.n and wilson(share.rate * n, n).low >= threshold), None)
    if wanted is None:
        return f"{percent(share.rate)} is too close to {percent(threshold)} to be shown"
    return f"too few rows to say that {percent(threshold)} pass: with this share about {wanted} would show it"


def _sizes() -> Iterable[int]:
    n = 5
    while n <= 100_000:
        yield n
        n += max(1, n // 20)


def percent(share: float) -> str:
    """Write a share."""
    return f"{100 * share:.3g} %"


def read_result(path: Path) -> Result:
    """Read a result that was written as JSON; raises `UsageError` where it is none."""
    mend = "write one: `safecase testing evaluate SUITE --target URL --format json -o FILE`"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UsageError(f"{shown(str(path))} is larger than a result may be", mend=mend)
        found = msgspec.json.decode(content, type=Result)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend="correct the path") from why
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise UsageError(f"{shown(str(path))} is no result of a test set: {shown(str(why), 200)}", mend=mend) from why
    twice = [name for name, count in Counter(row.id for row in found.rows).items() if count > 1]
    if twice:
        raise UsageError(f"{shown(str(path))} has the row {shown(twice[0], 40)} twice", mend=mend)
    return found
