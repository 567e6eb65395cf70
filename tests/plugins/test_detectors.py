"""Detectors: what they give is held against the text, and a text without end is cut and said to be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.detectors import DETECTORS
from safecase.detectors.detector import MOST_CHARACTERS, MOST_SPANS, Span, detector
from safecase.errors import CollectError
from safecase.plugins import detectors


def test_a_credential_is_found_where_it_stands() -> None:
    key = "sk-ant-api03-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7" * 3 + "aB3dE6gH9jK2mN"
    text = f"the key is {key}, keep it"
    (span,) = detectors()["secrets"](text).spans
    assert text[span.start : span.end] == key
    assert span.rule == "anthropic"
    assert key not in span.label


def test_every_shipped_detector_has_an_id_of_its_own_and_a_page() -> None:
    assert len({d.id for d in DETECTORS}) == len(DETECTORS)
    assert all(d.doc.splitlines()[0].strip() for d in DETECTORS)


@given(st.text(max_size=400))
def test_the_spans_of_any_text_lie_in_it(text: str) -> None:
    for each in DETECTORS:
        detection = each(text)
        assert detection.whole
        assert all(0 <= span.start <= span.end <= len(text) for span in detection.spans)


def test_a_part_that_is_not_in_the_text_is_refused() -> None:
    @detector("odd.beyond")
    def beyond(text: str) -> Iterator[Span]:
        """Give what is not there."""
        yield Span(start=0, end=len(text) + 1, label="beyond")

    with pytest.raises(CollectError, match=r"odd\.beyond"):
        beyond("short")


def test_what_is_no_span_is_refused() -> None:
    @detector("odd.number")
    def number(text: str) -> Iterator[Span]:
        """Give a number."""
        yield 42  # type: ignore[misc]

    with pytest.raises(CollectError, match=r"odd\.number"):
        number("short")


def test_too_many_parts_or_too_long_a_text_are_said() -> None:
    @detector("odd.all")
    def each(text: str) -> Iterator[Span]:
        """Give every character."""
        return (Span(start=i, end=i + 1, label="a sign") for i in range(len(text)))

    assert each("x" * MOST_SPANS).whole
    assert not each("x" * (MOST_SPANS + 1)).whole
    assert len(each("x" * (MOST_SPANS + 1)).spans) == MOST_SPANS

    @detector("odd.none")
    def none(text: str) -> Iterator[Span]:
        """Give nothing."""
        return iter(())

    assert not none("x" * (MOST_CHARACTERS + 1)).whole
    assert not none("").found
