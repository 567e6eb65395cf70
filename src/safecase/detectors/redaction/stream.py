"""Redact a text that comes in pieces, whatever the pieces: their sum is the redacted whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safecase.detectors.detector import Span
from safecase.detectors.redaction import private_keys
from safecase.detectors.redaction.finds import Signs, find, settled
from safecase.detectors.redaction.kinds import LITERAL, SECRET, Find
from safecase.detectors.redaction.seams import CAP, REACH, Seams, skip_token
from safecase.detectors.redaction.table import final

if TYPE_CHECKING:
    from safecase.detectors.redaction.redactor import Redactor

LOOK_BACK = 64
"""What is kept of the text before a cut: rules look there for words that say what a value is."""


class RedactionStream:
    """Holds back from the last place before which nothing can still become a value: at most 4,096 characters.

    A longer candidate, an endless private key or token, is replaced as a whole and not kept. `answer` says that the
    text is the model's: see `Redactor.stands_for`.
    """

    def __init__(self, redactor: Redactor, *, answer: bool = False) -> None:
        self.spans: list[Span] = []
        self._redactor, self._answer = redactor, answer
        self._clear()

    def _clear(self) -> None:
        self._text = ""
        self._base = 0
        self._seams = Seams()
        self._skipped = ""

    def __repr__(self) -> str:
        return f"<RedactionStream that holds {len(self._text) - self._seams.start} characters>"

    def feed(self, piece: str) -> str:
        """Take a piece, give what is ready."""
        self._text += piece
        ready = self._ready(final=False)
        gone = max(0, min(self._seams.start, len(self._text)) - LOOK_BACK)
        self._text = self._text[gone:]
        self._base += gone
        self._seams.forget(gone)
        return ready

    def end(self) -> str:
        """Give the rest; the stream is then as new, but for its spans."""
        ready = self._ready(final=True)
        self._clear()
        return ready

    def _ready(self, *, final: bool) -> str:
        seams, text = self._seams, self._text
        signs = Signs(text)
        out: list[str] = []
        written = seams.start
        while seams.start < len(text):
            if self._skipped:
                ended = self._skip(final=final)
                written = seams.start
                if not ended:
                    break
                continue
            start, cut = seams.next(text, signs.clear)
            if cut < 0 and len(text) - start >= CAP:
                out += text[written:start], self._forced(start, start + CAP)
                written = seams.start
                continue
            if cut < 0:
                if not final:
                    break
                cut = len(text)
                seams.restart(cut)
            if signs.in_part(start, cut):
                out += (
                    text[written:start],
                    self._written(start, cut, self._finds(start, cut, of_secrets=signs.of_secrets)),
                )
                written = cut
        out.append(text[written : seams.start])
        return "".join(out)

    def _finds(self, start: int, end: int, *, of_secrets: bool = True) -> list[Find]:
        """Look at a part with what stands before it; what lies before it is settled already."""
        back = max(0, start - LOOK_BACK)
        seen = (
            Find(max(start, found.start + back), found.end + back, found.kind)
            for found in find(self._text[back:end], self._redactor.labels, start - back, of_secrets=of_secrets)
            if found.end + back > start
        )
        return settled(found for found in seen if not (self._answer and found.kind is LITERAL))

    def _written(self, start: int, end: int, finds: list[Find]) -> str:
        out: list[str] = []
        at = start
        for found in finds:
            value = self._text[found.start : found.end]
            out += self._text[at : found.start], self._redactor.stands_for(found.kind, value, answer=self._answer)
            self.spans.append(self._redactor.span(found, self._base))
            at = found.end
        out.append(self._text[at:end])
        return "".join(out)

    def _forced(self, start: int, end: int) -> str:
        """Cut where no seam is within the cap: all but keys and tokens that begin in its first part end in it, too."""
        long, kind = self._seams.long_candidate(self._text, end) if SECRET.label in self._redactor.labels else (-1, "")
        if long == start:
            self.spans.append(self._redactor.span(Find(start, end, SECRET), self._base))
            self._skipped = kind
            self._seams.restart(end)
            return final(SECRET)
        cut = start + CAP - REACH
        if start < long < cut:
            cut = long
        finds = [found for found in self._finds(start, end) if found.start < cut]
        if finds:
            cut = max(cut, finds[-1].end)
        self._seams.restart(cut)
        return self._written(start, cut, finds)

    def _skip(self, *, final: bool) -> bool:
        """Pass over the rest of a candidate that was too long; say whether it has ended."""
        at = self._seams.start
        if self._skipped == "key":
            at, ended = private_keys.skip(self._text, at, final=final)
        else:
            at, ended = skip_token(self._text, at)
        last = self.spans[-1]
        self.spans[-1] = Span(start=last.start, end=self._base + at, label=last.label, rule=last.rule)
        self._seams.restart(at)
        self._skipped = "" if ended else self._skipped
        return ended
