from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.paired import detectable, holm, mcnemar, mean_difference, share_difference, sign_flip
from safecase.engines.statistics import weighted_share


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    # scipy 1.17.1: binomtest(better, better + worse).pvalue
    [(1, 9, 0.021484375), (3, 8, 0.2265625), (0, 6, 0.03125), (40, 80, 0.00033040001839131815), (12, 13, 1.0)],
)
def test_mcnemars_p_is_the_exact_binomial_one(better: int, worse: int, p: float) -> None:
    assert mcnemar(better, worse) == pytest.approx(p, rel=1e-9)
    assert mcnemar(worse, better) == pytest.approx(p, rel=1e-9)


def test_rows_that_did_not_change_say_nothing() -> None:
    assert mcnemar(0, 0) == sign_flip([]) == sign_flip([0.0] * 50) == 1.0
    assert sign_flip([1.0] * 9 + [-1.0]) == sign_flip([1.0] * 9 + [-1.0] + [0.0] * 500) == mcnemar(9, 1)


def test_a_fall_from_97_to_87_of_400_is_seen_and_one_from_97_25_to_96_25_is_not() -> None:
    assert mcnemar(2, 42) < 1e-6
    assert mcnemar(4, 8) > 0.3


def test_drawn_signs_come_near_to_all_of_them() -> None:
    differences = [0.5, 0.25, -0.25, 1.0, 0.75, 0.5, -0.5, 1.0, 0.25, 0.5]
    seen = abs(sum(differences))
    sums = [
        abs(sum(d if signs >> at & 1 else -d for at, d in enumerate(differences)))
        for signs in range(2 ** len(differences))
    ]
    assert sign_flip(differences) == pytest.approx(sum(one >= seen - 1e-9 for one in sums) / len(sums), abs=0.01)


def test_holms_adjustment_is_the_known_one() -> None:
    # Holm 1979: the smallest times 4, the next times 3, never below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_ps_are_never_smaller_and_keep_their_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(after >= before for before, after in zip(ps, adjusted, strict=True))
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    assert [adjusted[at] for at in order] == sorted(adjusted)


def test_an_interval_has_a_width_where_nothing_changed() -> None:
    low, high = share_difference([1.0] * 20, [1.0] * 20)
    assert low < -0.1
    assert high > 0.1
    assert share_difference([], []) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("n", "worse", "better"), [(30, 0.05, 0.02), (30, 0.2, 0.1), (100, 0.1, 0.05), (100, 0.0, 0.0)]
)
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_interval_of_a_difference_covers_it(n: int, worse: float, better: float, repeats: int) -> None:
    rng = random.Random(4)
    covered = 0
    for _ in range(300):
        kinds = rng.choices(["worse", "better", "right"], [worse, better, 1 - worse - better], k=n)
        old = [_repeated(rng, 0.1 if kind == "better" else 0.9, repeats) for kind in kinds]
        new = [_repeated(rng, 0.1 if kind == "worse" else 0.9, repeats) for kind in kinds]
        low, high = share_difference(old, new)
        covered += low <= 0.8 * (better - worse) <= high
    assert covered >= 0.93 * 300


def _repeated(rng: random.Random, rate: float, repeats: int) -> float:
    return sum(rng.random() < rate for _ in range(repeats)) / repeats


@pytest.mark.parametrize(
    ("draw", "mean"),
    [(lambda rng: rng.gauss(0.1, 0.3), 0.1), (lambda rng: rng.random() ** 3 - 0.25, 0.0)],
)
def test_the_bootstrap_of_scores_covers_their_mean(draw: Callable[[random.Random], float], mean: float) -> None:
    rng = random.Random(2)
    covered = 0
    for seed in range(60):
        low, high = mean_difference([draw(rng) for _ in range(20)], seed=seed)
        covered += low <= mean <= high
    assert covered >= 54


def test_few_or_equal_scores_are_no_defect() -> None:
    assert mean_difference([]) == mean_difference([0.5]) == (-math.inf, math.inf)
    assert mean_difference([0.5] * 9) == (0.5, 0.5)


@pytest.mark.parametrize("repeats", [1, 5])
@pytest.mark.parametrize("rate", [0.02, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [10, 60])
def test_the_interval_of_a_share_covers_it_however_often_rows_are_repeated(n: int, rate: float, repeats: int) -> None:
    rng = random.Random(9)
    covered = 0
    for _ in range(400):
        rates = [rng.betavariate(2 * rate, 2 * (1 - rate)) for _ in range(n)]
        values = [_repeated(rng, one, repeats) for one in rates]
        low, high = weighted_share(values, [1.0] * n).interval
        covered += low <= rate <= high
    # Wilson's interval itself covers some 0.92 of ten throws at a rate of 0.02.
    assert covered >= (0.93 if n > 10 else 0.88) * 400


def test_weights_count_and_cost_rows() -> None:
    even, uneven = weighted_share([1, 0, 1, 0], [1, 1, 1, 1]), weighted_share([1, 0, 1, 0], [3, 1, 3, 1])
    assert (even.rate, even.n) == (0.5, 4)
    assert uneven.rate == pytest.approx(0.75)
    assert uneven.n < 4
    assert weighted_share([], []).interval == (0.0, 1.0)


def test_a_difference_that_is_called_detectable_is_detected_in_four_of_five_cases() -> None:
    n, changing = 200, 0.1
    least = detectable(n, round(n * changing))
    rng = random.Random(1)
    seen = 0
    for _ in range(400):
        worse = sum(rng.random() < (changing + least) / 2 for _ in range(n))
        better = sum(rng.random() < (changing - least) / 2 for _ in range(n))
        seen += mcnemar(better, worse) <= 0.05
    assert 0.7 <= seen / 400 <= 0.9
    assert detectable(0, 0) == 1.0


def test_versions_that_are_the_same_are_seldom_called_different() -> None:
    rng = random.Random(8)
    called = 0
    for _ in range(1000):
        changed = sum(rng.random() < 0.08 for _ in range(100))
        better = sum(rng.random() < 0.5 for _ in range(changed))
        called += mcnemar(better, changed - better) <= 0.05
    assert called <= 50
