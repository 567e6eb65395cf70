"""The inventory as SPDX 3.0.1 (JSON-LD), with the AI and Dataset profiles."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final

from safecase import __version__
from safecase.measures.supply_chain.bom.inventory import Inventory, ModelEntry
from safecase.readers.text import shown

CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATION: Final = "_:creation"


def write(inventory: Inventory, at: datetime) -> bytes:
    """Give the document; ids follow from the content, so that the same inventory gives the same ids."""
    name = hashlib.sha256(json.dumps(_key(inventory)).encode()).hexdigest()[:32]
    document = _Document(f"urn:safecase:spdx:{name}")
    for model in inventory.models:
        document.model(model)
    for package in inventory.packages:
        document.add(
            "software_Package",
            f"package:{package.ecosystem}:{package.name}@{package.version}",
            name=shown(package.name),
            software_packageVersion=shown(package.version),
        )
    return document.bytes(inventory.name, at)


def _key(inventory: Inventory) -> list[Any]:
    return [inventory.name, [[m.path, [f.sha256 for f in m.files]] for m in inventory.models]]


class _Document:
    """A graph of elements that grows."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._elements: dict[str, dict[str, Any]] = {}

    def add(self, kind: str, id: str, **said: Any) -> str:
        """Add an element, once; gives its id."""
        whole = f"{self._base}#{hashlib.sha256(id.encode()).hexdigest()[:24]}"
        self._elements.setdefault(whole, {"type": kind, "spdxId": whole, "creationInfo": CREATION, **said})
        return whole

    def relate(self, kind: str, start: str, to: list[str]) -> None:
        """Add a relationship."""
        if to:
            id = f"{kind}:{start}:{','.join(to)}"
            self.add("Relationship", id, **{"from": start, "relationshipType": kind, "to": to})

    def model(self, model: ModelEntry) -> None:
        """Add a model with its files, data sets and licences."""
        said: dict[str, Any] = {"name": shown(model.name), "software_primaryPurpose": "model"}
        kinds = [shown(k) for k in model.all("architecture")]
        if kinds:
            said["ai_typeOfModel"] = kinds
        if domains := [shown(d) for d in model.all("pipeline_tag")]:
            said["ai_domain"] = domains
        if limits := model.one("limitations"):
            said["ai_limitation"] = shown(limits, 2000)
        if use := model.one("use"):
            said["ai_informationAboutApplication"] = shown(use, 2000)
        numbers = [s for s in model.said if s.name in ("parameters", "tensors", "dtype", "context_length")]
        if numbers:
            said["ai_hyperparameter"] = [
                {"type": "DictionaryEntry", "key": f"{s.how}:{s.name}:{n}", "value": shown(s.value)}
                for n, s in enumerate(numbers)
            ]
        claims = "; ".join(f"{s.how} in {shown(s.file)}: {s.name} = {shown(s.value, 120)}" for s in model.said[:100])
        said["comment"] = f"scanned by safecase (rules {model.rules}): {model.verdict}. {claims}"
        id = self.add("ai_AIPackage", f"model:{model.path}", **said)
        files = [
            self.add(
                "software_File",
                f"file:{model.path}/{file.name}",
                name=shown(file.name),
                verifiedUsing=[{"type": "Hash", "algorithm": "sha256", "hashValue": file.sha256}],
            )
            for file in model.files
        ]
        self.relate("contains", id, files)
        data = [
            self.add(
                "dataset_DatasetPackage",
                f"data:{name}",
                name=shown(name),
                dataset_datasetType=["noAssertion"],
                software_primaryPurpose="data",
                comment="claimed by the card of a model",
            )
            for name in model.all("datasets")
        ]
        self.relate("trainedOn", id, data)
        bases = [self.add("ai_AIPackage", f"base:{b}", name=shown(b)) for b in model.all("base_model")]
        self.relate("descendantOf", id, bases)
        licences = [
            self.add(
                "simplelicensing_SimpleLicensingText",
                f"licence:{one}",
                simplelicensing_licenseText=shown(one),
            )
            for one in model.all("license")
        ]
        self.relate("hasDeclaredLicense", id, licences)

    def bytes(self, name: str, at: datetime) -> bytes:
        """Give the whole as JSON-LD."""
        tool = self.add("Tool", "tool", name=f"safecase {__version__}")
        agent = self.add("SoftwareAgent", "agent", name="safecase")
        roots = [id for id, e in self._elements.items() if e["type"] == "ai_AIPackage" and "comment" in e]
        elements = sorted(self._elements)
        document = {
            "type": "SpdxDocument",
            "spdxId": f"{self._base}#document",
            "creationInfo": CREATION,
            "name": shown(name),
            "profileConformance": ["core", "software", "ai", "dataset", "simpleLicensing"],
            "rootElement": roots,
            "element": elements,
        }
        creation = {
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": "3.0.1",
            "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "createdBy": [agent],
            "createdUsing": [tool],
        }
        graph = [creation, document, *(self._elements[id] for id in elements)]
        return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=True).encode() + b"\n"
