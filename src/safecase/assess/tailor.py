"""Which controls this service must meet and which threats it faces, with the facts that decided it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from safecase.catalogue.read import Catalogue
from safecase.catalogue.scope import facts_of, references_of, ruling
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
    """The rows of the catalogue, decided for one service; rows of one predicate are decided once."""

    def __init__(self, known: Mapping[str, Fact], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._facts = facts_of(known, catalogue)
        self._decided: dict[str, tuple[bool, tuple[str, ...], tuple[str, ...]]] = {}
        self._told: dict[str, str] = {}

    def controls(self) -> tuple[Decision, ...]:
        """Decide every control; a fact that nobody said counts as the worse value: the control applies."""
        found = []
        for control in self._catalogue.controls.values():
            applies, because, questions = self._decide(control.when)
            found.append(Decision(control=control.id, applies=applies, because=because, questions=questions))
        return tuple(found)

    def threats(self) -> tuple[Facing, ...]:
        """Decide every threat in the same way."""
        found = []
        for threat in self._catalogue.threats.values():
            applies, because, questions = self._decide(threat.when)
            references = references_of(threat, self._facts) if applies else ()
            found.append(Facing(threat, applies, because, questions, references))
        return tuple(found)

    def _decide(self, when: str) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
        known = self._decided.get(when)
        if known is None:
            applies, keys, questions = ruling(when, self._facts)
            because = tuple(map(self._tell, keys)) or ("it applies to every service",)
            known = self._decided[when] = (applies, because, questions)
        return known

    def _tell(self, key: str) -> str:
        known = self._told.get(key)
        if known is None:
            known = self._told[key] = told(self._facts.find(key), key)
        return known


def tailor(known: Mapping[str, Fact], catalogue: Catalogue) -> tuple[Decision, ...]:
    """Decide every control of the catalogue."""
    return Tailoring(known, catalogue).controls()
