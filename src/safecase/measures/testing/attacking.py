"""What `safecase testing attack` does: every family that fits a target, and one result for each weakness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from safecase.measures.testing.campaign import Campaign, Outcome, Plan, attack
from safecase.plugins import probes
from safecase.probes.ascii_smuggling import ASCII_SMUGGLING
from safecase.probes.many_shot import MANY_SHOT
from safecase.probes.picture_injection import PICTURE_INJECTION
from safecase.probes.probe import Probe, ProbeFacts
from safecase.probes.quality_regression import QUALITY_REGRESSION
from safecase.probes.written import families, probe_of
from safecase.targets.described import Described, golden_rows, open_described
from safecase.vocabulary import Noun

_FURTHER = (ASCII_SMUGGLING, MANY_SHOT, PICTURE_INJECTION, QUALITY_REGRESSION)
NO_ATTACKER = frozenset({
    "bias_name", "hallucination", "latency_slo", "misinformation", "over_commitment", "over_refusal",
    "package_hallucination", "quality_regression", "structured_output", "unfaithful", "unsafe_content",
})  # fmt: skip
"""Weaknesses that show without anybody who attacks; checks of their own look for them."""
_WORST = ("vulnerable", "error", "inconclusive", "safe")


class Result(Noun, frozen=True):
    """What came of all families that look for one weakness: the worst of them speaks for it."""

    weakness: str
    verdict: Literal["vulnerable", "safe", "inconclusive", "error"]
    asr: float
    low: float
    high: float
    n: int
    title: str
    reason: str
    mend: str
    references: tuple[str, ...]
    families: tuple[Outcome, ...]


def chosen(only: Sequence[str]) -> tuple[Probe, ...]:
    """Give the families that are wanted, by weakness or by their own names; all of them where nothing is said."""
    known = (*probes(), *_FURTHER, *(probe_of(family) for family in families()))
    return tuple(one for one in known if not only or one.weakness in only or one.name in only)


def facts_of(found: Described) -> ProbeFacts:
    """Give what attacks may know of a target."""
    return ProbeFacts(
        canary=found.canary,
        system_prompts=(found.system_prompt,) if found.system_prompt else (),
        identities=tuple(one.id for one in found.identities),
        owned=tuple(one.owns for one in found.identities),
        tools=found.tools,
        golden=golden_rows(found),
        most_characters=found.most_characters,
        most_seconds=found.most_seconds,
    )


async def attack_described(
    found: Described,
    wanted: Sequence[Probe],
    plan: Plan,
    *,
    root: Path,
    owned: Sequence[str],
    journal: Path | None,
    tell: Callable[[int, int], None],
) -> tuple[Campaign, tuple[Result, ...]]:
    """Attack a described target; raises CollectError where it may not be asked, or does not answer a greeting."""
    target = open_described(found, root, owned=owned, at_once=plan.at_once)
    masks = [(found.canary, "<canary>"), *((text, f"<{one.id}'s>") for one in found.identities for text in one.owns)]
    try:
        campaign = await attack(
            target, wanted, facts_of(found), plan, masks=masks, journal=journal, name=found.base_url, tell=tell
        )
    finally:
        await target.close()
    return campaign, results(wanted, campaign)


def results(wanted: Sequence[Probe], campaign: Campaign) -> tuple[Result, ...]:
    """Put the families of each weakness together. One that had nothing to look for says nothing (see `unasked`)."""
    pairs = sorted(zip(wanted, campaign.outcomes, strict=True), key=lambda pair: pair[0].weakness)
    found: list[Result] = []
    for weakness, group in groupby(pairs, key=lambda pair: pair[0].weakness):
        told = [pair for pair in group if _looked(pair[1])]
        if not told:
            continue
        probe, worst = min(told, key=lambda pair: (_WORST.index(pair[1].verdict), -pair[1].low, -pair[1].high))
        found.append(
            Result(
                weakness=weakness,
                verdict=worst.verdict,
                asr=worst.asr,
                low=worst.low,
                high=worst.high,
                n=worst.n,
                title=probe.title,
                reason=worst.reason,
                mend=probe.mend,
                references=probe.references,
                families=tuple(outcome for _, outcome in told),
            )
        )
    return tuple(sorted(found, key=lambda one: (_WORST.index(one.verdict), one.weakness)))


def unasked(campaign: Campaign) -> tuple[str, ...]:
    """Give the weaknesses for which no family had anything to look for: what they need is not known of the target."""
    asked = {outcome.weakness for outcome in campaign.outcomes if _looked(outcome)}
    return tuple(sorted({outcome.weakness for outcome in campaign.outcomes} - asked))


def _looked(outcome: Outcome) -> bool:
    """Say whether a family was asked, or would have been with more calls."""
    return bool(outcome.n or outcome.errors or outcome.missing)
