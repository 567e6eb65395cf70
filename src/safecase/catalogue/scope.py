"""Which rows of the catalogue are about a service: the same decision for controls and for threats. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from safecase.catalogue.predicates import Facts, Outcome, compiled
from safecase.catalogue.read import Catalogue
from safecase.vocabulary import Fact, Reference, Threat


class Row(Protocol):
    """What has a predicate over facts."""

    @property
    def when(self) -> str:
        """The predicate."""


R = TypeVar("R", bound=Row)


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


def ruled(rows: Mapping[str, R], facts: Facts) -> Iterator[tuple[R, Ruling]]:
    """Decide each row."""
    for row in rows.values():
        yield row, ruling(compiled(row.when)(facts))


def ruling(outcome: Outcome) -> Ruling:
    """Say what a predicate's outcome means for a row."""
    if outcome.value is None:
        return Ruling(True, (*outcome.because, *outcome.missing), outcome.missing)
    return Ruling(outcome.value, outcome.because, ())


def references_of(threat: Threat, facts: Facts) -> tuple[str, ...]:
    """Give the ids of others that hold for a threat in this service."""
    return tuple(
        entry.id if isinstance(entry, Reference) else entry
        for entry in threat.references
        if not isinstance(entry, Reference) or compiled(entry.when)(facts).value is not False
    )
