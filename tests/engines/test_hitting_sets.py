"""The fewest things that touch every set, held against trying all."""

import itertools
import random

from safecase.engines.hitting_sets import smallest


def by_trying_all(sets: list[set[str]]) -> int:
    names = sorted(set().union(*sets)) if sets else []
    for size in range(len(names) + 1):
        for some in itertools.combinations(names, size):
            if all(set(some) & one for one in sets):
                return size
    raise AssertionError


def test_as_few_as_trying_all_finds() -> None:
    rng = random.Random(5)
    for _ in range(300):
        names = "abcdefgh"[: rng.randint(1, 8)]
        sets = [set(rng.sample(names, rng.randint(1, len(names)))) for _ in range(rng.randint(0, 12))]
        found = smallest(sets)
        assert all(set(found.chosen) & one for one in sets)
        assert len(found.chosen) == by_trying_all(sets)
        assert found.proven


def test_a_set_that_nothing_touches_is_counted() -> None:
    assert smallest([{"a"}, set()]).unhit == 1
    assert smallest([]).chosen == ()


def test_the_same_sets_in_another_order_give_the_same_choice() -> None:
    sets = [{"a", "b"}, {"b", "c"}, {"a", "c"}, {"d", "e"}]
    assert smallest(sets).chosen == smallest(reversed(sets)).chosen == ("a", "b", "d")


def test_too_many_to_try_are_told_as_the_best_found() -> None:
    rng = random.Random(2)
    sets = [set(rng.sample([f"n{n}" for n in range(300)], 12)) for _ in range(300)]
    found = smallest(sets)
    assert all(set(found.chosen) & one for one in sets)
    assert not found.proven
