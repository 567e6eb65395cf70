"""Which controls this service must meet and which threats it faces, with the facts that decided it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from safecase.catalogue.read import Catalogue
from safecase.catalogue.scope import Ruling, facts_of, references_of, ruled
from safecase.service.facts import told
from safecase.vocabulary import Decision, Fact, Threat


class Facing(NamedTuple):
    """A threat that applies, or does not."""

    threat: Threat
    applies: bool
    because: tuple[str, ...]
    questions: tuple[str, ...]
    references: tuple[str, ...]


class Tailoring:
    """The rows of the catalogue, decided for one service; what is said of a fact is written once."""

    def __init__(self, known: Mapping[str, Fact], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._facts = facts_of(known, catalogue)
        self._told: dict[str, str] = {}

    def controls(self) -> tuple[Decision, ...]:
        """Decide every control; a fact that nobody said counts as the worse value: the control applies."""
        return tuple(
            Decision(
                control=control.id,
                applies=decided.applies,
                because=self._because(decided),
                questions=decided.questions,
            )
            for control, decided in ruled(self._catalogue.controls, self._facts)
        )

    def threats(self) -> tuple[Facing, ...]:
        """Decide every threat in the same way."""
        return tuple(
            Facing(
                threat,
                decided.applies,
                self._because(decided),
                decided.questions,
                references_of(threat, self._facts) if decided.applies else (),
            )
            for threat, decided in ruled(self._catalogue.threats, self._facts)
        )

    def _because(self, decided: Ruling) -> tuple[str, ...]:
        return tuple(self._tell(key) for key in decided.because) or ("it applies to every service",)

    def _tell(self, key: str) -> str:
        known = self._told.get(key)
        if known is None:
            known = self._told[key] = told(self._facts.find(key), key)
        return known


def tailor(known: Mapping[str, Fact], catalogue: Catalogue) -> tuple[Decision, ...]:
    """Decide every control of the catalogue."""
    return Tailoring(known, catalogue).controls()
