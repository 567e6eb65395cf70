"""`example.placeholder`: words that stand for something that was never filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safecase.detectors.detector import Span, detector

WORDS = re.compile(r"(?i)\b(?:lorem ipsum|tbd|to be (?:done|decided|written)|fill (?:this )?in)\b|<your [a-z ]{1,30}>")


@detector("example.placeholder")
def placeholders(text: str) -> Iterator[Span]:
    """Words that stand for something that was never filled in: `TBD`, `<your name>`, lorem ipsum."""
    for found in WORDS.finditer(text):
        yield Span(start=found.start(), end=found.end(), label="a placeholder")
