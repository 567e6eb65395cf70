"""What `safecase testing adapt` does: one goal, one method, two models, and a budget for each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from safecase.measures.testing.adaptive.attacker import Attacker
from safecase.measures.testing.adaptive.goals import Goal
from safecase.measures.testing.adaptive.searching import Plan, Search, Searched
from safecase.measures.testing.engine.budget import Budget, Limits
from safecase.measures.testing.engine.journal import Journal
from safecase.measures.testing.speaker import Speaker
from safecase.targets.described import Described, open_described
from safecase.targets.transcript import Masks
from safecase.vocabulary import Noun


class Model(Noun, frozen=True):
    """A model as it is described, and the folder that its references are below."""

    described: Described
    root: Path = Path()


class Adapted(Noun, frozen=True):
    """What came of it, and what it took of each model."""

    searched: Searched
    target: Budget
    attacker: Budget


async def adapt(
    target: Model,
    attacker: Model,
    goal: Goal,
    plan: Plan,
    limits: Limits,
    *,
    owned: Sequence[str],
    journal: Path | None = None,
) -> Adapted:
    """Search; `limits` bound each of the two models. Raises CollectError where one of them may not be asked."""
    told = [target.described.name, attacker.described.name, attacker.described.model, goal, plan]
    run = hashlib.blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=16).hexdigest()
    masks = [(target.described.canary, "<canary>")]
    masks += [(text, f"<{one.id}'s>") for one in target.described.identities for text in one.owns]
    with closing(Journal(journal, run)) as lines:
        opened = [
            open_described(one.described, one.root, owned=owned, at_once=plan.width) for one in (target, attacker)
        ]
        try:
            speakers = [
                Speaker(one, limits, name=name, journal=lines, at_once=plan.width, seed=plan.seed)
                for one, name in zip(opened, ("target", "attacker"), strict=True)
            ]
            writes = Attacker(speakers[1], goal, plan.method, plan.seed)
            searched = await Search(speakers[0], writes, goal, plan, Masks(masks)).whole()
        finally:
            for one in opened:
                await one.close()
    return Adapted(searched=searched, target=speakers[0].budget, attacker=speakers[1].budget)
