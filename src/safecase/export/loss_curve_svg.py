"""The loss exceedance curve as SVG: how likely a year costs more than an amount. Stands alone, light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

WIDE, TALL = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 34, 52
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.fine{font-size:11px;fill:#52606d}"
    ".grid{stroke:#d9e2ec;stroke-width:1}.curve{fill:none;stroke:#b44d12;stroke-width:2.5}"
    ".after{stroke:#0b6e4f;stroke-dasharray:6 4}.back{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e4e7eb}.fine{fill:#9aa5b1}.grid{stroke:#3e4c59}.back{fill:#1f2933}"
    ".curve{stroke:#f29d62}.after{stroke:#5bd6a8}}"
)


def curve(told: Mapping[str, Any], currency: str = "") -> str:
    """Draw it from an answer of the simulation; the amounts are on a logarithmic axis."""
    points = _points(told["exceed"])
    later = _points(told["after"]["exceed"]) if "after" in told else []
    every = [x for x, _ in (*points, *later)]
    if not every:
        return _page('<text x="64" y="200">No year costs anything.</text>')
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    high = max(high, low + 1)

    def x_of(value: float) -> float:
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDE - LEFT - RIGHT)

    def y_of(chance: float) -> float:
        return TOP + (1 - chance) * (TALL - TOP - BOTTOM)

    lines = ['<text x="64" y="20">Chance that a year costs more</text>']
    for tenth in range(0, 11, 2):
        y = y_of(tenth / 10)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDE - RIGHT}"/>')
        lines.append(f'<text class="fine" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for power in range(low, high + 1):
        x = x_of(10.0**power)
        lines.append(f'<path class="grid" d="M{x:.1f} {TOP}V{TALL - BOTTOM}"/>')
        lines.append(f'<text class="fine" x="{x:.1f}" y="{TALL - 32}" text-anchor="middle">{_amount(power)}</text>')
    for name, some in (("curve", points), ("curve after", later)):
        if some:
            way = " ".join(f"{x_of(x):.1f},{y_of(p):.1f}" for x, p in some)
            lines.append(f'<polyline class="{name}" points="{way}"/>')
    words = f"loss of a year{', ' + currency if currency else ''}" + ("; dashed: with controls" if later else "")
    lines.append(f'<text x="{LEFT}" y="{TALL - 10}">{escape(words)}</text>')
    return _page("\n".join(lines))


def _points(exceed: Mapping[str, float]) -> list[tuple[float, float]]:
    return sorted((float(x), p) for x, p in exceed.items() if float(x) > 0)


def _amount(power: int) -> str:
    value = 10.0**power
    for size, word in ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {word}"
    return f"{value:g}"


def _page(inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" role="img" '
        f'aria-label="Loss exceedance curve"><style>{STYLE}</style><rect class="back" width="{WIDE}" height="{TALL}"/>'
        f"\n{inside}\n</svg>\n"
    )
