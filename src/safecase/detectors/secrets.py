"""`secrets`: credentials in a text."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.detectors.detector import Span, detector
from safecase.engines.secrets import find


@detector("secrets")
def secrets(text: str) -> Iterator[Span]:
    """Credentials: known formats with what can be checked of them, and random values under secret-like names.

    The value itself stands in no span's label; placeholders and samples of documents are passed over.
    """
    for secret in find(text):
        yield Span(start=secret.start, end=secret.end, label=secret.label, rule=secret.rule)
