"""Texts that say other things in words alike are told apart by the encoder, and those of one kind are not."""

from __future__ import annotations

import random

import pytest

from safecase.measures.testing.drift.comparing import compare
from safecase.measures.testing.drift.samples import Sample, Window

pytest.importorskip("onnxruntime", reason="make heavy installs onnxruntime")
pytestmark = pytest.mark.heavy

GARDEN = ("the roses", "the lilies", "the old trees", "the herbs", "the gate", "the tea room")
BANK = ("the loan", "the account", "the savings", "the interest", "the branch", "the transfer")


def window(seed: int, about: tuple[str, ...]) -> Window:
    rng, found = random.Random(seed), Window(seed)
    ways = ("You will find {} on our site.", "Ask the staff about {}.", "We tell you more about {} on Monday.")
    for _ in range(150):
        found.add(Sample(numbers={}, words={}, text=rng.choice(ways).format(rng.choice(about))))
    return found


def test_what_texts_mean_is_compared() -> None:
    stable, drifted = (compare(window(1, GARDEN), window(2, now)) for now in (GARDEN, BANK))
    names = {one.name for one in stable.metrics}
    assert names == {"texts (encoder)", "texts (hashed runs of three signs)"}
    assert stable.verdict == "stable"
    assert {one.name for one in drifted.metrics if one.drifted} == names
