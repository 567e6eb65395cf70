"""The data-flow diagram as Mermaid text, for READMEs and wikis that draw it: a subgraph a zone of trust."""

from __future__ import annotations

from safecase.readers.text import shown
from safecase.vocabulary import Diagram, DiagramPart

_SHAPES = {"people": ('(["', '"])'), "store": ('[("', '")]'), "model": ('{{"', '"}}')}


def mermaid(diagram: Diagram) -> str:
    """Write it; nodes have ids of ours, so that no name of a part can end a line or begin another."""
    nodes = {part.id: f"n{at}" for at, part in enumerate(diagram.parts)}
    lines = ["flowchart LR"]
    for at, zone in enumerate(diagram.zones):
        lines.append(f'  subgraph z{at}["{words(zone.title)}, trust {zone.trust}"]')
        lines += [f"    {_node(part, nodes[part.id])}" for part in diagram.parts if part.zone == zone.id]
        lines.append("  end")
    zones = {zone.id for zone in diagram.zones}
    lines += [f"  {_node(part, nodes[part.id])}" for part in diagram.parts if part.zone not in zones]
    for flow in diagram.flows:
        if flow.source in nodes and flow.target in nodes:
            arrow = "-.->" if flow.untrusted else "-->"
            label = f'|"{words(", ".join(flow.data))}"|' if flow.data else ""
            lines.append(f"  {nodes[flow.source]} {arrow}{label} {nodes[flow.target]}")
    return "\n".join(lines) + "\n"


def _node(part: DiagramPart, name: str) -> str:
    begin, end = _SHAPES.get(part.kind, ('["', '"]'))
    return f"{name}{begin}{words(part.title)}{end}"


def words(text: str) -> str:
    """Make a text fit into a quoted label: quotes, markup and codes of Mermaid are taken out."""
    plain = shown(text, 80).replace('"', "'").replace("`", "'")
    return plain.replace("<", "(").replace(">", ")").replace("#", "").replace("&", "and")
