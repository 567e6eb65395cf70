"""The tests that drift is settled by: against tables, against each other, and on what they must not do."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.drift import (
    agreement,
    binned,
    categorical,
    chi_square_tail,
    hashed,
    holm,
    kolmogorov_smirnov,
    psi,
    vectors,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


@pytest.mark.parametrize(
    ("square", "freedom", "tail"),
    [
        (3.841459, 1, 0.05),
        (5.991465, 2, 0.05),
        (18.30704, 10, 0.05),
        (6.634897, 1, 0.01),
        (0.0, 3, 1.0),
        (100, 10, 0.0),
    ],
)
def test_chi_square_is_that_of_the_tables(square: float, freedom: int, tail: float) -> None:
    assert chi_square_tail(square, freedom) == pytest.approx(tail, abs=1e-6)


def test_kolmogorov_is_that_of_the_tables() -> None:
    # Critical values of large samples: 1.358 at 5 %, 1.628 at 1 %, times the root of (n + m) / nm.
    n = 5000
    for factor, level in ((1.358, 0.05), (1.628, 0.01)):
        gap = factor * (2 / n) ** 0.5
        shifted = [number / n + gap for number in range(n)]
        found = kolmogorov_smirnov([number / n for number in range(n)], shifted)
        assert found.p == pytest.approx(level, rel=0.05)


@given(NUMBERS, NUMBERS)
def test_chances_and_effects_are_within_their_bounds(one: list[float], other: list[float]) -> None:
    found = kolmogorov_smirnov(one, other)
    assert 0 <= found.effect <= 1
    assert 0 <= found.p <= 1
    assert psi(*binned(one, other)) >= 0
    kinds = categorical([round(x) % 4 for x in one], [round(x) % 4 for x in other])
    assert kinds.effect >= 0
    assert 0 <= kinds.p <= 1


@given(NUMBERS)
def test_a_sample_does_not_differ_from_itself(numbers: list[float]) -> None:
    assert kolmogorov_smirnov(numbers, numbers).p == 1
    assert categorical(numbers, numbers).p == pytest.approx(1)
    assert psi(*binned(numbers, numbers)) == pytest.approx(0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_makes_a_chance_smaller_and_keeps_their_order(chances: list[float]) -> None:
    found = holm(chances)
    assert all(after >= before for before, after in zip(chances, found, strict=True))
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    assert all(found[a] <= found[b] for a, b in pairwise(order))
    assert found[order[0]] == pytest.approx(min(1.0, len(chances) * chances[order[0]]))


def test_each_test_alarms_as_rarely_as_it_promises() -> None:
    rng = random.Random(7)
    rounds, alarms = 400, [0, 0, 0, 0]
    for _ in range(rounds):
        one, other = ([rng.gauss(0, 1) for _ in range(80)] for _ in range(2))
        alarms[0] += kolmogorov_smirnov(one, other).p < 0.05
        alarms[1] += categorical([x > 1 for x in one], [x > 1 for x in other]).p < 0.05
        few = [[(rng.random(), rng.random()) for _ in range(15)] for _ in range(2)]
        alarms[2] += vectors(*few, rng=rng, rounds=99).p < 0.05
        pairs = [([str(rng.random()) for _ in range(2)], [str(rng.random()) for _ in range(2)]) for _ in range(4)]
        alarms[3] += agreement(pairs, rng=rng, rounds=59).p < 0.05
    assert all(count <= 0.05 * rounds + 2.6 * (0.05 * 0.95 * rounds) ** 0.5 for count in alarms)


def test_kinds_that_are_rare_are_put_together() -> None:
    one = ["a"] * 95 + [f"rare {n}" for n in range(5)]
    other = ["a"] * 95 + [f"other {n}" for n in range(5)]
    assert categorical(one, other).p > 0.5


def test_hashed_texts_are_directions_and_tell_languages_apart() -> None:
    english = [hashed(f"the gate opens at {n} and the garden is large") for n in range(30)]
    german = [hashed(f"das Tor öffnet um {n} und der Garten ist groß") for n in range(30)]
    assert sum(value * value for value in english[0]) == pytest.approx(1)
    assert vectors(english, german, rng=random.Random(1), rounds=99).p == pytest.approx(0.01)
    assert hashed("") == hashed("  ")


def test_answers_that_all_came_again_are_no_change_and_new_ones_are() -> None:
    same = [([f"yes {n}"] * 3, [f"yes {n}"] * 3) for n in range(5)]
    new = [([f"yes {n}"] * 3, [f"entirely otherwise {n}"] * 3) for n in range(5)]
    assert agreement(same, rng=random.Random(1)).p == 1
    assert agreement(new, rng=random.Random(1)).p < 0.01
