"""Read the catalogue that the package ships: the one way in for its rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from safecase.catalogue.predicates import Predicate, compiled
from safecase.errors import SafecaseError
from safecase.vocabulary import MEASURES, Control, Measure, Noun, Severity


class DerivedFact(Noun, frozen=True):
    """A fact that follows from others by a predicate."""

    text: str
    when: str


class Profile(Noun, frozen=True):
    """What a gate asks for."""

    text: str
    controls: tuple[str, ...] = ()
    """These claims, or, where it names none, every claim of `severity` or more."""
    severity: Severity = "info"
    signed: bool = False
    """The ledger must be signed by a key that is trusted."""


class Catalogue(Noun, frozen=True):
    """All rows, by id."""

    version: str
    editions: Mapping[str, str]
    controls: Mapping[str, Control]
    facts: Mapping[str, DerivedFact]
    profiles: Mapping[str, Profile]

    @property
    def derived(self) -> Mapping[str, Predicate]:
        """The compiled predicates of the derived facts."""
        return {name: compiled(fact.when) for name, fact in self.facts.items()}


@functools.cache
def catalogue() -> Catalogue:
    """Read the shipped catalogue; a wrong row is a defect of the package and says which."""
    data = resources.files(__package__) / "data"
    head = _yaml(data / "version.yaml")
    return Catalogue(
        version=head["version"],
        editions=head["editions"],
        controls={control.id: control for measure in MEASURES for control in _controls(data, measure)},
        facts=msgspec.convert(_yaml(data / "facts.yaml"), dict[str, DerivedFact]),
        profiles=msgspec.convert(_yaml(data / "profiles.yaml"), dict[str, Profile]),
    )


def _controls(data: Traversable, measure: Measure) -> tuple[Control, ...]:
    file = data / "controls" / f"{measure}.yaml"
    if not file.is_file():
        return ()
    rows = [{**row, "measure": measure} for row in _yaml(file)]
    try:
        return msgspec.convert(rows, tuple[Control, ...])
    except msgspec.ValidationError as why:
        raise SafecaseError(f"{file.name}: {why}", mend="correct the row") from why


def _yaml(file: Traversable) -> Any:  # whatever the file holds; each caller converts it to nouns
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_bytes(), Loader=loader)  # noqa: S506 a safe loader, the C one where there is one
