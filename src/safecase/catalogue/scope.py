"""Whether a row of the catalogue is about a service: the same decision for controls and for threats. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from safecase.catalogue.predicates import Facts, compiled
from safecase.catalogue.read import Catalogue
from safecase.vocabulary import Fact, Threat


class Ruling(NamedTuple):
    """Whether a row applies, and the keys of the facts that decided it."""

    applies: bool
    """A fact that nobody said counts as the worse value: the row applies."""
    because: tuple[str, ...]
    questions: tuple[str, ...]
    """Keys that were missing and would decide it."""


def facts_of(known: Mapping[str, Fact], rows: Catalogue) -> Facts:
    """Join the facts of a service with the derived facts of the catalogue."""
    return Facts(known, rows.derived)


def ruling(when: str, facts: Facts) -> Ruling:
    """Say what a predicate means for a row."""
    value, because, missing = compiled(when)(facts)
    if value is None:
        return Ruling(True, (*because, *missing), missing)
    return Ruling(value, because, ())


def references_of(threat: Threat, facts: Facts) -> tuple[str, ...]:
    """Give the ids of others that hold for a threat in this service."""
    found = []
    for entry in threat.references:
        if isinstance(entry, str):
            found.append(entry)
        elif compiled(entry.when)(facts).value is not False:
            found.append(entry.id)
    return tuple(found)
