"""The data-flow diagram of a service: as its manifest declares it, or drawn from what else the manifest says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safecase.service.schema import Manifest, ModelBlock, ToolBlock
from safecase.vocabulary import Diagram, DiagramFlow, DiagramPart, DiagramZone

MOST_PARTS = 60
"""More than that is no picture any more; the manifest still holds them all."""

OUTSIDE = DiagramZone(id="outside", title="Outside", trust=0)
PROVIDER = DiagramZone(id="provider", title="Providers", trust=40)
OURS = DiagramZone(id="ours", title="Ours", trust=80)
_OWNERS = {"public": "outside", "provider": "a provider", "customer": "customers", "us": "ours"}


def diagram(manifest: Manifest) -> Diagram:
    """Give the diagram; zones come in the order of their trust, the least first."""
    return _declared(manifest) if manifest.components else _drawn(manifest)


def _declared(manifest: Manifest) -> Diagram:
    zones = {
        zone.id: DiagramZone(id=zone.id, title=f"{zone.id} ({_OWNERS[zone.owner]})", trust=zone.trust)
        for zone in manifest.zones
    }
    parts = [
        DiagramPart(id=part.id, title=part.id, kind=part.type, zone=part.zone or OURS.id)
        for part in manifest.components[:MOST_PARTS]
    ]
    named = {part.id for part in parts}
    # A flow may begin or end at a zone: whoever is there.
    for flow in manifest.flows:
        for end in (flow.source, flow.target):
            if end in zones and end not in named:
                parts.append(DiagramPart(id=end, title=f"anybody in {end}", kind="people", zone=end))
                named.add(end)
    if any(part.zone == OURS.id for part in parts):
        zones.setdefault(OURS.id, OURS)
    flows = tuple(
        DiagramFlow(
            source=flow.source,
            target=flow.target,
            data=flow.data,
            untrusted=flow.untrusted,
            encrypted=flow.encrypted,
        )
        for flow in manifest.flows
        if {flow.source, flow.target} <= named
    )
    return Diagram(zones=_ordered(zones.values()), parts=tuple(parts), flows=flows, declared=True)


def _drawn(manifest: Manifest) -> Diagram:
    """Draw users, service, models, sources, tools and memory from the blocks that tell of them."""
    app = DiagramPart(id="service", title=manifest.service.name or manifest.service.id, kind="app", zone=OURS.id)
    parts: list[DiagramPart] = []
    flows: list[DiagramFlow] = []
    for part, found in _around(manifest):
        parts.append(part)
        flows.extend(found)
    shown = [app, *parts][:MOST_PARTS]
    named = {part.id for part in shown}
    used = {part.zone for part in shown}
    return Diagram(
        zones=_ordered(zone for zone in (OUTSIDE, PROVIDER, OURS) if zone.id in used),
        parts=tuple(shown),
        flows=tuple(flow for flow in flows if {flow.source, flow.target} <= named),
        declared=False,
    )


def _around(manifest: Manifest) -> Iterator[tuple[DiagramPart, list[DiagramFlow]]]:
    exposed = manifest.deployment.exposure in ("public", "authenticated", "physical", None)
    users = ", ".join(manifest.service.users.who) or "users"
    yield (
        DiagramPart(id="users", title=users, kind="people", zone=OUTSIDE.id if exposed else OURS.id),
        [
            DiagramFlow(source="users", target="service", data=_classes(manifest), untrusted=exposed),
            *([DiagramFlow(source="service", target="users")] if manifest.outputs or manifest.ai.kind else []),
        ],
    )
    for model in manifest.models:
        zone = PROVIDER.id if _elsewhere(model, manifest) else OURS.id
        part = DiagramPart(id=f"model {model.id}", title=model.id, kind="model", zone=zone)
        yield part, [_to(part.id), _from(part.id, untrusted=None)]
    for source in manifest.rag.sources if manifest.rag else ():
        zone = OUTSIDE.id if source.trust == "untrusted" else PROVIDER.id if source.trust == "partner" else OURS.id
        part = DiagramPart(id=f"source {source.id}", title=source.id, kind="store", zone=zone)
        yield part, [_from(part.id, untrusted=source.trust == "untrusted")]
    for tool in manifest.tools:
        part = DiagramPart(id=f"tool {tool.id}", title=f"{tool.id} ({tool.effect})", kind="tool", zone=_place(tool))
        yield part, [_to(part.id), _from(part.id, untrusted=tool.untrusted)]
    if manifest.memory.kind in ("session", "persistent"):
        part = DiagramPart(id="memory", title=f"{manifest.memory.kind} memory", kind="store", zone=OURS.id)
        yield part, [_to(part.id), _from(part.id, untrusted=None)]


def _classes(manifest: Manifest) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for block in manifest.data for word in block.classes))


def _elsewhere(model: ModelBlock, manifest: Manifest) -> bool:
    return model.origin == "provider" or (model.origin is None and manifest.deployment.hosting == "saas_api")


def _place(tool: ToolBlock) -> str:
    if tool.origin == "public_registry":
        return OUTSIDE.id
    return PROVIDER.id if tool.origin == "third_party" else OURS.id


def _to(part: str) -> DiagramFlow:
    return DiagramFlow(source="service", target=part)


def _from(part: str, *, untrusted: bool | None) -> DiagramFlow:
    return DiagramFlow(source=part, target="service", untrusted=untrusted)


def _ordered(zones: Iterable[DiagramZone]) -> tuple[DiagramZone, ...]:
    return tuple(sorted(zones, key=lambda zone: (zone.trust, zone.id)))
