"""Wrong models get one error that leads to the value that is wrong; doubtful ones a warning."""

import math
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the extra `risk` is not installed")

from safecase.engines.simulation.distributions import ModelError  # noqa: E402
from safecase.engines.simulation.model import answer  # noqa: E402

L = {"poisson": 1}
BAD: dict[str, tuple[Any, tuple[str | int, ...]]] = {
    "a list": ([], ()),
    "nothing of a scenario": ({}, ()),
    "a word that is not known": ({"lef": L, "lm": 1, "vuln": 1}, ("vuln",)),
    "NaN": ({"lef": L, "lm": math.nan}, ("lm",)),
    "infinity": ({"lef": L, "lm": {"uniform": [0, math.inf]}}, ("lm", "uniform", 1)),
    "an integer beyond all floats": ({"lef": L, "lm": 10**400}, ("lm",)),
    "a truth value": ({"lef": L, "lm": True}, ("lm",)),
    "a text": ({"lef": L, "lm": "much"}, ("lm",)),
    "a negative rate": ({"lef": {"poisson": -1}, "lm": 1}, ("lef", "poisson")),
    "a rate that may be negative": ({"lef": {"poisson": {"normal": [5, 1]}}, "lm": 1}, ("lef", "poisson")),
    "a mode outside": ({"lef": L, "lm": {"pert": [1, 7, 5]}}, ("lm", "pert")),
    "ends swapped": ({"lef": L, "lm": {"uniform": [5, 1]}}, ("lm", "uniform")),
    "a negative loss": ({"lef": L, "lm": -5}, ("lm",)),
    "a probability above 1": (
        {"lef": L, "lm": 1, "secondary": {"probability": 1.5, "lm": 1}},
        ("secondary", "probability"),
    ),
    "a vulnerability that may exceed 1": (
        {"tef": L, "vulnerability": {"uniform": [0, 2]}, "lm": 1},
        ("vulnerability",),
    ),
    "an effect above 1": ({"lef": L, "lm": 1, "control": {"effect": 1.2}}, ("control", "effect")),
    "tries without a share": ({"tef": L, "lm": 1}, ()),
    "the frequency twice": ({"tef": L, "lef": L, "lm": 1}, ("tef",)),
    "two distributions": ({"lef": L, "lm": {"const": 1, "uniform": [0, 1]}}, ("lm",)),
    "a distribution misspelt": ({"lef": L, "lm": {"lognormal9": [1, 2]}}, ("lm",)),
    "an empty portfolio": ({"portfolio": []}, ("portfolio",)),
    "one id twice": ({"portfolio": [{"id": "a", "annual": 1}, {"id": "a", "annual": 2}]}, ("portfolio", 1, "id")),
    "not positive definite": (
        {
            "portfolio": [{"id": x, "annual": 1} for x in "abc"],
            "dependence": {"gaussian": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]},
        },
        ("dependence", "gaussian"),
    ),
    "a correlation above 1": (
        {"portfolio": [{"id": x, "annual": 1} for x in "ab"], "dependence": {"gaussian": 1.5}},
        ("dependence", "gaussian"),
    ),
    "not symmetric": (
        {"portfolio": [{"id": x, "annual": 1} for x in "ab"], "dependence": {"gaussian": [[1, 0.2], [0.3, 1]]}},
        ("dependence", "gaussian", 0, 1),
    ),
    "a matrix of another size": (
        {"portfolio": [{"id": x, "annual": 1} for x in "ab"], "dependence": {"gaussian": [[1]]}},
        ("dependence", "gaussian"),
    ),
    "no dependence that is known": ({"portfolio": [{"annual": 1}], "dependence": "loose"}, ("dependence",)),
    "a shock in a whole year": (
        {"portfolio": [{"annual": 1}], "dependence": {"common_shock": {"lef": L}}},
        ("dependence",),
    ),
    "more events than can be drawn": ({"lef": {"poisson": 1e8}, "lm": 1}, ()),
    "a spread too great": ({"lef": L, "lm": {"lognormal": {"mu": 1, "sigma": 60}}}, ("lm", "lognormal")),
    "two models": ({"draw": 1, "sum_of": {"a": 1}}, ("draw",)),
    "a quantile of 1": ({"draw": 1, "quantiles": [1]}, ("quantiles", 0)),
    "an empty sum": ({"sum_of": {}}, ("sum_of",)),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_refused_with_the_way_to_it(case: str) -> None:
    model, steps = BAD[case]
    with pytest.raises(ModelError) as found:
        answer(model, 1000, 1)
    assert found.value.steps == steps
    assert found.value.mend


@pytest.mark.parametrize("draws", [0, -1, 10**9])
def test_numbers_of_draws_that_are_refused(draws: int) -> None:
    with pytest.raises(ModelError, match="draws"):
        answer({"draw": 1}, draws, 1)


def test_an_infinite_variance_is_a_warning() -> None:
    found = answer({"lef": L, "lm": {"pareto": {"alpha": 1.5, "xm": 10}}}, 1000, 1)
    assert "infinite variance" in found["warnings"][0]
    assert answer({"lef": L, "lm": {"pareto": {"alpha": 3, "xm": 10}}}, 1000, 1)["warnings"] == []


def test_a_loss_that_may_be_a_gain_is_a_warning() -> None:
    assert "negative" in answer({"lef": L, "lm": {"normal": [1, 1]}}, 1000, 1)["warnings"][0]


def test_an_infinite_mean_gives_no_infinity_in_json() -> None:
    import json

    found = answer({"lef": L, "lm": {"pareto": {"alpha": 0.9, "xm": 1}}, "control": {"effect": 0.5}}, 1000, 1)
    json.dumps(found, allow_nan=False)
    assert "infinite mean" in found["warnings"][0]
