"""The bill of materials of a service (CycloneDX 1.6, JSON): made from locks and files, and compared with another."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

Kind: TypeAlias = Literal["library", "machine-learning-model", "data", "file"]

SPEC = "1.6"
MOST_BYTES = 50_000_000
MOST_COMPONENTS = 500_000
MOST_DEPTH = 32
_PURL_TYPES = {"python": "pypi", "javascript": "npm", "conda": "conda"}
_NAMESPACE = uuid.UUID("6f0c52f0-6b53-4d0c-9a51-5f1b3b6e8a10")
"""Ours: a bill that says the same has the same serial number."""


class Material(Noun, frozen=True):
    """One thing that the service is made of."""

    kind: Kind
    name: str
    version: str = ""
    ecosystem: str = ""
    digests: Mapping[str, str] = {}
    """SHA-256 by file; one entry with an empty name where it is one file."""
    licence: str = ""
    source: str = ""
    place: Place | None = None
    for_developers: bool = False

    @property
    def purl(self) -> str:
        """Its package URL; empty where it has none."""
        if self.source.startswith("hf:"):
            at = f"@{quote(self.version.lower(), safe='')}" if self.version else ""
            return f"pkg:huggingface/{quote(self.source.removeprefix('hf:'), safe='/')}{at}"
        if self.ecosystem not in _PURL_TYPES:
            return ""
        at = f"@{quote(self.version, safe='.-_~')}" if self.version else ""
        return f"pkg:{_PURL_TYPES[self.ecosystem]}/{quote(self.name, safe='/')}{at}"

    @property
    def identity(self) -> tuple[str, str]:
        """What it is called in any bill: its kind or the type of its package URL, and its name."""
        return identity(self.kind, self.name, self.purl)


class Listed(Noun, frozen=True):
    """What somebody else's bill says of one thing."""

    versions: frozenset[str]
    digests: frozenset[str]


def bill(service: str, materials: Iterable[Material], at: datetime, version: str) -> bytes:
    """Write the bill: the same materials give the same bytes but for the moment."""
    unique = {(m.kind, m.name, m.version, m.purl): m for m in materials}
    components = [_component(unique[key], index) for index, key in enumerate(sorted(unique))]
    serial = uuid.uuid5(_NAMESPACE, json.dumps([service, components], sort_keys=True))
    made = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "tools": {"components": [{"type": "application", "name": "safecase", "version": version}]},
            "component": {"type": "application", "bom-ref": "service", "name": service},
        },
        "components": components,
    }
    return json.dumps(made, indent=1, ensure_ascii=True).encode()


def read_bill(content: bytes, file: str) -> Mapping[tuple[str, str], Listed]:
    """Read a CycloneDX bill of anybody; raises CollectError where it is none."""
    wanted = "give a CycloneDX bill in JSON under supply_chain.bom"
    if len(content) > MOST_BYTES:
        raise CollectError(f"{shown(file)} is larger than {MOST_BYTES // 1_000_000} MB", mend=wanted)
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as why:
        raise CollectError(f"{shown(file)} is no JSON", mend=wanted) from why
    if not isinstance(said, dict) or said.get("bomFormat") != "CycloneDX":
        raise CollectError(f"{shown(file)} is no CycloneDX bill", mend=wanted)
    found: dict[tuple[str, str], Listed] = {}
    waiting: list[tuple[Any, int]] = [(said.get("components"), 0)]
    count = 0
    while waiting:
        components, depth = waiting.pop()
        for one in components if isinstance(components, list) and depth < MOST_DEPTH else ():
            count += 1
            if count > MOST_COMPONENTS:
                raise CollectError(f"{shown(file)} lists more than {MOST_COMPONENTS:,} components", mend=wanted)
            if isinstance(one, dict):
                key, listed = _listed(one)
                known = found.get(key, Listed(versions=frozenset(), digests=frozenset()))
                found[key] = Listed(versions=known.versions | listed.versions, digests=known.digests | listed.digests)
                waiting.append((one.get("components"), depth + 1))
    return found


def identity(kind: str, name: str, purl: str) -> tuple[str, str]:
    """Name a thing in the one way by which two bills are compared."""
    family = purl.removeprefix("pkg:").partition("/")[0] if purl.startswith("pkg:") else ""
    if family == "pypi":
        return family, "-".join(part for part in _separated(name) if part)
    return (family if kind == "library" and family else kind), name.lower()


def _separated(name: str) -> list[str]:
    return name.lower().replace("_", "-").replace(".", "-").split("-")


def _component(material: Material, index: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": material.kind,
        "bom-ref": f"{index}-{material.kind}-{material.name}"[:400],
        "name": material.name,
    }
    if material.version:
        made["version"] = material.version
    if "" in material.digests:
        made["hashes"] = [_hash(material.digests[""])]
    if material.licence:
        made["licenses"] = [{"license": {"name": material.licence}}]
    if material.purl:
        made["purl"] = material.purl
    inside = [
        {"type": "file", "bom-ref": f"{index}-{number}", "name": name, "hashes": [_hash(digest)]}
        for number, (name, digest) in enumerate(sorted(material.digests.items()))
        if name
    ]
    if inside:
        made["components"] = inside
    said = [("safecase:source", material.source), ("safecase:file", str(material.place or ""))]
    properties = [{"name": name, "value": value} for name, value in said if value]
    if properties:
        made["properties"] = properties
    return made


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _listed(one: Mapping[str, Any]) -> tuple[tuple[str, str], Listed]:
    purl, name = one.get("purl"), str(one.get("name", ""))
    group = one.get("group")
    if isinstance(group, str) and group:
        name = f"{group}/{name}"
    hashes = one.get("hashes")
    digests = {
        str(h.get("content", "")).lower()
        for h in (hashes if isinstance(hashes, list) else ())
        if isinstance(h, dict) and h.get("alg") == "SHA-256"
    }
    inner = one.get("components")
    for file in inner if isinstance(inner, list) else ():
        if isinstance(file, dict) and file.get("type") == "file":
            digests |= _listed({**file, "components": None})[1].digests
    version = one.get("version")
    key = identity(str(one.get("type", "")), name, purl if isinstance(purl, str) else "")
    return key, Listed(versions=frozenset([str(version)] if version else ()), digests=frozenset(digests))
