"""The guidelines' first risk, in money: what using AI gives, against what not using it gives."""

from __future__ import annotations

from typing import Any

from safecase.engines.simulation import portfolio
from safecase.engines.simulation.break_even import turnings
from safecase.engines.simulation.distributions import ModelError, Steps
from safecase.engines.simulation.model import amounts, controlled, named_amounts, read_scenarios
from safecase.engines.simulation.scenario import warnings
from safecase.engines.simulation.summary import summary
from safecase.service.risk import RiskModel


def net_value(risk: RiskModel, draws: int, seed: int) -> dict[str, Any]:
    """Give the net value with AI and without, what each control is worth, and what would turn the choice.

    The same years stand behind both branches. Controls cost what they cost, proven or not; only those that are proven
    take something away.
    """
    import numpy as np

    if not 1 <= draws <= portfolio_limit(len(risk.scenarios)):
        raise ModelError(f"{draws} draws are more than memory is meant for", (), mend="100000 are enough for a look")
    value = risk.alternative
    at: Steps = ("alternative",)
    if isinstance(value, dict) and "value" in value:
        value, at = value["value"], ("alternative", "value")
    benefit, doubts = amounts(risk.benefits, ("benefits",), draws, seed)
    cost, more = amounts(risk.costs, ("costs",), draws, seed)
    other, last = amounts(value, at, draws, seed)
    told: dict[str, Any] = {"warnings": [*doubts, *more, *last], "controls": []}
    loss, control_cost, left = np.zeros(draws), 0.0, []
    if risk.scenarios:
        scenarios = read_scenarios(list(risk.scenarios), ("scenarios",))
        bound = portfolio.read_dependence(risk.dependence, len(scenarios), ("dependence",))
        years = portfolio.simulate_all(scenarios, bound, draws, seed)
        loss = portfolio.total([one.after for one in years])
        left = [(s, float(y.after.mean())) for s, y in zip(scenarios, years, strict=True)]
        told["warnings"] += [f"{one.id}: {text}" for one in scenarios for text in warnings(one)]
        if any(one.controls for one in scenarios):
            worth = controlled(scenarios, years, seed)
            control_cost = worth["control_cost"]
            costs = {c.id: c.cost.mean for one in scenarios for c in one.controls}
            told["controls"] = [
                {
                    "id": id_,
                    "proven": id_ not in risk.uncounted,
                    "cost": costs[id_],
                    "alone": worth["alone"][id_],
                    "last_in": worth["last_in"][id_],
                    "shapley": worth["shapley"][id_],
                    "net": worth["net"][id_],
                }
                for id_ in costs
            ]
            told |= {word: worth[word] for word in ("ale_before", "ale_after")}
    using = benefit - cost - loss - control_cost
    difference = using - other
    inputs = [
        *((name, 1, one) for name, one in named_amounts(risk.benefits, ("benefits",))),
        *((name, -1, one) for name, one in named_amounts(risk.costs, ("costs",))),
        *((name, -1, one) for name, one in named_amounts(value, at)),
    ]
    found = summary(using)
    mean = float(difference.mean())
    return {
        **told,
        "mean": found.mean,
        "sd": found.sd,
        "q": found.q,
        "standard_error": found.standard_error,
        "benefit": float(benefit.mean()),
        "cost": float(cost.mean()),
        "control_cost": control_cost,
        "ale": float(loss.mean()),
        "alternative": float(other.mean()),
        "risk_of_not_using": mean,
        "risk_of_not_using_error": float(difference.std()) / draws**0.5,
        "p_better": float((difference > 0).mean()),
        "turning": [_row(one) for one in turnings(mean, inputs, left)],
        "uncounted": list(risk.uncounted),
        "draws": draws,
        "seed": seed,
    }


def _row(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def portfolio_limit(scenarios: int) -> int:
    """Give how many draws memory is meant for."""
    from safecase.engines.simulation.model import MOST_CELLS, MOST_DRAWS

    return min(MOST_DRAWS, MOST_CELLS // max(scenarios, 1))
