"""One way to read a text, and where its parts stand in the original."""

from __future__ import annotations

from collections.abc import Sequence


class View:
    """A reading of a text.

    `offsets` gives the place of each character in the text that it was read from; None where nothing moved. A decoded
    view has none of its own characters there: all of it stands where its encoding stands.
    """

    __slots__ = ("_inside", "_offsets", "_region", "how", "text")

    def __init__(
        self,
        text: str,
        how: tuple[str, ...],
        *,
        offsets: Sequence[int] | None = None,
        region: tuple[int, int] | None = None,
        inside: View | None = None,
    ) -> None:
        self.text = text
        self.how = how
        """How it was hidden, the outermost first; empty for the text itself."""
        self._offsets = offsets
        self._region = region
        self._inside = inside

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Give where a part of this view stands in the original text."""
        if self._region is not None:
            start, end = self._region
        elif self._offsets is not None:
            count = len(self._offsets)
            start = min(max(0, start), count)
            end = min(max(start, end), count)
            last = self._offsets[-1] + 1 if count else 0
            first = self._offsets[start] if start < count else last
            start, end = first, max(first, self._offsets[end - 1] + 1 if end else first)
        return self._inside.place(start, end) if self._inside is not None else (start, end)
