"""Which regimes apply to a service by its facts, and what is not said that would decide it. No legal advice."""

from __future__ import annotations

from typing import NamedTuple

from safecase.catalogue.predicates import Facts, compiled
from safecase.catalogue.read import catalogue
from safecase.catalogue.scope import facts_of
from safecase.checks import Context
from safecase.vocabulary import AI_ACT_CLASSES, Regime


class Applying(NamedTuple):
    """A regime that applies, or that might."""

    regime: Regime
    certain: bool
    """False where a fact that would decide it is not said."""
    because: tuple[str, ...]
    """Keys of the facts that decided it."""
    questions: tuple[str, ...]


def facts_here(ctx: Context) -> Facts:
    """Join what is known of the service with the derived facts of the catalogue."""
    return facts_of(ctx.facts, catalogue())


def regimes(ctx: Context) -> tuple[Applying, ...]:
    """Give the regimes that apply or might: for the law a fact that is missing decides nothing."""
    facts = facts_here(ctx)
    found = []
    for regime in catalogue().regimes.values():
        value, because, missing = compiled(regime.when)(facts)
        if value is not False:
            found.append(Applying(regime, value is True, because, missing))
    return tuple(found)


def ai_act_class(found: tuple[Applying, ...]) -> tuple[str, tuple[str, ...]]:
    """Give the severest class of the AI Act that is certain, or `undetermined` with what would decide a severer one."""
    certain = {a.regime.ai_act for a in found if a.certain}
    open_ones = [a for a in found if not a.certain and a.regime.ai_act]
    for name in AI_ACT_CLASSES:
        if name in certain:
            return name, ()
        asked = [q for a in open_ones if a.regime.ai_act == name for q in a.questions]
        if asked:
            return "undetermined", tuple(dict.fromkeys(asked))
    return "out-of-scope", ()
