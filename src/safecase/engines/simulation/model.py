"""A model as people write it, simulated: one scenario, a portfolio, a net value, a contest, a sum or product, a draw.

The answer is what `docs/threats.md` tells field by field, plain values that JSON can hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from safecase.engines.simulation import portfolio, scenario
from safecase.engines.simulation.controls import coalition_means
from safecase.engines.simulation.distributions import Distribution, Draws, ModelError, Steps, distribution, number
from safecase.engines.simulation.scenario import Scenario, doubts
from safecase.engines.simulation.shares import worth
from safecase.engines.simulation.summary import Summary, summary
from safecase.engines.simulation.years import Years, simulate, stream

MOST_DRAWS: Final = 20_000_000
"""Years at the most: some hundred megabytes for each scenario."""
MOST_CELLS: Final = 100_000_000
"""Years times scenarios at the most: all of them are held at once."""
BESIDE: Final = frozenset({"exceed", "quantiles", "title", "currency", "horizon_years"})
"""Keys that any model may bear."""
_KINDS: Final = ("portfolio", "benefit", "vulnerability_from", "sum_of", "product_of", "draw")


def answer(model: Any, draws: int, seed: int) -> dict[str, Any]:
    """Simulate a model; raises `ModelError` with the way to what is wrong."""
    if not isinstance(model, Mapping):
        raise ModelError("a model is a mapping", (), mend="write lef: and lm:, or portfolio:, …")
    if not 1 <= draws <= MOST_DRAWS:
        raise ModelError(f"{draws} draws are not between 1 and {MOST_DRAWS}", (), mend="100000 are enough for a look")
    kinds = [kind for kind in _KINDS if kind in model]
    if len(kinds) > 1:
        raise ModelError(f"{kinds[0]} and {kinds[1]} are two models", (kinds[1],), mend="keep one of them")
    quantiles, limits = _wanted(model)
    rest = {key: value for key, value in model.items() if key not in BESIDE}
    kind = kinds[0] if kinds else "scenario"
    if kind == "vulnerability_from":
        return _contest(rest, draws, seed)
    found, sample = {
        "scenario": _scenario,
        "portfolio": _portfolio,
        "benefit": _net_value,
        "sum_of": _combined,
        "product_of": _combined,
        "draw": _draw,
    }[kind](rest, draws, seed)
    told = summary(sample, quantiles=quantiles, thresholds=limits)
    made: dict[str, Any] = _clean({**_fields(told), **found, "seed": seed})
    return made


def _fields(told: Summary) -> dict[str, Any]:
    return {name: getattr(told, name) for name in told.__struct_fields__}


def _clean(value: Any) -> Any:
    """JSON knows no infinity: such a number is null, and a warning says why."""
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _wanted(model: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = []
    for word in ("quantiles", "exceed"):
        rows = model.get(word, ())
        if isinstance(rows, str | Mapping) or not isinstance(rows, Sequence):
            raise ModelError("a list of numbers is wanted", (word,), mend="write [0.9, 0.95]")
        numbers = tuple(number(row, (word, at)) for at, row in enumerate(rows))
        for at, one in enumerate(numbers):
            if word == "quantiles" and not 0 < one < 1:
                raise ModelError(f"{one:g} is no quantile", (word, at), mend="write a number between 0 and 1")
        found.append(numbers)
    return found[0], found[1]


def _only(model: Mapping[str, Any], known: set[str]) -> None:
    for key in model:
        if key not in known:
            raise ModelError(f"{key!r} is not known here", (str(key),), mend=f"known are {', '.join(sorted(known))}")


def _scenario(model: Mapping[str, Any], draws: int, seed: int) -> tuple[dict[str, Any], Draws]:
    one = scenario.read(model, (), "scenario")
    years = simulate(one, draws, seed)
    found: dict[str, Any] = {"warnings": list(scenario.warnings(one)), "ale": float(years.before.mean())}
    if years.vulnerability is not None:
        found["vulnerability"] = years.vulnerability
    if one.controls:
        found |= controlled((one,), (years,), seed)
    return found, years.before


def _portfolio(model: Mapping[str, Any], draws: int, seed: int) -> tuple[dict[str, Any], Draws]:
    _only(model, {"portfolio", "dependence"})
    scenarios = read_scenarios(model["portfolio"], ("portfolio",))
    return _together(scenarios, model.get("dependence", "independent"), ("dependence",), draws, seed)


def read_scenarios(rows: Any, steps: Steps) -> tuple[Scenario, ...]:
    """Read a list of scenarios; their ids are their own, for each draws from streams of its name."""
    if isinstance(rows, str | Mapping) or not isinstance(rows, Sequence):
        raise ModelError("a list of scenarios is wanted", steps, mend="write - {lef: …, lm: …}")
    if not rows:
        raise ModelError("there is no scenario in it", steps, mend="add one: - {lef: …, lm: …}")
    if len(rows) > portfolio.MOST_SCENARIOS:
        raise ModelError(f"{len(rows)} scenarios", steps, mend=f"write at most {portfolio.MOST_SCENARIOS}")
    found: list[Scenario] = []
    for at, row in enumerate(rows):
        one = scenario.read(row, (*steps, at), f"scenario-{at + 1}")
        if one.id in {other.id for other in found}:
            raise ModelError(f"{one.id} is there twice", (*steps, at, "id"), mend="name each scenario once")
        found.append(one)
    return tuple(found)


def _together(
    scenarios: Sequence[Scenario], dependence: Any, steps: Steps, draws: int, seed: int
) -> tuple[dict[str, Any], Draws]:
    bound = portfolio.read_dependence(dependence, len(scenarios), steps)
    if draws * len(scenarios) > MOST_CELLS:
        most = MOST_CELLS // len(scenarios)
        told = f"{draws} draws of {len(scenarios)} scenarios are more than memory is meant for"
        raise ModelError(told, (), mend=f"take at most {most} draws")
    years = portfolio.simulate_all(scenarios, bound, draws, seed)
    total = portfolio.total([one.before for one in years])
    rows = [
        {
            "id": s.id,
            "ale": float(y.before.mean()),
            "sd": float(y.before.std()),
            "p_zero": float((y.before == 0).mean()),
        }
        for s, y in zip(scenarios, years, strict=True)
    ]
    found: dict[str, Any] = {
        "warnings": [f"{one.id}: {told}" for one in scenarios for told in scenario.warnings(one)],
        "scenarios": rows,
        "corr": _correlations(years),
        "sobol_first": _portions({s.id: y.before for s, y in zip(scenarios, years, strict=True)}, total),
        "ale": float(total.mean()),
    }
    if any(one.controls for one in scenarios):
        found |= controlled(scenarios, years, seed)
    return found, total


def _correlations(years: Sequence[Years]) -> Any:
    """Of two a number, of more a matrix; null where one of them never changes."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.corrcoef(np.array([one.before for one in years])) if len(years) > 1 else np.ones((1, 1))
    rows = [[float(cell) if math.isfinite(cell) else None for cell in row] for row in matrix]
    return rows[0][1] if len(rows) == 2 else rows


def _portions(parts: Mapping[str, Draws], total: Draws) -> dict[str, float]:
    """Each part's portion of the variance of a sum; together they are 1, and one that hedges is negative."""
    spread = float(total.var())
    middle = total - total.mean()
    return {name: float((one * middle).mean()) / spread if spread else 0.0 for name, one in parts.items()}


def controlled(scenarios: Sequence[Scenario], years: Sequence[Years], seed: int) -> dict[str, Any]:
    """Say what the controls take off, in all and each; the same years with and without them."""
    before = portfolio.total([one.before for one in years])
    after = portfolio.total([one.after for one in years])
    controls = {c.id: c for one in scenarios for c in one.controls}
    ids = list(controls)
    cost = sum(c.cost.mean for c in controls.values())
    ale_before, ale_after = float(before.mean()), float(after.mean())
    saved = ale_before - ale_after
    difference = before - after
    each = worth(ids, coalition_means(scenarios, years, seed), seed=seed)
    later = summary(after)
    return {
        "ale_before": ale_before,
        "ale_after": ale_after,
        "control_cost": cost,
        "value": saved - cost,
        "value_error": float(difference.std()) / math.sqrt(len(difference)),
        "rosi": (saved - cost) / cost if cost else None,
        "break_even_cost": saved,
        "alone": each.alone,
        "last_in": each.last_in,
        "shapley": each.shapley,
        "shapley_exact": each.exact,
        "net": {one: each.shapley[one] - controls[one].cost.mean for one in ids},
        "after": {"q": later.q, "p_zero": later.p_zero, "sd": later.sd, "exceed": later.exceed},
    }


def _net_value(model: Mapping[str, Any], draws: int, seed: int) -> tuple[dict[str, Any], Draws]:
    """`{benefit, cost, loss, alternative: {value}}`: what using it gives, against what not using it gives."""
    import numpy as np

    _only(model, {"benefit", "cost", "loss", "alternative", "dependence"})
    benefit, doubted = amounts(model.get("benefit", 0), ("benefit",), draws, seed)
    cost, more = amounts(model.get("cost", 0), ("cost",), draws, seed)
    alternative = model.get("alternative", 0)
    if isinstance(alternative, Mapping) and "value" in alternative:
        for key in alternative:
            if key not in ("value", "id", "title"):
                raise ModelError(f"{key!r} is not known here", ("alternative", str(key)), mend="known is value")
        other, last = amounts(alternative["value"], ("alternative", "value"), draws, seed)
    else:
        other, last = amounts(alternative, ("alternative",), draws, seed)
    loss, found = losses(model.get("loss", 0), model.get("dependence", "independent"), draws, seed)
    using = benefit - cost - loss
    difference = using - other
    warnings = [*found.pop("warnings", []), *doubted, *more, *last]
    return {
        **found,
        "warnings": warnings,
        "benefit": float(benefit.mean()),
        "cost": float(cost.mean()),
        "ale": float(loss.mean()),
        "alternative": float(other.mean()),
        "risk_of_not_using": float(difference.mean()),
        "risk_of_not_using_error": float(difference.std()) / math.sqrt(draws),
        "p_better": float((difference > 0).mean()),
        "difference_q": {f"{p:g}": float(np.quantile(difference, p)) for p in (0.05, 0.5, 0.95)},
    }, using


def amounts(value: Any, steps: Steps, draws: int, seed: int) -> tuple[Draws, list[str]]:
    """Draw the sum of one amount, or of several: a distribution, or a list of them, or of `{id, value}`."""
    import numpy as np

    total, warnings = np.zeros(draws), []
    for at, one in named_amounts(value, steps):
        total += one.draw(stream(seed, at, "amount"), draws)
        warnings += list(doubts(one, at)) if one.kind != "normal" else []
    return total, warnings


def named_amounts(value: Any, steps: Steps) -> list[tuple[str, Distribution]]:
    """Give the amounts that are summed, each with its name."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        found = []
        for at, row in enumerate(value):
            here = (*steps, at)
            if isinstance(row, Mapping) and "value" in row:
                for key in row:
                    if key not in ("id", "title", "value", "source"):
                        raise ModelError(f"{key!r} is not known here", (*here, str(key)), mend="known: id, value")
                found.append(
                    (str(row.get("id", f"{steps[-1]}-{at + 1}")), distribution(row["value"], (*here, "value")))
                )
            else:
                found.append((f"{steps[-1]}-{at + 1}", distribution(row, here)))
        return found
    return [(str(steps[0]), distribution(value, steps))]


def losses(value: Any, dependence: Any, draws: int, seed: int) -> tuple[Draws, dict[str, Any]]:
    """Draw what is lost: a scenario, a list or portfolio of them, or a distribution of the whole year."""
    steps: Steps = ("loss",)
    if isinstance(value, Mapping) and "portfolio" in value:
        rows, dependence = value["portfolio"], value.get("dependence", dependence)
        found, total = _together(read_scenarios(rows, (*steps, "portfolio")), dependence, steps, draws, seed)
        return total, found
    if isinstance(value, Sequence) and not isinstance(value, str):
        found, total = _together(read_scenarios(value, steps), dependence, ("dependence",), draws, seed)
        return total, found
    if isinstance(value, Mapping) and {"lef", "tef", "lm", "annual"} & set(value):
        one = scenario.read(value, steps, "loss")
        years = simulate(one, draws, seed)
        controls = controlled((one,), (years,), seed) if one.controls else {}
        return years.after, {"warnings": list(scenario.warnings(one)), **controls}
    drawn = distribution(value, steps)
    return drawn.draw(stream(seed, "loss", "annual"), draws), {"warnings": list(doubts(drawn, "loss"))}


def _contest(model: Mapping[str, Any], draws: int, seed: int) -> dict[str, Any]:
    _only(model, {"vulnerability_from"})
    capability, resistance = scenario.contest(model["vulnerability_from"], ("vulnerability_from",))
    won = capability.draw(stream(seed, "contest", "tcap"), draws) > resistance.draw(
        stream(seed, "contest", "rs"), draws
    )
    share = float(won.mean())
    error = math.sqrt(share * (1 - share) / draws)
    return {"vulnerability": share, "standard_error": error, "draws": draws, "seed": seed, "warnings": []}


def _combined(model: Mapping[str, Any], draws: int, seed: int) -> tuple[dict[str, Any], Draws]:
    """A sum or a product of independent amounts, and each one's first-order share of the variance.

    In both, what one input leaves to be expected is linear in it, so that moments give its share without any bins.
    """
    import numpy as np

    word = "sum_of" if "sum_of" in model else "product_of"
    _only(model, {word})
    parts = model[word]
    if not isinstance(parts, Mapping) or not parts:
        raise ModelError("a mapping of names to distributions is wanted", (word,), mend="write {a: …, b: …}")
    known = {str(name): distribution(one, (word, str(name))) for name, one in parts.items()}
    drawn = {name: one.draw(stream(seed, name, word), draws) for name, one in known.items()}
    total = np.zeros(draws) if word == "sum_of" else np.ones(draws)
    for one in drawn.values():
        total = total + one if word == "sum_of" else total * one
    spread = float(total.var())
    shares = {}
    for name, one in drawn.items():
        slope = 1.0
        if word == "product_of":
            slope = math.prod(float(other.mean()) for key, other in drawn.items() if key != name)
        shares[name] = slope**2 * float(one.var()) / spread if spread else 0.0
    warnings = [told for name, one in known.items() for told in doubts(one, name) if one.kind != "normal"]
    return {"sobol_first": shares, "warnings": warnings}, total


def _draw(model: Mapping[str, Any], draws: int, seed: int) -> tuple[dict[str, Any], Draws]:
    _only(model, {"draw"})
    one = distribution(model["draw"], ("draw",))
    warnings = list(doubts(one, "draw")) if one.kind != "normal" else []
    return {"warnings": warnings}, one.draw(stream(seed, "draw", "draw"), draws)
