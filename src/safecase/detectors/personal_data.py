"""`personal_data`: what names, reaches or pays for a person in a text."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.detectors.detector import Span, detector
from safecase.detectors.redaction.finds import settled
from safecase.detectors.redaction.personal import find_personal


@detector("personal_data")
def personal_data(text: str) -> Iterator[Span]:
    """Personal data: e-mail, phone, cards and accounts, numbers of states, addresses of people and of their machines.

    Whatever has a check digit is held against it; what has none needs a form that nothing else has, or a word before it
    that says what it is. Of finds that overlap one is made, named for the longest and then the most severe.
    """
    for found in settled(find_personal(text)):
        yield Span(start=found.start, end=found.end, label=found.kind.words, rule=found.kind.label.lower())
