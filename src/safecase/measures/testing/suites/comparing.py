"""Two versions by the same rows: is the new one worse, in all or in a slice, and which rows changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from safecase.engines.paired import detectable, holm, mean_difference, share_difference, sign_flip
from safecase.measures.testing.suites.results import MOST_ERRORS, Result, RowResult, percent
from safecase.vocabulary import Noun

Compared: TypeAlias = Literal["better", "worse", "not_worse", "too_few"]

ALPHA: Final = 0.05
MARGIN: Final = 0.05
"""A loss that does not matter: it is ruled out, or there are too few rows."""


class Pair(NamedTuple):
    """What both versions made of a row."""

    old: RowResult
    new: RowResult


class SliceChange(Noun, frozen=True):
    """What changed in a slice."""

    name: str
    rows: int
    old: float
    new: float
    p: float
    """Adjusted for the number of slices (Holm)."""
    changed: Literal["better", "worse", "not_shown"]


class Comparison(Noun, frozen=True):
    """What changed from one version to the other."""

    old: str
    new: str
    verdict: Compared
    reason: str
    old_share: float
    new_share: float
    difference: float
    low: float
    high: float
    p: float
    score_difference: float
    score_low: float
    score_high: float
    rows: int
    """That both versions answered."""
    margin: float
    detectable: float
    """The smallest difference that so many rows show in four of five cases."""
    better: tuple[Pair, ...]
    worse: tuple[Pair, ...]
    flaky: tuple[str, ...]
    """Rows that disagree with themselves from repeat to repeat, in either version."""
    set_apart: tuple[tuple[str, str], ...]
    """Rows that were not compared, and why."""
    slices: tuple[SliceChange, ...] = ()


def compare(old: Result, new: Result, *, margin: float = MARGIN) -> Comparison:
    """Compare two results row by row. A row is one observation, however often it was asked."""
    pairs, apart = _pairs(old, new)
    prompts = _prompts(pairs)
    olds = [_mean([pair.old.share for pair in same]) for same in prompts]
    news = [_mean([pair.new.share for pair in same]) for same in prompts]
    changes = [pair for pair in pairs if pair.old.share != pair.new.share]
    p = sign_flip(_differences(prompts))
    difference = _mean(news) - _mean(olds)
    low, high = share_difference(olds, news)
    scores = [_mean([pair.new.score - pair.old.score for pair in same]) for same in prompts]
    score_low, score_high = mean_difference(scores)
    slices = _slices(pairs)
    silent = sum("answer" in why for _, why in apart)
    verdict, reason = _verdict(difference, low, p, slices, margin)
    if not pairs or silent > MOST_ERRORS * (len(pairs) + silent):
        verdict, reason = "too_few", f"{len(pairs)} rows can be compared, {len(apart)} cannot"
    return Comparison(
        old=old.target,
        new=new.target,
        verdict=verdict,
        reason=reason,
        old_share=_mean(olds),
        new_share=_mean(news),
        difference=difference,
        low=low,
        high=high,
        p=p,
        score_difference=_mean(scores),
        score_low=max(-1.0, score_low),
        score_high=min(1.0, score_high),
        rows=len(pairs),
        margin=margin,
        detectable=detectable(len(prompts), sum(one != other for one, other in zip(olds, news, strict=True))),
        better=tuple(pair for pair in changes if pair.new.share > pair.old.share),
        worse=tuple(pair for pair in changes if pair.new.share < pair.old.share),
        flaky=tuple(pair.old.id for pair in pairs if "flaky" in (pair.old.verdict, pair.new.verdict)),
        set_apart=apart,
        slices=slices,
    )


def _pairs(old: Result, new: Result) -> tuple[list[Pair], tuple[tuple[str, str], ...]]:
    before = {row.id: row for row in old.rows}
    pairs: list[Pair] = []
    apart: list[tuple[str, str]] = []
    for row in new.rows:
        known = before.pop(row.id, None)
        if known is None:
            apart.append((row.id, "it is new"))
        elif known.digest != row.digest:
            apart.append((row.id, "it asks or wants something else now"))
        elif not known.judged or not row.judged:
            apart.append((row.id, f"no answer of the {'new' if known.judged else 'old'} version could be judged"))
        else:
            pairs.append(Pair(known, row))
    apart += [(name, "it is gone") for name in before]
    return pairs, tuple(apart)


def _prompts(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Put rows together that ask the same: they are no independent observations."""
    prompts: dict[str, list[Pair]] = {}
    for pair in pairs:
        prompts.setdefault(pair.new.prompt or pair.new.id, []).append(pair)
    return [*prompts.values()]


def _differences(prompts: Sequence[Sequence[Pair]]) -> list[float]:
    return [_mean([pair.new.share - pair.old.share for pair in same]) for same in prompts]


def _slices(pairs: Sequence[Pair]) -> tuple[SliceChange, ...]:
    names = sorted({name for pair in pairs for name in pair.new.slices})
    members = {name: [pair for pair in pairs if name in pair.new.slices] for name in names}
    adjusted = holm([sign_flip(_differences(_prompts(members[name]))) for name in names])
    found = []
    for name, p in zip(names, adjusted, strict=True):
        old = _mean([pair.old.share for pair in members[name]])
        new = _mean([pair.new.share for pair in members[name]])
        changed: Literal["better", "worse", "not_shown"] = "not_shown"
        if p <= ALPHA:
            changed = "better" if new > old else "worse"
        found.append(SliceChange(name, len(members[name]), old, new, p, changed))
    return tuple(found)


def _verdict(
    difference: float, low: float, p: float, slices: Sequence[SliceChange], margin: float
) -> tuple[Compared, str]:
    if p <= ALPHA and difference < 0:
        return "worse", "fewer rows pass, and more of them changed that way than chance explains"
    worse = [one.name for one in slices if one.changed == "worse"]
    if worse:
        return "worse", f"fewer rows pass in {', '.join(worse[:5])}"
    if p <= ALPHA and difference > 0:
        return "better", "more rows pass, and more of them changed that way than chance explains"
    if low >= -margin:
        return "not_worse", f"a loss of more than {percent(margin)} of all rows is ruled out"
    return (
        "too_few",
        f"a loss of up to {percent(-low)} of all rows is not ruled out, and {percent(margin)} would matter",
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
