"""The diagram and the threats of a service as Open Threat Model 0.2.0, for other programs of threat modelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from safecase.catalogue.read import catalogue

if TYPE_CHECKING:
    from safecase.assess.threat_model import Applying, ThreatModel
    from safecase.vocabulary import Diagram

VERSION = "0.2.0"
IMPACT = {"info": 0, "low": 25, "medium": 50, "high": 75, "critical": 100}
COMMENT = "Severity of the gravest control that answers it, from 0 to 100; no estimate of a loss."


def otm(diagram: Diagram, found: ThreatModel) -> bytes:
    """Write it: the same service gives the same bytes. Every threat hangs at the service's own part."""
    home = next((part.id for part in diagram.parts if part.kind in ("app", "agent", "gateway")), None)
    home = home or (diagram.parts[0].id if diagram.parts else None)
    controls = {control.id: control for one in found.threats for control in one.answers}
    document: dict[str, Any] = {
        "otmVersion": VERSION,
        "project": {"name": found.name, "id": found.service},
        "trustZones": [
            {"id": zone.id, "name": zone.title, "risk": {"trustRating": zone.trust}} for zone in diagram.zones
        ],
        "components": [
            {
                "id": part.id,
                "name": part.title,
                "type": part.kind,
                "parent": {"trustZone": part.zone},
                **({"threats": [_hangs(one) for one in found.threats]} if part.id == home else {}),
            }
            for part in diagram.parts
        ],
        "dataflows": [
            {
                "id": f"flow-{at + 1}",
                "name": ", ".join(flow.data) or f"{flow.source} to {flow.target}",
                "source": flow.source,
                "destination": flow.target,
                "bidirectional": False,
                "attributes": {"untrusted": flow.untrusted, "encrypted": flow.encrypted},
            }
            for at, flow in enumerate(diagram.flows)
        ],
        "threats": [
            {
                "id": one.id,
                "name": one.title,
                "categories": list(one.stride) or list(one.risk_groups),
                "description": one.text,
                "risk": {"likelihood": None, "impact": _impact(one), "impactComment": COMMENT},
                "attributes": {"references": list(one.refs), "because": list(one.because)},
            }
            for one in found.threats
        ],
        "mitigations": [
            {"id": control.id, "name": control.title, "riskReduction": 100 if control.state == "supported" else 0}
            for control in sorted(controls.values(), key=lambda control: control.id)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _impact(one: Applying) -> int:
    """The format asks for a number."""
    rows = catalogue().controls
    return max((IMPACT[rows[id_].severity] for id_ in one.controls), default=IMPACT["medium"])


def _hangs(one: Applying) -> dict[str, Any]:
    state = "mitigated" if one.state == "answered" else "exposed"
    return {
        "threat": one.id,
        "state": state,
        "mitigations": [
            {"mitigation": control.id, "state": "implemented" if control.state == "supported" else "required"}
            for control in one.answers
        ],
    }
