"""`energy.estimate`: energy, carbon and water of a thousand requests are known with sources, and in the budget."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.engines.footprint import WORLD_KG_PER_KWH, Footprint, Range, estimate, measured
from safecase.service.schema import FootprintBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

KEY = "threat_modelling.footprint"
_UNITS = {"energy_kwh": "kWh", "carbon_kg": "kg CO2e", "water_l": "l"}


@check("energy.estimate", control="TM-11", severity="low", reads=(KEY,))
def footprint_estimated(service: Service, ctx: Context) -> Iterator[Finding]:
    """What a thousand requests take of energy, carbon and water is estimated with its sources, and within the budget.

    ## Why it matters
    Reports ask for it, and a larger model than the task needs is paid for twice. A single figure without a source
    misleads: between a small and a large model lie two orders of magnitude, and closed models do not tell their size.

    ## How it is checked
    From `threat_modelling.footprint`: the energy measured for a request, or the tokens of a mean answer and the range
    of parameters that are used for one, through a published model of the energy of a token (64 requests at once, 80 GB
    accelerators), the building's overhead and the electricity's carbon (the world's mean where nothing is said). The
    result is a range for a thousand requests, kept as evidence with its sources. It passes where a source is named and
    the whole range is within the budget, fails where the middle exceeds it, and is unknown where only the upper end
    does, where no source is named, or where figures are missing. Training is not counted, nor is the network or the
    user's machine; it is an estimate and no measurement, unless `wh_per_request` was measured.

    ## How to mend it
    Measure, or say `output_tokens` and `active_bn: [least, most]` with `source`. Take a smaller model, shorter
    answers, larger batches or another region where the budget is exceeded.

    ## References
    NIST AI RMF 1.0 MEASURE 2.12; ISO/IEC 42001:2023 A.5.5; EU AI Act Art. 53.1(a); EcoLogits 0.11.3.
    """
    block = ctx.manifest.threat_modelling.footprint
    place = ctx.place(KEY)
    found = _estimated(block) if block is not None else None
    if block is None or found is None:
        told = "what a request takes of energy is not said"
        mend = f"say {KEY}: {{output_tokens: …, active_bn: [least, most], source: …}} in {ctx.manifest_path}"
        yield footprint_estimated.unknown(service, told, rule="missing", mend=mend, place=place)
        return
    about = _told(found)
    if block.source.strip():
        yield footprint_estimated.passed(service, f"a thousand requests take {about}", rule="estimate", place=place)
    else:
        mend = f"say {KEY}.source: where the figures come from, and of which day"
        told = f"a thousand requests would take {about}; no source is named for the figures"
        yield footprint_estimated.unknown(service, told, rule="source", mend=mend, place=place)
    yield from _budget(service, block, found, ctx)


def _estimated(block: FootprintBlock) -> Footprint | None:
    carbon = WORLD_KG_PER_KWH if block.kg_per_kwh is None else block.kg_per_kwh
    if block.wh_per_request is not None:
        return measured(block.wh_per_request, carbon, block.water_l_per_kwh)
    if block.output_tokens is None or block.active_bn is None:
        return None
    total = block.total_bn or block.active_bn
    return estimate(
        block.output_tokens,
        _ordered(block.active_bn),
        _ordered(total),
        _ordered(block.pue),
        carbon,
        block.water_l_per_kwh,
    )


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    return min(span), max(span)


def _told(found: Footprint) -> str:
    parts = [f"{_range(getattr(found, name))} {unit}" for name, unit in _UNITS.items() if getattr(found, name)]
    return ", ".join(parts)


def _range(one: Range) -> str:
    return f"{one.likely:.3g}" if one.low == one.high else f"{one.likely:.3g} ({one.low:.3g} to {one.high:.3g})"


def _budget(service: Service, block: FootprintBlock, found: Footprint, ctx: Context) -> Iterator[Finding]:
    for name, unit in _UNITS.items():
        most: float | None = getattr(block.budget, name)
        one: Range | None = getattr(found, name)
        if most is None:
            continue
        place = ctx.place(f"{KEY}.budget.{name}")
        if one is None:
            mend = f"say {KEY}.water_l_per_kwh"
            yield footprint_estimated.unknown(
                service, f"{name} is not known", rule="budget", key=name, mend=mend, place=place
            )
            continue
        told = f"{_range(one)} {unit} a thousand requests, {most:g} {unit} allowed"
        mend = "take a smaller model, shorter answers or another region, or raise the budget"
        if one.likely > most:
            yield footprint_estimated.failed(service, told, rule="budget", key=name, mend=mend, place=place)
        elif one.high > most:
            mend = "measure a request, or narrow the range"
            yield footprint_estimated.unknown(service, told, rule="budget", key=name, mend=mend, place=place)
        else:
            yield footprint_estimated.passed(service, told, rule="budget", key=name, place=place)
