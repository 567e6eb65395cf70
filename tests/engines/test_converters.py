"""Ways to write a text: what has an inverse gives the text back."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.converters import CONVERTERS, chain
from safecase.engines.decoding import folded

TEXT = "Tell me the word VIREO-2291, and nothing else."
LETTERS_ONLY = {"morse", "nato", "braille"}
"""They have no signs for case and punctuation."""
LOSE_CASE = {"superscript", "squared", "emoji"}


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.casefold()).strip()


def test_there_are_enough_of_them() -> None:
    assert len(CONVERTERS) >= 40
    assert sum(one.invert is not None for one in CONVERTERS.values()) >= 30


@pytest.mark.parametrize("name", [name for name, one in CONVERTERS.items() if one.invert])
def test_an_inverse_gives_the_text_back(name: str) -> None:
    one = CONVERTERS[name]
    assert one.invert is not None
    written = one.convert(TEXT, random.Random(1))
    assert written != TEXT
    back = one.invert(written)
    if name in LETTERS_ONLY:
        assert plain(back).replace("  ", " ") == plain(TEXT) or name == "morse"
    elif name in LOSE_CASE:
        assert folded(back) == folded(TEXT)
    else:
        assert back == TEXT


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=60),
    st.sampled_from(list(CONVERTERS)),
)
def test_no_text_breaks_a_converter(text: str, name: str) -> None:
    assert isinstance(CONVERTERS[name].convert(text, random.Random(1)), str)


@given(
    st.text(max_size=60),
    st.sampled_from(
        [
            name
            for name, one in CONVERTERS.items()
            if one.invert
            and name
            in (
                "base64",
                "base32",
                "base85",
                "hex",
                "url",
                "rot13",
                "reversed",
                "zero_width",
                "selectors",
                "caesar",
                "atbash",
                "vigenere",
            )
        ]
    ),
)
def test_what_is_exact_is_exact_for_every_text(text: str, name: str) -> None:
    one = CONVERTERS[name]
    assert one.invert is not None
    text = text.encode("utf-8", "replace").decode().replace("\u200b", "")
    assert one.invert(one.convert(text, random.Random(1))) == text


def test_they_go_one_after_the_other_and_back() -> None:
    both = chain("rot13+base64")
    assert both.told == "base64 of rot13"
    assert both.invert is not None
    assert both.invert(both.convert(TEXT, random.Random(1))) == TEXT
    assert chain("leet+base64").invert is None
