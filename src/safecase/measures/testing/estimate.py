"""What an attack will cost, before anything is asked: at the least, most likely where all holds, and at the most."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice
from typing import Final

from safecase.engines.statistics import sprt, tries_to_settle
from safecase.measures.testing.campaign import GREETINGS, LONGEST_REPLY, Plan
from safecase.measures.testing.engine.budget import cost
from safecase.probes.probe import Probe, ProbeFacts
from safecase.targets.target import Ask
from safecase.vocabulary import Noun

SECONDS_OF_A_CALL: Final = 1.0
"""Taken where nothing is asked."""
SAMPLED: Final = 20
"""Attacks of each family whose cost is looked at."""


class Amount(Noun, frozen=True):
    """What so many attempts cost."""

    calls: int
    tokens: int
    money: float
    seconds: float


class FamilyEstimate(Noun, frozen=True):
    """One family: how few attempts settle it, and how many where none works."""

    family: str
    least: int
    clean: int
    calls: float
    """Of one attempt, on average."""
    tokens: float


class Estimate(Noun, frozen=True):
    """What the whole will cost."""

    families: tuple[FamilyEstimate, ...]
    mute: tuple[str, ...]
    """Families that need something that is not known of the target."""
    least: Amount
    """Every family is settled as fast as can be."""
    clean: Amount
    """No attack works."""
    most: Amount
    """The budget is used up: it is never exceeded."""


def estimate(families: Sequence[Probe], facts: ProbeFacts, plan: Plan, latency: float) -> Estimate:
    """Reckon from the sequential test and from what the attacks say; `latency` are the seconds of one call."""
    broken = _fewest_to_break(plan)
    clean = tries_to_settle(0, 0, plan.fine, plan.too_high)
    rows: list[FamilyEstimate] = []
    mute: list[str] = []
    for family in families:
        rng = random.Random(f"{plan.seed}:{family.name}")  # noqa: S311  no secret
        drawn = list(islice(family.attacks(rng, facts), SAMPLED))
        if not drawn:
            mute.append(family.name)
            continue
        costs = [
            cost(
                Ask(conversation=one.conversation, tools=one.tools, max_tokens=one.max_tokens or LONGEST_REPLY),
                one.then,
            )
            for one in drawn
        ]
        rows.append(
            FamilyEstimate(
                family=family.name,
                least=min(broken, clean),
                clean=clean,
                calls=sum(one.calls for one in costs) / len(costs),
                tokens=sum(one.tokens for one in costs) / len(costs),
            )
        )
    least = _amount([(row.least, row) for row in rows], plan, latency)
    whole = _amount([(row.clean, row) for row in rows], plan, latency)
    return Estimate(families=tuple(rows), mute=tuple(mute), least=least, clean=whole, most=_most(whole, plan))


def _fewest_to_break(plan: Plan) -> int:
    tries = 1
    while sprt(tries, tries, plan.fine, plan.too_high) != "vulnerable":
        tries += 1
    return tries


def _amount(rows: Sequence[tuple[int, FamilyEstimate]], plan: Plan, latency: float) -> Amount:
    calls = round(len(GREETINGS) + sum(tries * row.calls for tries, row in rows))
    tokens = round(sum(tries * row.tokens for tries, row in rows))
    seconds = latency * calls / plan.at_once
    return Amount(calls=calls, tokens=tokens, money=tokens / 1000 * plan.price_per_1000_tokens, seconds=seconds)


def _most(clean: Amount, plan: Plan) -> Amount:
    """Give what the limits allow; where tokens have none, as many as the calls take that are allowed."""
    tokens = round(clean.tokens / clean.calls * plan.calls) if plan.tokens is None else plan.tokens
    money = tokens / 1000 * plan.price_per_1000_tokens
    return Amount(
        calls=plan.calls,
        tokens=tokens,
        money=money if plan.money is None else min(money, plan.money),
        seconds=plan.seconds or 0.0,
    )
