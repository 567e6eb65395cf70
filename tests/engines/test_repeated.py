"""Rates of tries that repeat each other, and of tries that were stopped when they were clear."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.repeated import clustered, hit_at, p_when_stopped
from safecase.engines.statistics import sprt, wilson


def test_tries_that_are_alike_in_each_cluster_are_worth_one_each() -> None:
    found = clustered([(10, 10), (0, 10), (10, 10), (0, 10), (0, 10), (0, 10)])
    assert found.design_effect > 8
    assert found.interval.low < wilson(20, 60).low
    assert found.interval.high > wilson(20, 60).high


def test_independent_tries_stay_as_they_are() -> None:
    found = clustered([(1, 4), (1, 4), (1, 4), (1, 4)])
    assert found.design_effect == 1
    assert found.interval == wilson(4, 16)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_whatever_the_counts_the_interval_holds_the_rate(counts: list[tuple[int, int]]) -> None:
    rows = [(min(hits, n), n) for hits, n in counts]
    found = clustered(rows)
    n = sum(one for _, one in rows)
    rate = sum(hits for hits, _ in rows) / n if n else 0.0
    assert found.interval.low <= rate + 1e-9
    assert rate - 1e-9 <= found.interval.high
    assert found.design_effect >= 1


def test_the_interval_covers_the_rate_of_clusters_nineteen_times_in_twenty() -> None:
    rng = random.Random(5)
    held = 0
    for _ in range(400):
        counts = []
        for _ in range(40):
            rate = 0.6 if rng.random() < 0.5 else 0.0
            counts.append((sum(rng.random() < rate for _ in range(6)), 6))
        low, high = clustered(counts).interval
        held += low <= 0.3 <= high
    assert held >= 360


@pytest.mark.parametrize(("rate", "k", "chance"), [(0.0, 10, 0.0), (1.0, 1, 1.0), (0.1, 10, 0.6513), (0.5, 2, 0.75)])
def test_a_rate_says_how_likely_one_of_many_tries_works(rate: float, k: int, chance: float) -> None:
    assert hit_at(rate, k) == pytest.approx(chance, abs=1e-4)


def test_the_p_holds_though_tries_were_stopped_when_they_were_clear() -> None:
    rng = random.Random(3)
    small = 0
    for _ in range(2000):
        hits = n = 0
        while n < 200 and sprt(hits, n, 0.01, 0.1) == "open":
            hits += rng.random() < 0.01
            n += 1
        small += p_when_stopped(hits, n, 0.01, 0.1) <= 0.05
    assert small / 2000 <= 0.05
