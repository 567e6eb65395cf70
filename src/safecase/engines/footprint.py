"""Energy, carbon and water of a thousand requests, as ranges: a model of the cost of each token, or what was measured.

The constants of the model are those of EcoLogits 0.11.3 (2026), for 64 requests at once. What comes out is a model's
answer and no measurement: sizes of closed models are guesses, and a range should be given for them.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

BATCH: Final = 64
GPU_GIGABYTES: Final = 80
BITS: Final = 16
SERVER_KW: Final = 1.2
"""Of a server for eight accelerators, without these."""
GPU_KG: Final = 273.0
SERVER_KG: Final = 5700.0
"""Of making one, in kg of CO2e."""
LIFE_S: Final = 3 * 365.25 * 86_400
WORLD_KG_PER_KWH: Final = 0.458
"""Mean of the world's electricity, as EcoLogits 0.11.3 has it."""


class Range(NamedTuple):
    """The least, the middle and the most that is reckoned with."""

    low: float
    likely: float
    high: float

    def scaled(self, by: float) -> Range:
        """Multiply all three."""
        return Range(self.low * by, self.likely * by, self.high * by)


class Footprint(NamedTuple):
    """Of a thousand requests."""

    energy_kwh: Range
    carbon_kg: Range
    """Of the electricity, and of making the machines where the model tells that."""
    embodied_kg: Range
    water_l: Range | None
    """None where nobody said how much a kilowatt-hour takes."""


def of_tokens(tokens: float, active_bn: float, total_bn: float, pue: float) -> tuple[float, float]:
    """Give the energy of one answer in Wh and what making the machines adds in kg of CO2e."""
    gpus = _gpus(total_bn)
    wh_a_token = 1.16653e-6 * math.exp(-0.0112059 * BATCH) * active_bn + 4.05293e-5
    seconds = tokens * (6.785e-4 * active_bn + 3.119e-4 * BATCH + 0.019474)
    server_wh = SERVER_KW * 1000 * seconds / 3600 * gpus / 8 / BATCH
    energy = pue * (tokens * wh_a_token * gpus + server_wh)
    embodied = seconds / LIFE_S * (gpus * GPU_KG + gpus / 8 * SERVER_KG) / BATCH
    return energy, embodied


def _gpus(total_bn: float) -> int:
    needed = 1.2 * total_bn * BITS / 8 / GPU_GIGABYTES
    return int(2 ** max(0, math.ceil(math.log2(max(needed, 1e-9)))))


def estimate(
    tokens: float,
    active_bn: tuple[float, float],
    total_bn: tuple[float, float],
    pue: tuple[float, float],
    kg_per_kwh: float,
    water_l_per_kwh: float | None,
) -> Footprint:
    """Reckon with the least and the most of each, and with their geometric means between."""
    ends = (0, 1)
    cases = [of_tokens(tokens, active_bn[at], max(total_bn[at], active_bn[at]), pue[at]) for at in ends]
    active, total, power = (math.sqrt(a * b) for a, b in (active_bn, total_bn, pue))
    middle = of_tokens(tokens, active, max(total, active), power)
    # Wh of one request are kWh of a thousand.
    energy = Range(cases[0][0], middle[0], cases[1][0])
    embodied = Range(cases[0][1], middle[1], cases[1][1]).scaled(1000)
    return _whole(energy, embodied, kg_per_kwh, water_l_per_kwh)


def measured(wh: float, kg_per_kwh: float, water_l_per_kwh: float | None) -> Footprint:
    """Take what was measured for a request, the whole machine and its cooling included."""
    return _whole(Range(wh, wh, wh), Range(0, 0, 0), kg_per_kwh, water_l_per_kwh)


def _whole(energy: Range, embodied: Range, kg_per_kwh: float, water: float | None) -> Footprint:
    usage = energy.scaled(kg_per_kwh)
    carbon = Range(*(a + b for a, b in zip(usage, embodied, strict=True)))
    return Footprint(energy, carbon, embodied, energy.scaled(water) if water is not None else None)
