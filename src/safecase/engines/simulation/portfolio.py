"""Several scenarios in one year, and how they depend on each other.

Losses of a year may be independent, rise and fall together (comonotonic: the upper bound of what quantiles can add up
to), follow a Gaussian copula, or share events: one outage, one provider, one poisoned package that hits several.
Quantiles are never added: years are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from safecase.engines.simulation.distributions import Distribution, Draws, ModelError, Steps, number
from safecase.engines.simulation.scenario import Scenario, rate
from safecase.engines.simulation.years import Years, simulate, stream

MOST_SCENARIOS = 200


class Dependence(NamedTuple):
    """How the scenarios of a portfolio hang together."""

    kind: str
    """`independent`, `comonotonic`, `gaussian` or `common_shock`."""
    matrix: tuple[tuple[float, ...], ...] = ()
    """Correlations of the copula."""
    shock: Distribution | None = None
    """How often an event hits every scenario at once."""
    members: tuple[str, ...] = ()
    """Whom it hits; empty for all."""


def read_dependence(value: Any, count: int, steps: Steps) -> Dependence:
    """Read `independent | comonotonic | {gaussian: r | matrix} | {common_shock: {lef}}`."""
    if value in ("independent", "comonotonic"):
        return Dependence(value)
    if isinstance(value, Mapping) and set(value) == {"gaussian"}:
        return Dependence("gaussian", _matrix(value["gaussian"], count, (*steps, "gaussian")))
    if isinstance(value, Mapping) and set(value) == {"common_shock"}:
        shock, here = value["common_shock"], (*steps, "common_shock")
        if not isinstance(shock, Mapping) or "lef" not in shock or set(shock) - {"lef", "members"}:
            raise ModelError("a common shock is {lef: …}", here, mend="write {common_shock: {lef: 0.1}}")
        members = shock.get("members", ())
        if isinstance(members, str) or not isinstance(members, Sequence):
            raise ModelError("members are a list of ids", (*here, "members"), mend="write [one, another]")
        return Dependence("common_shock", shock=rate(shock["lef"], (*here, "lef")), members=tuple(map(str, members)))
    raise ModelError(
        "this dependence is not known",
        steps,
        mend="independent, comonotonic, {gaussian: r or a matrix} or {common_shock: {lef: …}}",
    )


def _matrix(value: Any, count: int, steps: Steps) -> tuple[tuple[float, ...], ...]:
    import numpy as np

    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count or any(
            not isinstance(row, Sequence) or isinstance(row, str) or len(row) != count for row in value
        ):
            raise ModelError(f"a matrix of {count} rows and columns is wanted", steps, mend="a row for each scenario")
        rows = tuple(tuple(number(cell, (*steps, i, j)) for j, cell in enumerate(row)) for i, row in enumerate(value))
    else:
        r = number(value, steps)
        rows = tuple(tuple(1.0 if i == j else r for j in range(count)) for i in range(count))
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            here = (*steps, i, j) if isinstance(value, Sequence) else steps
            if abs(cell) > 1 or (i == j and cell != 1):
                told = f"{cell:g} is no correlation" if i != j else f"the diagonal says {cell:g}; it is 1"
                raise ModelError(told, here, mend="correlations lie between -1 and 1, and are 1 on the diagonal")
            if abs(cell - rows[j][i]) > 1e-9:
                raise ModelError("the matrix is not symmetric", here, mend="write the same number on both sides")
    least = float(np.linalg.eigvalsh(np.array(rows)).min())
    if least <= 1e-10:
        told = f"the correlations are not positive definite: the least eigenvalue is {least:.3g}"
        raise ModelError(told, steps, mend="lower the correlations; comonotonic says that all move as one")
    return rows


def total(parts: Sequence[Draws]) -> Draws:
    """Add the years of several."""
    import numpy as np

    found: Draws = np.add.reduce(list(parts))
    return found


def simulate_all(scenarios: Sequence[Scenario], dependence: Dependence, draws: int, seed: int) -> tuple[Years, ...]:
    """Draw the years of every scenario, in their dependence."""
    shock = _shock(scenarios, dependence, draws, seed)
    drawn = [
        simulate(one, draws, seed, shock=shock if shock is not None and _hit(one, dependence) else None)
        for one in scenarios
    ]
    if dependence.kind == "comonotonic":
        import numpy as np

        return tuple(y._replace(before=np.sort(y.before), after=np.sort(y.after)) for y in drawn)
    if dependence.kind == "gaussian":
        return _copula(drawn, dependence, draws, seed)
    return tuple(drawn)


def _hit(one: Scenario, dependence: Dependence) -> bool:
    return not dependence.members or one.id in dependence.members


def _shock(scenarios: Sequence[Scenario], dependence: Dependence, draws: int, seed: int) -> Draws | None:
    if dependence.shock is None:
        return None
    whole = next((one for one in scenarios if one.annual is not None and _hit(one, dependence)), None)
    if whole is not None:
        told = f"{whole.id} says a whole year's loss: an event in common has no place in it"
        raise ModelError(told, ("dependence",), mend="say lef and lm of it, or take another dependence")
    unknown = set(dependence.members) - {one.id for one in scenarios}
    if unknown:
        told = f"{sorted(unknown)[0]!r} is no scenario here"
        raise ModelError(told, ("dependence", "common_shock", "members"), mend="name scenarios by their ids")
    rng = stream(seed, "", "common shock")
    rates = dependence.shock.mean if dependence.shock.certain else dependence.shock.draw(rng, draws)
    return rng.poisson(rates, draws).astype("float64")


def _copula(drawn: Sequence[Years], dependence: Dependence, draws: int, seed: int) -> tuple[Years, ...]:
    """Order the years of each by the ranks of correlated normals: what each loses in all stays as it was drawn."""
    import numpy as np

    rng = stream(seed, "", "copula")
    root = np.linalg.cholesky(np.array(dependence.matrix))
    free = [rng.standard_normal(draws) for _ in drawn]
    found = []
    for at, years in enumerate(drawn):
        normal = np.zeros(draws)
        for by, one in enumerate(free[: at + 1]):
            normal += root[at, by] * one
        order = np.argsort(normal)
        before = np.empty(draws)
        before[order] = np.sort(years.before)
        after = before
        if years.after is not years.before:
            after = np.empty(draws)
            after[order] = np.sort(years.after)
        found.append(years._replace(before=before, after=after))
    return tuple(found)
