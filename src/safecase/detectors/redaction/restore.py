"""Restore a text that comes in pieces, a placeholder split over them included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safecase.detectors.redaction.redactor import Redactor

_BEGUN = re.compile(r"<(?:[A-Z][A-Z_]{0,15}[0-9]{0,9})?\Z")
"""A placeholder has one `<`, at its start: only behind the last one can any be unfinished."""


class RestoreStream:
    """Holds back what may become a placeholder: at most 26 characters."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def __repr__(self) -> str:
        return f"<RestoreStream that holds {len(self._held)} characters>"

    def feed(self, piece: str) -> str:
        """Take a piece, give what is ready."""
        text = self._held + piece
        last = text.rfind("<")
        cut = last if last >= 0 and _BEGUN.match(text, last) else len(text)
        self._held = text[cut:]
        return self._redactor.restore(text[:cut])

    def end(self) -> str:
        """Give the rest: an unfinished placeholder is text."""
        rest, self._held = self._held, ""
        return rest
