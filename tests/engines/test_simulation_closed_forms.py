"""What the simulation says is held against answers that are known in closed form: within three standard errors."""

import math
from statistics import NormalDist
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the extra `risk` is not installed")

from safecase.engines.simulation.model import answer  # noqa: E402

N = 400_000
PHI = NormalDist()


def told(model: dict[str, Any], draws: int = N, seed: int = 7) -> dict[str, Any]:
    return answer(model, draws, seed)


def near(value: float, truth: float, error: float) -> None:
    assert abs(value - truth) <= 3 * error + 1e-12 * max(1.0, abs(truth)), (value, truth, error)


PERT_MEAN = (1 + 4 * 2 + 6) / 6
MEANS = {
    "a rare event of one size": ({"lef": {"poisson": 0.1}, "lm": 1e6}, 1e5),
    "tries, a share of which succeed": ({"tef": {"poisson": 12}, "vulnerability": 0.25, "lm": 100}, 300),
    "an uncertain rate": ({"lef": {"poisson": {"uniform": [1, 3]}}, "lm": 10}, 20),
    "a gamma rate": ({"lef": {"poisson": {"gamma": {"shape": 2, "rate": 4}}}, "lm": 10}, 5),
    "exponential losses": ({"lef": {"poisson": 2}, "lm": {"exponential": {"mean": 50}}}, 100),
    "PERT losses": ({"lef": {"poisson": 2}, "lm": {"pert": [1, 2, 6]}}, 2 * PERT_MEAN),
    "a PERT of another weight": ({"draw": {"pert": [0, 1, 4], "lambda": 2}}, (0 + 2 * 1 + 4) / 4),
    "lognormal losses": ({"lef": {"poisson": 1}, "lm": {"lognormal": {"mu": 2, "sigma": 0.5}}}, math.exp(2.125)),
    "a lognormal by its 90 % interval": (
        {"draw": {"lognormal90": [100, 1000]}},
        math.exp((math.log(100) + math.log(1000)) / 2 + (math.log(10) / (2 * PHI.inv_cdf(0.95))) ** 2 / 2),
    ),
    "what others do because of it": (
        {"lef": {"poisson": 1}, "lm": 10, "secondary": {"probability": 0.2, "lm": 100}},
        30,
    ),
    "an uncertain share of secondary losses": (
        {"lef": {"poisson": 1}, "lm": 0, "secondary": {"probability": {"uniform": [0, 0.4]}, "lm": 100}},
        20,
    ),
    "a cap on each event": (
        {"lef": {"poisson": 3}, "lm": {"exponential": {"mean": 10}}, "cap_per_event": 5},
        3 * 10 * -math.expm1(-0.5),
    ),
    "a whole year's loss": ({"annual": {"uniform": [0, 10]}}, 5),
    "a Pareto with a mean": ({"draw": {"pareto": {"alpha": 3, "xm": 2}}}, 3),
    "an uncertain vulnerability": ({"tef": {"poisson": 4}, "vulnerability": {"uniform": [0, 1]}, "lm": 1}, 2),
    "a contest in each try": (
        {"tef": {"poisson": 4}, "vulnerability": {"tcap": {"uniform": [0, 1]}, "rs": 0.75}, "lm": 1},
        1,
    ),
    "a sum": ({"sum_of": {"a": {"uniform": [0, 2]}, "b": {"normal": [5, 1]}}}, 6),
    "a product": ({"product_of": {"a": {"uniform": [0, 2]}, "b": {"normal": [5, 1]}}}, 5),
    "two scenarios": (
        {"portfolio": [{"id": "a", "lef": {"poisson": 1}, "lm": 3}, {"id": "b", "lef": {"poisson": 2}, "lm": 5}]},
        13,
    ),
    "two scenarios with a common shock": (
        {
            "portfolio": [{"id": "a", "lef": {"poisson": 1}, "lm": 3}, {"id": "b", "lef": {"poisson": 2}, "lm": 5}],
            "dependence": {"common_shock": {"lef": {"poisson": 0.5}}},
        },
        17,
    ),
    "a net value": (
        {"benefit": {"uniform": [10, 30]}, "cost": 5, "loss": {"lef": {"poisson": 0.5}, "lm": 4}, "alternative": 1},
        13,
    ),
}


@pytest.mark.parametrize("case", MEANS, ids=str)
def test_mean(case: str) -> None:
    model, truth = MEANS[case]
    found = told(model)
    near(found["mean"], truth, found["standard_error"])


SDS = {
    "Poisson events of one size": ({"lef": {"poisson": 4}, "lm": 10}, 20.0),
    "Poisson events of exponential size": ({"lef": {"poisson": 2}, "lm": {"exponential": {"mean": 3}}}, 6.0),
    "an uncertain rate spreads more": (
        {"lef": {"poisson": {"gamma": {"shape": 2, "rate": 1}}}, "lm": 1},
        math.sqrt(2 + 2),
    ),
    "a uniform": ({"draw": {"uniform": [0, 12]}}, math.sqrt(12)),
    "comonotonic losses": (
        {"portfolio": [{"id": "a", "annual": {"uniform": [0, 1]}}, {"id": "b", "annual": {"uniform": [0, 3]}}],
         "dependence": "comonotonic"},
        4 / math.sqrt(12),
    ),
    "independent losses": (
        {"portfolio": [{"id": "a", "annual": {"uniform": [0, 1]}}, {"id": "b", "annual": {"uniform": [0, 3]}}]},
        math.sqrt(1 / 12 + 9 / 12),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SDS, ids=str)
def test_spread(case: str) -> None:
    model, truth = SDS[case]
    assert told(model)["sd"] == pytest.approx(truth, rel=0.01)


CHANCES = {
    "no event": ({"lef": {"poisson": 0.1}, "lm": 1e6}, math.exp(-0.1)),
    "no success": ({"tef": {"poisson": 2}, "vulnerability": 0.25, "lm": 1}, math.exp(-0.5)),
    "no event of a gamma rate": (
        {"lef": {"poisson": {"gamma": {"shape": 2, "rate": 4}}}, "lm": 1},
        (4 / 5) ** 2,
    ),
    "no event of two, a shock in common": (
        {
            "portfolio": [{"id": "a", "lef": {"poisson": 0.3}, "lm": 3}, {"id": "b", "lef": {"poisson": 0.2}, "lm": 5}],
            "dependence": {"common_shock": {"lef": {"poisson": 0.5}}},
        },
        math.exp(-1),
    ),
}


@pytest.mark.parametrize("case", CHANCES, ids=str)
def test_chance_of_a_year_without_loss(case: str) -> None:
    model, truth = CHANCES[case]
    found = told(model)
    near(found["p_zero"], truth, math.sqrt(truth * (1 - truth) / N))
    assert found["p_positive"] == pytest.approx(1 - found["p_zero"])


QUANTILES = {
    "a uniform": ({"draw": {"uniform": [0, 10]}}, 0.95, 9.5),
    "a normal": ({"draw": {"normal": [10, 2]}}, 0.9, 10 + 2 * PHI.inv_cdf(0.9)),
    "a lognormal": ({"draw": {"lognormal90": [100, 1000]}}, 0.95, 1000.0),
    "an exponential": ({"draw": {"exponential": {"mean": 2}}}, 0.99, -2 * math.log(0.01)),
    "a Pareto": ({"draw": {"pareto": {"alpha": 1.5, "xm": 1}}}, 0.9, 10 ** (1 / 1.5)),
    "a comonotonic sum adds quantiles": (
        {
            "portfolio": [
                {"id": "a", "annual": {"exponential": {"mean": 1}}},
                {"id": "b", "annual": {"uniform": [0, 2]}},
            ],
            "dependence": "comonotonic",
        },
        0.95,
        -math.log(0.05) + 1.9,
    ),
    "a sum of normals by a copula": (
        {
            "portfolio": [{"id": "a", "annual": {"normal": [50, 3]}}, {"id": "b", "annual": {"normal": [40, 4]}}],
            "dependence": {"gaussian": 0.5},
        },
        0.95,
        90 + math.sqrt(9 + 16 + 12) * PHI.inv_cdf(0.95),
    ),
}


@pytest.mark.parametrize("case", QUANTILES, ids=str)
def test_quantile(case: str) -> None:
    model, p, truth = QUANTILES[case]
    found = told(model)
    near(found["q"][f"{p:g}"], truth, found["q_error"][f"{p:g}"])


def test_exceedance_of_one_event() -> None:
    found = told({"lef": {"poisson": 0.1}, "lm": 1e6, "exceed": [500_000, 1_500_000]})
    near(found["exceed"]["500000"], -math.expm1(-0.1), found["exceed_error"]["500000"])
    near(found["exceed"]["1500000"], 1 - math.exp(-0.1) * 1.1, found["exceed_error"]["1500000"])


def test_contest_of_normals() -> None:
    found = told({"vulnerability_from": {"tcap": {"normal": [0, 1]}, "rs": {"normal": [1, 1]}}})
    near(found["vulnerability"], PHI.cdf(-1 / math.sqrt(2)), found["standard_error"])


def test_correlation_of_a_common_shock() -> None:
    model = {
        "portfolio": [{"id": "a", "lef": {"poisson": 1}, "lm": 1}, {"id": "b", "lef": {"poisson": 3}, "lm": 1}],
        "dependence": {"common_shock": {"lef": {"poisson": 1}}},
    }
    near(told(model)["corr"], 1 / math.sqrt(2 * 4), 1 / math.sqrt(N))


def test_correlation_of_a_copula() -> None:
    model = {
        "portfolio": [{"id": "a", "annual": {"uniform": [0, 1]}}, {"id": "b", "annual": {"uniform": [0, 1]}}],
        "dependence": {"gaussian": [[1, 0.6], [0.6, 1]]},
    }
    near(told(model)["corr"], 6 / math.pi * math.asin(0.3), 1 / math.sqrt(N))


def test_first_order_shares_of_a_product() -> None:
    found = told({"product_of": {"a": {"uniform": [0, 1]}, "b": {"uniform": [1, 2]}}})["sobol_first"]
    whole = (1 / 3) * (7 / 3) - 0.25 * 2.25
    assert found["a"] == pytest.approx(2.25 / 12 / whole, rel=0.01)
    assert found["b"] == pytest.approx(0.25 / 12 / whole, rel=0.01)


def test_net_value_against_doing_without() -> None:
    model = {"benefit": 20, "cost": 5, "loss": {"lef": {"poisson": 0.5}, "lm": 4}, "alternative": {"value": -3}}
    found = told(model)
    near(found["mean"], 13, found["standard_error"])
    near(found["risk_of_not_using"], 16, found["risk_of_not_using_error"])
    assert found["alternative"] == -3


CONTROLS = {
    "lef": {"poisson": 2},
    "lm": 100,
    "controls": [{"id": "x", "effect": 0.5, "cost": 10}, {"id": "y", "effect": {"magnitude": 0.4}, "cost": 5}],
}


def test_controls_alone_last_and_by_shapley() -> None:
    found = told(CONTROLS)
    base = found["ale_before"]
    near(base, 200, found["standard_error"])
    assert found["alone"] == pytest.approx({"x": base * 0.5, "y": base * 0.4})
    assert found["last_in"] == pytest.approx({"x": base * 0.6 * 0.5, "y": base * 0.5 * 0.4})
    assert sum(found["shapley"].values()) == pytest.approx(base * 0.7)
    near(found["value"], 200 * 0.7 - 15, found["value_error"] + found["standard_error"])
    assert found["break_even_cost"] == pytest.approx(found["ale_before"] - found["ale_after"])
    assert found["rosi"] == pytest.approx(found["value"] / 15)


def test_sampled_shapley_adds_up_as_the_exact_one_does() -> None:
    controls = [{"id": f"c{n}", "effect": 0.05 * (n + 1)} for n in range(13)]
    found = told({"lef": {"poisson": 1}, "lm": 100, "controls": controls}, draws=20_000)
    assert found["shapley_exact"] is False
    left = math.prod(1 - 0.05 * (n + 1) for n in range(13))
    assert sum(found["shapley"].values()) == pytest.approx(found["ale_before"] * (1 - left))
    assert found["shapley"]["c0"] < found["shapley"]["c12"] < found["alone"]["c12"]


def test_same_seed_same_answer_and_another_scenario_changes_none() -> None:
    one = {"id": "a", "lef": {"poisson": 1}, "lm": {"lognormal90": [1, 9]}}
    two = {"id": "b", "lef": {"poisson": 2}, "lm": {"lognormal90": [2, 9]}}
    alone = told({"portfolio": [one]}, draws=5000)["scenarios"][0]
    both = told({"portfolio": [two, one]}, draws=5000)["scenarios"][1]
    assert alone == both
    assert told({"portfolio": [one]}, draws=5000) == told({"portfolio": [one]}, draws=5000)
    assert told({"portfolio": [one]}, draws=5000, seed=8)["mean"] != alone["ale"]


def test_blocks_do_not_change_what_a_year_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from safecase.engines.simulation import years

    monkeypatch.setattr(years, "BLOCK", 1024)
    found = told(MEANS["exponential losses"][0], draws=100_000)
    near(found["mean"], 100, found["standard_error"])
