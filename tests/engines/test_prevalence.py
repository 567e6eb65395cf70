"""Rates without the errors of who judged: the estimate, and an interval that keeps its promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.prevalence import Accuracy, Share, corrected


def test_the_published_example_comes_out() -> None:
    # A detector with sensitivity .921 and specificity .385 says .62: hardly anything is left of it.
    judge = Accuracy(Share(921, 1000), Share(385, 1000))
    found = corrected(Share(620, 1000), judge)
    assert found is not None
    assert found.rate == pytest.approx(0.016, abs=0.001)
    assert found.interval.low == 0
    assert found.interval.high < 0.2


@pytest.mark.parametrize(
    "judge", [(Share(10, 20), Share(10, 20)), (Share(1, 20), Share(5, 20)), (Share(0, 0), Share(9, 9))]
)
def test_a_judge_that_tells_no_more_than_chance_corrects_nothing(judge: tuple[Share, Share]) -> None:
    assert corrected(Share(5, 10), Accuracy(*judge)) is None


@given(st.integers(1, 200), st.data())
def test_rate_and_interval_are_shares_in_order(n: int, data: st.DataObject) -> None:
    def share(size: int) -> Share:
        return Share(data.draw(st.integers(0, size)), size)

    found = corrected(share(n), Accuracy(share(30), share(30)))
    if found is not None:
        assert 0 <= found.interval.low <= found.interval.high <= 1
        assert 0 <= found.rate <= 1


def test_a_judge_that_never_errs_leaves_the_rate_as_it_is() -> None:
    found = corrected(Share(30, 100), Accuracy(Share(500, 500), Share(500, 500)))
    assert found is not None
    assert found.rate == pytest.approx(0.3)
    assert found.interval.low < 0.3 < found.interval.high


@pytest.mark.parametrize("accuracy", [(0.9, 0.9), (0.95, 0.7), (0.7, 0.95), (0.99, 0.99)])
@pytest.mark.parametrize("true", [0.0, 0.02, 0.2, 0.5, 0.95])
def test_the_interval_covers_what_is_true_as_often_as_it_says(accuracy: tuple[float, float], true: float) -> None:
    rng, rounds, covered = random.Random(3), 400, 0
    sensitivity, specificity = accuracy

    def drawn(n: int, rate: float) -> Share:
        return Share(sum(rng.random() < rate for _ in range(n)), n)

    for _ in range(rounds):
        judge = Accuracy(drawn(50, sensitivity), drawn(50, specificity))
        found = corrected(drawn(100, true * sensitivity + (1 - true) * (1 - specificity)), judge)
        assert found is not None
        covered += found.interval.low - 1e-9 <= true <= found.interval.high + 1e-9
    # 95 % are promised; so few rounds may miss that by 2.6 standard errors.
    assert covered / rounds > 0.95 - 2.6 * (0.05 * 0.95 / rounds) ** 0.5
