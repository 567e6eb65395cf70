"""The inventory as CycloneDX 1.6 or 1.7, with a model card for each model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from safecase import __version__
from safecase.measures.supply_chain.bom.inventory import Inventory, ModelEntry, PackageEntry
from safecase.readers.text import shown

Version: TypeAlias = Literal["1.6", "1.7"]
_NAMESPACE: Final = uuid.UUID("6f0c52f0-6b53-4d0c-9a51-5f1b3b6e8a10")
_PURL: Final = {"python": "pypi", "javascript": "npm", "conda": "conda"}


def write(inventory: Inventory, version: Version, at: datetime) -> bytes:
    """Give the bill; the same inventory gives the same bytes but for the moment."""
    components = [_model(model) for model in inventory.models]
    components += [_dataset(name) for name in inventory.datasets]
    components += [_package(package) for package in inventory.packages]
    serial = uuid.uuid5(_NAMESPACE, json.dumps([inventory.name, version, components], sort_keys=True))
    made = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "tools": {"components": [{"type": "application", "name": "safecase", "version": __version__}]},
            "component": {"type": "application", "bom-ref": "root", "name": shown(inventory.name)},
        },
        "components": components,
        "dependencies": [
            {"ref": "root", "dependsOn": [c["bom-ref"] for c in components]},
            *({"ref": _ref(m), "dependsOn": [f"data:{d}" for d in m.all("datasets")]} for m in inventory.models),
        ],
    }
    return json.dumps(made, indent=1, ensure_ascii=True).encode() + b"\n"


def _ref(model: ModelEntry) -> str:
    return f"model:{model.path}"


def _model(model: ModelEntry) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _ref(model),
        "name": shown(model.name),
        "components": [
            {
                "type": "file",
                "bom-ref": f"{_ref(model)}/{file.name}",
                "name": shown(file.name),
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in model.files
        ],
        "modelCard": _card(model),
        "externalReferences": [
            {
                "type": "evidence",
                "url": f"urn:safecase:scan:{model.rules}:{file.sha256}",
                "comment": f"scanned by safecase: {model.verdict}",
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in model.files
        ],
        "properties": list(_properties(model)),
    }
    if len(model.files) == 1:
        made["hashes"] = [{"alg": "SHA-256", "content": model.files[0].sha256}]
    licences = [_licence(one) for one in model.all("license")]
    if licences:
        made["licenses"] = licences
    bases = model.all("base_model")
    if bases:
        made["pedigree"] = {
            "ancestors": [{"type": "machine-learning-model", "name": shown(b), "purl": _hub(b)} for b in bases]
        }
    return made


def _card(model: ModelEntry) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if task := model.one("pipeline_tag"):
        parameters["task"] = shown(task)
    if family := model.one("architecture"):
        parameters["architectureFamily"] = shown(family)
    if architecture := model.one("class"):
        parameters["modelArchitecture"] = shown(architecture)
    if datasets := model.all("datasets"):
        parameters["datasets"] = [{"ref": f"data:{name}"} for name in datasets]
    card: dict[str, Any] = {"bom-ref": f"card:{model.path}", "modelParameters": parameters}
    considerations: dict[str, Any] = {}
    if use := model.one("use"):
        considerations["useCases"] = [shown(use, 2000)]
    if limits := model.one("limitations"):
        considerations["technicalLimitations"] = [shown(limits, 2000)]
    if considerations:
        card["considerations"] = considerations
    if metrics := model.all("metrics"):
        card["quantitativeAnalysis"] = {"performanceMetrics": [{"type": shown(m)} for m in metrics]}
    return card


def _properties(model: ModelEntry) -> Iterator[dict[str, str]]:
    yield {"name": "safecase:scan:verdict", "value": model.verdict}
    for finding in model.findings:
        yield {"name": "safecase:scan:finding", "value": finding}
    for said in model.said:
        if said.name not in ("use", "limitations"):
            value = f"{shown(said.value, 300)} ({shown(said.file)})"
            yield {"name": f"safecase:{said.how}:{said.name}", "value": value}


def _dataset(name: str) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": f"data:{name}",
        "name": shown(name),
        "data": [{"type": "dataset", "name": shown(name)}],
        "properties": [{"name": "safecase:claimed:dataset", "value": shown(name)}],
    }


def _package(package: PackageEntry) -> dict[str, Any]:
    purl = f"pkg:{_PURL[package.ecosystem]}/{quote(package.name, safe='/')}@{quote(package.version, safe='.-_~')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": shown(package.name),
        "version": shown(package.version),
        "purl": purl,
    }


def _licence(told: str) -> dict[str, Any]:
    """An SPDX id is told as a name: cards spell them in lower case, and invent some."""
    return {"license": {"name": shown(told)}}


def _hub(name: str) -> str:
    owner, _, model = name.partition("/")
    safe = quote(owner, safe="") + (f"/{quote(model, safe='')}" if model else "")
    return f"pkg:huggingface/{safe}"
