"""A data-flow diagram as SVG: a band a zone of trust, the least trusted on top, and what flows between the parts.

People stand on the left, and each part as many columns to the right as there are flows between it and them.

No script and no colour of its own: the page's style sheet paints it, in light and in dark, on a screen and on paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from safecase.readers.text import shown
from safecase.vocabulary import Diagram, DiagramFlow, DiagramPart, DiagramZone

if TYPE_CHECKING:
    from markupsafe import Markup

WIDE = 960
"""Of the picture, in its own units: the page scales it."""
MARGIN = 14
HEAD = 34
TALL = 46
"""Of a box."""
GAP = 18
"""Between boxes of one column."""
MOST_COLUMNS = 5
LETTERS = 22
"""Of a box's title."""
MOST_LABELLED = 24
"""Lines that bear their data in words; with more the picture is no longer read, and the table beside it is."""


class _Box(NamedTuple):
    part: DiagramPart
    x: float
    y: float
    width: float


class _Band(NamedTuple):
    """Where a zone lies."""

    zone: DiagramZone
    y: float
    height: float


def svg(diagram: Diagram) -> Markup:
    """Draw it; nothing where there is no part."""
    from markupsafe import Markup

    if not diagram.parts:
        return Markup("")
    ranks = _ranks(diagram)
    bands = _bands(diagram, ranks)
    boxes = _placed(diagram, ranks, bands)
    height = bands[-1].y + bands[-1].height + 1 if bands else TALL
    lines = [
        Markup('<svg class="flows" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDE, round(height, 1), _told(diagram)
        ),
        Markup(
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        ),
        *map(_zone, bands),
    ]
    labelled = len(diagram.flows) <= MOST_LABELLED
    pairs = {(flow.source, flow.target) for flow in diagram.flows}
    for flow in diagram.flows:
        if flow.source in boxes and flow.target in boxes and flow.source != flow.target:
            both = (flow.target, flow.source) in pairs
            lines.append(_line(flow, boxes[flow.source], boxes[flow.target], labelled=labelled, both=both))
    lines += [_drawn(box) for box in boxes.values()]
    return Markup("\n").join([*lines, Markup("</svg>")])


def _ranks(diagram: Diagram) -> Mapping[str, int]:
    """Say in which column a part stands: how many flows lie between it and the people (or else where flows begin)."""
    near: dict[str, set[str]] = {part.id: set() for part in diagram.parts}
    for flow in diagram.flows:
        if flow.source in near and flow.target in near:
            near[flow.source].add(flow.target)
            near[flow.target].add(flow.source)
    reached = {flow.target for flow in diagram.flows}
    people = [part.id for part in diagram.parts if part.kind == "people"]
    start = people or [name for name in near if name not in reached] or list(near)[:1]
    ranks = dict.fromkeys(start, 0)
    waiting = list(start)
    for name in waiting:
        for other in sorted(near[name]):
            if other not in ranks:
                ranks[other] = min(ranks[name] + 1, MOST_COLUMNS - 1)
                waiting.append(other)
    return {name: ranks.get(name, 0) for name in near}


def _bands(diagram: Diagram, ranks: Mapping[str, int]) -> list[_Band]:
    """Give each zone a band as high as its fullest column."""
    bands: list[_Band] = []
    y = 0.5
    for zone in diagram.zones:
        fullest = Counter(ranks[part.id] for part in diagram.parts if part.zone == zone.id)
        height = HEAD + max(fullest.values(), default=0) * (TALL + GAP)
        bands.append(_Band(zone, y, height))
        y += height + MARGIN
    return bands


def _placed(diagram: Diagram, ranks: Mapping[str, int], bands: Iterable[_Band]) -> Mapping[str, _Box]:
    """Place each part: its column by its rank, its band by its zone, spread over the height of the band."""
    room = WIDE / (max(ranks.values()) + 1)
    boxes = {}
    for band in bands:
        for rank in sorted(set(ranks.values())):
            parts = [p for p in diagram.parts if p.zone == band.zone.id and ranks[p.id] == rank]
            step = (band.height - HEAD) / max(len(parts), 1)
            for row, part in enumerate(parts):
                y = band.y + HEAD + row * step + (step - TALL) / 2 - GAP / 3
                boxes[part.id] = _Box(part, round(rank * room + 24, 1), round(y, 1), round(room - 132, 1))
    return boxes


def _zone(band: _Band) -> Markup:
    from markupsafe import Markup

    return Markup(
        '<g class="zone"><rect x="0.5" y="{}" width="{}" height="{}" rx="8"/><text x="14" y="{}">{}</text></g>'
    ).format(
        round(band.y, 1),
        WIDE - 1,
        round(band.height, 1),
        round(band.y + 20, 1),
        f"{shown(band.zone.title, 60)}, trust {band.zone.trust}",
    )


def _drawn(box: _Box) -> Markup:
    from markupsafe import Markup

    kind = box.part.kind if box.part.kind in _SHAPES else "app"
    return Markup(
        '<g class="part {}"><rect x="{}" y="{}" width="{}" height="{}" rx="{}"/>'
        '<text x="{}" y="{}">{}</text><text class="kind" x="{}" y="{}">{}</text></g>'
    ).format(
        kind,
        box.x,
        box.y,
        box.width,
        TALL,
        _SHAPES[kind],
        box.x + 12,
        box.y + 20,
        shown(box.part.title, LETTERS),
        box.x + 12,
        box.y + 36,
        shown(box.part.kind, LETTERS),
    )


_SHAPES: Mapping[str, int] = {"people": 23, "store": 2, "model": 10, "tool": 4, "app": 6, "agent": 10, "actuator": 4}
"""How round the corners of a kind are."""


def _line(flow: DiagramFlow, source: _Box, target: _Box, *, labelled: bool, both: bool) -> Markup:
    from markupsafe import Markup

    # A flow there and one back run beside each other.
    shift = 7 if both and flow.source > flow.target else -7 if both else 0
    y1, y2 = source.y + TALL / 2 + shift, target.y + TALL / 2 + shift
    if source.x + source.width < target.x:
        x1, x2 = source.x + source.width, target.x
        bend = (x2 - x1) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    elif target.x + target.width < source.x:
        x1, x2 = source.x, target.x + target.width
        bend = (x1 - x2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1 - bend:.1f} {y1:.1f} {x2 + bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        down = target.y > source.y
        x1 = source.x + source.width / 2 + 3 * shift
        x2 = target.x + target.width / 2 + 3 * shift
        y1, y2 = (source.y + TALL, target.y) if down else (source.y, target.y + TALL)
        path = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    words = ", ".join(flow.data) if labelled else ""
    kind = "flow untrusted" if flow.untrusted else "flow"
    drawn = Markup('<path class="{}" d="{}" marker-end="url(#arrow)"/>').format(kind, path)
    if not words:
        return drawn
    return drawn + Markup('<text class="label" x="{}" y="{}">{}</text>').format(
        round((x1 + x2) / 2, 1), round((y1 + y2) / 2 - 5, 1), shown(words, 22)
    )


def _told(diagram: Diagram) -> str:
    zones = ", ".join(shown(zone.title, 40) for zone in diagram.zones)
    return f"Data flows between {len(diagram.parts)} parts in the zones {zones}"
