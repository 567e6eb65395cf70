"""What a detector is: a function from text to the parts of it that are of a kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from safecase.errors import CollectError
from safecase.vocabulary import Noun

MOST_CHARACTERS = 2_000_000
"""Of a longer text only the beginning is looked at, and the detection says so."""
MOST_SPANS = 1000


class Span(Noun, frozen=True):
    """A part of a text, and what it is."""

    start: int
    end: int
    label: str
    rule: str = ""


class Detection(Noun, frozen=True):
    """What a detector says of a text."""

    detector: str
    spans: tuple[Span, ...]
    whole: bool
    """False: there was more text, or there were more spans, than it looks at."""

    @property
    def found(self) -> bool:
        """Say whether there is any."""
        return bool(self.spans)


class Detector(Noun, frozen=True):
    """Finds parts of one kind in a text: asked by checks, and by what filters requests and answers."""

    id: str
    version: int
    run: Callable[[str], Iterable[Span]]
    doc: str
    where: str

    def __call__(self, text: str) -> Detection:
        """Look at a text; what a detector gives is held against the text before anybody relies on it."""
        looked = text[:MOST_CHARACTERS]
        spans: list[Span] = []
        for span in self.run(looked):
            if not isinstance(span, Span) or not 0 <= span.start <= span.end <= len(looked):
                raise CollectError(f"the detector {self.id} gave a part that is not in the text", mend=_MEND)
            if len(spans) == MOST_SPANS:
                return Detection(detector=self.id, spans=tuple(spans), whole=False)
            spans.append(span)
        return Detection(detector=self.id, spans=tuple(spans), whole=len(looked) == len(text))


_MEND = "a defect of the detector: `safecase plugins` says whose it is"


def detector(id: str, *, version: int = 1) -> Callable[[Callable[[str], Iterable[Span]]], Detector]:
    """Make a detector of a function; its docstring is its page.

    `version` rises when the same text may give other spans.
    """

    def made(run: Callable[[str], Iterable[Span]]) -> Detector:
        return Detector(
            id=id,
            version=version,
            run=run,
            doc=inspect.getdoc(run) or "",
            where=f"{run.__module__}:{run.__qualname__}",
        )

    return made
