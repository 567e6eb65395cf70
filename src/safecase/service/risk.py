"""The `risk:` of a manifest as a model that can be simulated. A control counts where evidence supports it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from safecase.engines.simulation.distributions import ModelError

KEYS: Final = ("currency", "horizon_years", "scenarios", "dependence", "benefits", "costs", "alternative", "exceed")


class RiskModel(NamedTuple):
    """What a manifest says of money."""

    currency: str
    scenarios: tuple[Mapping[str, Any], ...]
    dependence: Any
    benefits: Any
    costs: Any
    alternative: Any
    exceed: Any
    uncounted: tuple[str, ...]
    """Controls that nothing proves: they take nothing away, and cost what they cost."""


def risk_model(risk: Mapping[str, Any], proven: Collection[str] | None) -> RiskModel:
    """Take the parts; of scenarios the controls that are not `proven` lose their effect (None: all count)."""
    import difflib

    for key in risk:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, 1)
            mend = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
            raise ModelError(f"{key!r} is not known under risk:", (str(key),), mend=mend)
    rows = risk.get("scenarios", ())
    if isinstance(rows, str | Mapping) or not isinstance(rows, Sequence):
        raise ModelError("a list of scenarios is wanted", ("scenarios",), mend="write - {id: …, lef: …, lm: …}")
    uncounted: dict[str, None] = {}
    return RiskModel(
        currency=str(risk.get("currency", "")),
        scenarios=tuple(_proven(row, proven, uncounted) for row in rows),
        dependence=risk.get("dependence", "independent"),
        benefits=risk.get("benefits", ()),
        costs=risk.get("costs", ()),
        alternative=risk.get("alternative", {"value": 0}),
        exceed=risk.get("exceed", ()),
        uncounted=tuple(uncounted),
    )


def _proven(row: Any, proven: Collection[str] | None, uncounted: dict[str, None]) -> Any:
    """Take the effect of unproven controls away; what is of a wrong shape is left for the engine to refuse."""
    if proven is None or not isinstance(row, Mapping):
        return row
    made = dict(row)
    if isinstance(row.get("control"), Mapping):
        made["control"] = _without(row["control"], proven, uncounted)
    if isinstance(row.get("controls"), Sequence) and not isinstance(row["controls"], str):
        made["controls"] = [_without(one, proven, uncounted) for one in row["controls"]]
    return made


def _without(control: Any, proven: Collection[str], uncounted: dict[str, None]) -> Any:
    if not isinstance(control, Mapping) or "effect" not in control or control.get("id") in proven:
        return control
    uncounted[str(control.get("id", "a control without an id"))] = None
    return {**{key: value for key, value in control.items() if key != "on"}, "effect": 0}
