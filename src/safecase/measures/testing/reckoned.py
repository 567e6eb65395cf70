"""What the results of one run say together: adjusted for their number, for repeated words, and for further tries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from safecase.engines.paired import holm
from safecase.engines.repeated import Clustered, clustered, hit_at, p_when_stopped
from safecase.measures.testing.attacking import Result, unasked
from safecase.measures.testing.campaign import Campaign, Outcome, Plan, read_lines
from safecase.measures.testing.remembered import Remembered, expired, fingerprint
from safecase.measures.testing.tailoring import LeftOut
from safecase.vocabulary import Noun

FURTHER: Final = (1, 10, 100)
"""Tries, of which hit@k says how likely one works."""
LEVEL: Final = 0.05


class HitAt(NamedTuple):
    """The chance that at least one of `k` further tries works, with its interval."""

    k: int
    chance: float
    low: float
    high: float


class Reckoned(Noun, frozen=True):
    """A result, and what it is worth among the others."""

    result: Result
    p: float
    """Of `no more attacks work than is fine`, whenever the run was stopped; times the number of its families."""
    p_holm: float
    """Adjusted over all weaknesses that were looked for (Holm)."""
    hit_at: tuple[HitAt, ...]
    low: float
    high: float
    """The 95 % interval, where tries of one variant count as one cluster."""
    design_effect: float
    """So many times as many tries are needed as if each were of its own kind."""
    fingerprints: tuple[str, ...]
    """Of the families that broke it."""
    left: tuple[Remembered, ...] = ()
    """Where somebody answers for every one of them."""

    @property
    def counts(self) -> bool:
        """Say whether its verdict counts: nobody has said that it is no fault, or accepted it."""
        return not self.left

    @property
    def together(self) -> bool:
        """Say whether it is vulnerable also when the number of weaknesses is taken into account."""
        return self.result.verdict == "vulnerable" and self.p_holm <= LEVEL


class Report(Noun, frozen=True):
    """What came of attacks on one target."""

    target: str
    limit: float
    seed: int
    calls: int
    results: tuple[Reckoned, ...]
    left_out: tuple[LeftOut, ...] = ()
    expired: tuple[Remembered, ...] = ()
    """What was remembered, and counts again."""
    unasked: tuple[str, ...] = ()
    """Weaknesses for which nothing could be looked for."""
    named: bool = False
    """Somebody asked for these weaknesses and no others: one that is unasked leaves the answer open."""


def reckon(
    target: str,
    plan: Plan,
    campaign: Campaign,
    results: Sequence[Result],
    *,
    remembered: Sequence[Remembered] = (),
    today: date,
    left_out: Sequence[LeftOut] = (),
    named: bool = False,
) -> Report:
    """Put results together, under what is remembered of them."""
    ps = [_p(one, plan) for one in results]
    known = {one.fingerprint: one for one in remembered if one.holds_on(today)}
    rows = tuple(
        _reckoned(one, p, adjusted, target, known) for one, p, adjusted in zip(results, ps, holm(ps), strict=True)
    )
    # What broke first; what somebody answers for comes after it.
    return Report(
        target=target,
        limit=plan.limit,
        seed=plan.seed,
        calls=campaign.calls,
        results=tuple(sorted(rows, key=lambda row: not row.counts)),
        left_out=tuple(left_out),
        expired=expired(remembered, today),
        unasked=unasked(campaign),
        named=named,
    )


def _p(result: Result, plan: Plan) -> float:
    smallest = min(p_when_stopped(one.hits, one.n, plan.fine, plan.too_high) for one in result.families)
    return min(1.0, smallest * len(result.families))


def _reckoned(result: Result, p: float, adjusted: float, target: str, known: Mapping[str, Remembered]) -> Reckoned:
    broke = [one for one in result.families if one.verdict == result.verdict == "vulnerable"]
    prints = tuple(fingerprint(one.weakness, one.family, target) for one in broke)
    low, high, effect = _interval(result)
    return Reckoned(
        result=result,
        p=p,
        p_holm=adjusted,
        low=low,
        high=high,
        design_effect=effect,
        hit_at=tuple(HitAt(k, hit_at(result.asr, k), hit_at(low, k), hit_at(high, k)) for k in FURTHER),
        fingerprints=prints,
        left=tuple(known[one] for one in prints) if prints and all(one in known for one in prints) else (),
    )


def _interval(result: Result) -> tuple[float, float, float]:
    """Give the interval of the family that speaks for a result; one attack tried again is one cluster anyway."""
    for outcome in result.families:
        found = _clusters(outcome)
        tried = sum(1 for line in read_lines(outcome.transcript) if "hit" in line and "again" not in line)
        if (outcome.asr, outcome.n) == (result.asr, result.n) and tried == outcome.n and found.design_effect > 1:
            return found.interval.low, found.interval.high, found.design_effect
    return result.low, result.high, 1.0


def _clusters(outcome: Outcome) -> Clustered:
    hits, tries = Counter[str](), Counter[str]()
    for line in read_lines(outcome.transcript):
        if "hit" in line and "again" not in line:
            variant = str(line["variant"])
            tries[variant] += 1
            hits[variant] += bool(line["hit"])
    return clustered([(hits[one], n) for one, n in tries.items()])
