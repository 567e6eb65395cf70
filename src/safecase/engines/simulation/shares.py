"""What each control is worth: alone, as the last one added, and by Shapley. Pure; no draws.

Shares multiply: what two controls take away together is less than the sum of what each takes away alone. The value of
a coalition is what it takes off the mean of a year; what it costs is told beside it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

EXACT = 12
"""Up to so many controls every order counts; above, so many orders are drawn."""
ORDERS = 2000


class Worth(NamedTuple):
    """Of each control, by id; all in the same money a year."""

    alone: dict[str, float]
    last_in: dict[str, float]
    shapley: dict[str, float]
    exact: bool


def worth(ids: Sequence[str], loss: Callable[[frozenset[str]], float], *, seed: int = 1) -> Worth:
    """Give what each control takes off; `loss` gives the mean of a year with some of them."""
    known: dict[frozenset[str], float] = {}

    def of(some: frozenset[str]) -> float:
        value = known.get(some)
        if value is None:
            value = known[some] = loss(some)
        return value

    every = frozenset(ids)
    alone = {one: of(frozenset()) - of(frozenset({one})) for one in ids}
    last = {one: of(every - {one}) - of(every) for one in ids}
    exact = len(ids) <= EXACT
    shapley = _exact(ids, of) if exact else _sampled(ids, of, seed)
    return Worth(alone, last, shapley, exact)


def _exact(ids: Sequence[str], of: Callable[[frozenset[str]], float]) -> dict[str, float]:
    n = len(ids)
    found = dict.fromkeys(ids, 0.0)
    for one in ids:
        others = [other for other in ids if other != one]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for some in itertools.combinations(others, size):
                before = frozenset(some)
                found[one] += weight * (of(before) - of(before | {one}))
    return found


def _sampled(ids: Sequence[str], of: Callable[[frozenset[str]], float], seed: int) -> dict[str, float]:
    """Walk drawn orders and their reverses, which err against each other."""
    rng = random.Random(seed)  # noqa: S311  no secret
    found = dict.fromkeys(ids, 0.0)
    for _ in range(ORDERS // 2):
        order = list(ids)
        rng.shuffle(order)
        for walk in (order, order[::-1]):
            some: frozenset[str] = frozenset()
            value = of(some)
            for one in walk:
                some |= {one}
                after = of(some)
                found[one] += (value - after) / ORDERS
                value = after
    return found
