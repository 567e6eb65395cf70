"""Which controls this service must meet, and the facts that decided it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from safecase.catalogue.predicates import Facts, Outcome, compiled
from safecase.catalogue.read import Catalogue
from safecase.service.facts import told
from safecase.vocabulary import Decision, Fact


def tailor(known: Mapping[str, Fact], catalogue: Catalogue) -> tuple[Decision, ...]:
    """Decide every control of the catalogue; a fact that nobody said counts as the worse value: the control applies."""
    facts = Facts(known, catalogue.derived)
    return tuple(_decision(control.id, compiled(control.when)(facts), facts) for control in catalogue.controls.values())


def _decision(control: str, outcome: Outcome, facts: Facts) -> Decision:
    keys = (*outcome.because, *outcome.missing) if outcome.value is None else outcome.because
    because = tuple(told(facts.find(key), key) for key in keys)
    return Decision(
        control=control,
        applies=outcome.value is not False,
        because=because or ("it applies to every service",),
        questions=outcome.missing if outcome.value is None else (),
    )
