"""A text as a picture."""

from __future__ import annotations

import textwrap
import zlib

from hypothesis import given
from hypothesis import strategies as st

from safecase.engines.pictures import GLYPHS, MOST_CHARACTERS, png
from tests.measures.seeing_bot import read


@given(st.text(alphabet="".join(GLYPHS) + "aé\n€", max_size=200), st.integers(1, 6))
def test_whatever_is_written_can_be_read_again(text: str, scale: int) -> None:
    kept = "".join(c for c in text.upper() if c in GLYPHS or c.isspace())
    assert read(png(text, scale=scale), scale).split() == " ".join(textwrap.wrap(kept, 36)).split()


def test_a_picture_is_small_and_bounded() -> None:
    picture = png("A" * 10 * MOST_CHARACTERS)
    assert len(picture) < 30_000
    assert zlib.crc32(picture[12:29]) == int.from_bytes(picture[29:33], "big")
