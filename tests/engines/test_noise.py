"""Questions as somebody in a hurry types them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.noise import disturbed


def hurried(text: str, seed: int = 1) -> str:
    return disturbed(text, random.Random(seed))


def test_a_question_loses_its_capitals_and_signs_and_a_word_is_misspelled() -> None:
    typed = hurried("When does the garden open, please? I come on Monday.")
    words = ["when", "does", "the", "garden", "open", "please", "i", "come", "on", "monday"]
    assert len(typed.split()) == len(words)
    assert sum(one != other for one, other in zip(typed.split(), words, strict=True)) == 1


@pytest.mark.parametrize(
    "kept", ["12.50", "https://garden.example/Visit", "a.b@c.example", "`DROP x`", '"As It Was"', "BVG"]
)
def test_what_is_typed_with_care_stays(kept: str) -> None:
    assert all(kept in hurried(f"What is the answer to {kept} in the garden?", seed) for seed in range(20))


def test_a_script_of_signs_for_words_is_left_alone() -> None:
    assert hurried("営業時間は何時ですか") == "営業時間は何時ですか"


@given(st.text(max_size=200), st.integers(0, 5))
def test_the_same_seed_gives_the_same_of_any_text(text: str, seed: int) -> None:
    assert hurried(text, seed) == hurried(text, seed)


@given(st.lists(st.sampled_from(["garden", "ticket", "open", "the", "12:30"]), min_size=1, max_size=30))
def test_about_one_word_in_six_is_misspelled(words: list[str]) -> None:
    typed = hurried(" ".join(words)).split()
    slipped = sum(one != other for one, other in zip(words, typed, strict=True))
    long = sum(len(word) > 3 and word != "12:30" for word in words)
    assert slipped == (max(1, long // 6) if long else 0)
