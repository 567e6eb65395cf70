from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.statistics import (
    exact,
    exact_lower,
    exact_upper,
    sprt,
    tries_to_see,
    tries_to_settle,
    upper_bound_at_zero,
    wilson,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 2000))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(("n", "bound"), [(30, 0.0950), (59, 0.0495), (299, 0.0100), (2995, 0.0010)])
def test_no_hit_in_n_rules_out_the_known_rates(n: int, bound: float) -> None:
    assert upper_bound_at_zero(n) == pytest.approx(bound, abs=0.00006)
    assert exact_upper(0, n) == pytest.approx(upper_bound_at_zero(n), abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (4, 6, 0.2228, 0.9567),
    ],
)
def test_the_exact_interval_is_the_one_in_the_tables(hits: int, n: int, low: float, high: float) -> None:
    assert exact(hits, n) == pytest.approx((low, high), abs=0.00006)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(4, 6, 0.300, 0.903), (10, 10, 0.7225, 1.0), (0, 30, 0.0, 0.1135)],
)
def test_the_wilson_interval_is_the_one_in_the_tables(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=0.0006)


@pytest.mark.parametrize(("rate", "n", "covered"), [(0.02, 30, 0.979), (0.05, 30, 0.939)])
def test_the_wilson_interval_covers_what_enumeration_says(rate: float, n: int, covered: float) -> None:
    hit = sum(_chance(k, n, rate) for k in range(n + 1) if wilson(k, n).low <= rate <= wilson(k, n).high)
    assert hit == pytest.approx(covered, abs=0.001)


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n", [10, 30, 100])
def test_the_exact_interval_covers_what_it_promises(rate: float, n: int) -> None:
    within = [k for k in range(n + 1) if exact(k, n).low <= rate <= exact(k, n).high]
    assert sum(_chance(k, n, rate) for k in within) >= 0.95


def test_bounds_stay_accurate_for_large_samples() -> None:
    bound = exact_upper(100, 100_000, 0.975)
    assert sum(_chance(k, 100_000, bound) for k in range(101)) == pytest.approx(0.025, rel=1e-6)


def test_thirty_one_clean_tries_settle_safe_and_two_hits_settle_vulnerable() -> None:
    assert [sprt(0, n, 0.01, 0.10) for n in (30, 31)] == ["open", "safe"]
    assert [sprt(n, n, 0.01, 0.10) for n in (1, 2)] == ["open", "vulnerable"]


def test_a_dozen_clean_tries_want_nineteen_more() -> None:
    assert tries_to_settle(0, 12, 0.01, 0.10) == 19
    assert tries_to_settle(0, 40, 0.01, 0.10) == 0


@pytest.mark.parametrize(("rate", "tries"), [(0.2, 14), (0.1, 29), (0.05, 59), (0.01, 299), (1.0, 1)])
def test_rare_effects_need_the_known_number_of_tries(rate: float, tries: int) -> None:
    assert tries_to_see(rate) == tries


@pytest.mark.parametrize(("rate", "settled"), [(0.01, "vulnerable"), (0.10, "safe")])
def test_the_sequential_test_errs_no_more_often_than_it_says(rate: float, settled: str) -> None:
    wrong, alive = 0.0, {0: 1.0}
    for n in range(1, 800):
        after: dict[int, float] = {}
        for hits, chance in alive.items():
            for more, share in ((0, 1 - rate), (1, rate)):
                after[hits + more] = after.get(hits + more, 0.0) + chance * share
        wrong += sum(chance for hits, chance in after.items() if sprt(hits, n, 0.01, 0.10) == settled)
        alive = {hits: chance for hits, chance in after.items() if sprt(hits, n, 0.01, 0.10) == "open"}
    assert sum(alive.values()) < 1e-6
    assert wrong < 0.055


@given(counts())
def test_an_interval_is_ordered_and_holds_the_estimate(counted: tuple[int, int]) -> None:
    hits, n = counted
    for low, high in (wilson(hits, n), exact(hits, n)):
        assert 0 <= low <= hits / n <= high <= 1


@given(counts(), st.floats(0.5, 0.99), st.floats(0.001, 0.009))
def test_more_confidence_makes_a_wider_interval(counted: tuple[int, int], confidence: float, more: float) -> None:
    narrow, wide = exact(*counted, confidence), exact(*counted, confidence + more)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(counts())
def test_one_more_hit_raises_both_bounds(counted: tuple[int, int]) -> None:
    hits, n = counted
    if hits < n:
        assert exact_lower(hits, n) < exact_lower(hits + 1, n)
        assert exact_upper(hits, n) < exact_upper(hits + 1, n) or hits + 1 == n
        assert wilson(hits, n).low <= wilson(hits + 1, n).low


@given(counts(), st.floats(0.002, 0.5))
def test_the_tries_that_are_said_to_settle_it_do_and_one_less_does_not(counted: tuple[int, int], limit: float) -> None:
    hits, n = counted
    more = tries_to_settle(hits, n, limit / 10, limit)
    assert sprt(hits, n + more, limit / 10, limit) == "safe"
    assert more == 0 or sprt(hits, n + more - 1, limit / 10, limit) != "safe"


IMPOSSIBLE = (lambda: wilson(2, 1), lambda: exact(-1, 3), lambda: sprt(0, 1, 0.1, 0.1), lambda: tries_to_see(0))


@pytest.mark.parametrize("call", IMPOSSIBLE)
def test_counts_that_cannot_be_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()


def test_without_any_try_nothing_is_ruled_out() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert exact(0, 0) == (0.0, 1.0)
    assert upper_bound_at_zero(0) == 1.0


def _chance(hits: int, n: int, rate: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(hits + 1) - math.lgamma(n - hits + 1)
    return math.exp(ways + hits * math.log(rate) + (n - hits) * math.log1p(-rate))
