"""The JSON Schema of each of the catalogue's files, for editors and for other programs that write rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from safecase.catalogue.read import DerivedFact, Editions, Profile, Version
from safecase.vocabulary import Control, Regime, Section, Threat

_SHAPES: Mapping[str, Any] = {
    "controls": tuple[Control, ...],
    "threats": tuple[Threat, ...],
    "regimes": tuple[Regime, ...],
    "facts": dict[str, DerivedFact],
    "profiles": dict[str, Profile],
    "sections": tuple[Section, ...],
    "editions": Editions,
    "version": Version,
}


def kind_of(file: str) -> str:
    """Say which of the schemas a file of the catalogue obeys."""
    name = file.removesuffix(".yaml")
    if name.startswith("controls/"):
        return "controls"
    return "sections" if name in ("measures", "risk_groups") else name


def schemas() -> Mapping[str, dict[str, Any]]:
    """Give every schema (2020-12) by the kind of file."""
    return {kind: _schema(kind, shape) for kind, shape in _SHAPES.items()}


def _schema(kind: str, shape: Any) -> dict[str, Any]:
    made = msgspec.json.schema(shape)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = f"Safecase catalogue: {kind}"
    if kind == "controls":
        # The measure is the file's name.
        row = made["$defs"]["Control"]
        row["required"].remove("measure")
        del row["properties"]["measure"]
    return made
