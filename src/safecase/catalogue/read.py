"""Read the catalogue that the package ships: the one way in for its rows.

The rows are YAML for people (`data/`). Beside them lies the same as one JSON file, which is read many times as fast
and counts only as long as it was made of exactly these YAML files (`tools/compile_catalogue.py` makes it).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from safecase.catalogue.predicates import Predicate, compiled
from safecase.errors import SafecaseError
from safecase.vocabulary import MEASURES, Control, Measure, Noun, Regime, RiskGroup, Section, Severity, Threat

COMPILED = "compiled.json"
FILES = (
    "version.yaml",
    "editions.yaml",
    "measures.yaml",
    "risk_groups.yaml",
    "facts.yaml",
    "profiles.yaml",
    "threats.yaml",
    "regimes.yaml",
    *(f"controls/{measure}.yaml" for measure in MEASURES),
)
"""Every file of a catalogue, relative to its folder."""


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


class Editions(Noun, frozen=True):
    """Lists of ids that are not ours: which edition of each is meant, and what moved between editions."""

    editions: Mapping[str, str]
    moved: Mapping[str, Mapping[str, tuple[str, ...]]]
    names: Mapping[str, str]
    """What others call an id."""
    topics: tuple[str, ...]
    """Topics without an id of anybody else."""


class Version(Noun, frozen=True):
    """Which catalogue this is."""

    version: str
    released: str


class Catalogue(Noun, frozen=True):
    """All rows, by id."""

    version: str
    released: str
    """The day (YYYY-MM-DD) when it was last brought up to date."""
    editions: Editions
    measures: Mapping[Measure, Section]
    risk_groups: Mapping[RiskGroup, Section]
    controls: Mapping[str, Control]
    threats: Mapping[str, Threat]
    regimes: Mapping[str, Regime]
    facts: Mapping[str, DerivedFact]
    profiles: Mapping[str, Profile]

    @property
    def derived(self) -> Mapping[str, Predicate]:
        """The compiled predicates of the derived facts."""
        return _derived(tuple((name, fact.when) for name, fact in self.facts.items()))


@functools.cache
def _derived(facts: tuple[tuple[str, str], ...]) -> Mapping[str, Predicate]:
    return {name: compiled(when) for name, when in facts}


class _Compiled(Noun, frozen=True):
    """A catalogue, and the digest of the files that it was made of."""

    sources: str
    catalogue: Catalogue


@functools.cache
def catalogue() -> Catalogue:
    """Read the shipped catalogue; a wrong row is a defect of the package and says which."""
    data = resources.files(__package__) / "data"
    contents = {name: (data / name).read_bytes() for name in FILES}
    made = data / COMPILED
    if made.is_file():
        ready = msgspec.json.decode(made.read_bytes(), type=_Compiled)
        if ready.sources == _digest(contents):
            return ready.catalogue
    return from_rows({name: _yaml(content) for name, content in contents.items()})


def shipped_folder() -> Path:
    """Give the folder of the shipped catalogue's files."""
    return Path(str(resources.files(__package__) / "data"))


def compile_(folder: Traversable) -> bytes:
    """Give the catalogue of a folder as the bytes of `compiled.json`, the same for the same files."""
    contents = {name: (folder / name).read_bytes() for name in FILES}
    rows = from_rows({name: _yaml(content) for name, content in contents.items()})
    return msgspec.json.encode(_Compiled(sources=_digest(contents), catalogue=rows)) + b"\n"


def from_rows(rows: Mapping[str, Any]) -> Catalogue:
    """Make a catalogue of what its files hold, by their names; a row of a wrong shape is refused."""
    version = _converted("version.yaml", rows, Version)
    controls = [
        control
        for measure in MEASURES
        for control in _converted(f"controls/{measure}.yaml", rows, tuple[Control, ...], {"measure": measure})
    ]
    return Catalogue(
        version=version.version,
        released=version.released,
        editions=_converted("editions.yaml", rows, Editions),
        measures={row.id: row for row in _converted("measures.yaml", rows, tuple[Section, ...])},
        risk_groups={row.id: row for row in _converted("risk_groups.yaml", rows, tuple[Section, ...])},
        controls={control.id: control for control in controls},
        threats={row.id: row for row in _converted("threats.yaml", rows, tuple[Threat, ...])},
        regimes={row.id: row for row in _converted("regimes.yaml", rows, tuple[Regime, ...])},
        facts=_converted("facts.yaml", rows, dict[str, DerivedFact]),
        profiles=_converted("profiles.yaml", rows, dict[str, Profile]),
    )


def _converted(file: str, rows: Mapping[str, Any], to: Any, more: Mapping[str, str] | None = None) -> Any:
    """Make nouns of a file's rows; `to` is their type, `more` what each row gets besides."""
    value = rows[file]
    if more and isinstance(value, list):
        value = [{**row, **more} if isinstance(row, dict) else row for row in value]
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as why:
        raise SafecaseError(f"{file}: {why}", mend="correct the row") from why


def _digest(contents: Mapping[str, bytes]) -> str:
    told = hashlib.sha256()
    for name, content in sorted(contents.items()):
        told.update(f"{name}\0{len(content)}\0".encode())
        told.update(content)
    return told.hexdigest()


def _yaml(content: bytes) -> Any:  # whatever the file holds; each caller converts it to nouns
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(content, Loader=loader)  # noqa: S506 a safe loader, the C one where there is one
