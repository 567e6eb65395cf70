"""Replace credentials and personal data by placeholders, and put them back: one redactor a session."""

from __future__ import annotations

from collections.abc import Collection

from safecase.detectors.detector import Span
from safecase.detectors.redaction.finds import PLACEHOLDER, Signs
from safecase.detectors.redaction.kinds import LABELS, LITERAL, Find, Kind
from safecase.detectors.redaction.stream import RedactionStream
from safecase.detectors.redaction.table import Table, final
from safecase.errors import UsageError
from safecase.vocabulary import Noun


class Redacted(Noun, frozen=True):
    """A text whose values are replaced, and where they stood in the original."""

    text: str
    spans: tuple[Span, ...]


class Redactor:
    """Knows the values of one session.

    `labels` says what is replaced (all of `LABELS` unless told), `key` is the session's own secret of 16 bytes or more.
    A value has the same placeholder wherever it stands. It is kept in memory for `restore` alone, and no text form of a
    redactor shows it.

    Only placeholders that we put are restored. What looks like one in a text that is redacted is itself replaced, by
    `<LITERAL_1>`, and comes back as it was typed: a document that says `<EMAIL_1>` gets nobody's address. The model
    itself can write every placeholder that it was shown, so the egress filter looks at what is restored.
    """

    def __init__(self, labels: Collection[str] = LABELS, *, key: bytes) -> None:
        unknown = sorted(set(labels) - set(LABELS))
        if unknown:
            raise UsageError(f"there is no kind {unknown[0]} of values to redact", mend=f"one of {', '.join(LABELS)}")
        if len(key) < 16:
            raise UsageError(
                "the key of a redactor is too short", mend="16 random bytes or more: secrets.token_bytes(32)"
            )
        self.labels = frozenset(labels)
        self._table = Table(key)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._table)} values>"

    def redact(self, text: str, *, answer: bool = False) -> Redacted:
        """Replace every value of a whole text, exactly as a stream of its pieces would."""
        if not Signs(text).in_part(0, len(text)):
            return Redacted(text=text, spans=())
        stream = RedactionStream(self, answer=answer)
        return Redacted(text=stream.feed(text) + stream.end(), spans=tuple(stream.spans))

    def restore(self, text: str) -> str:
        """Put the values back for the placeholders that this redactor gave; once, whatever the values look like."""
        return PLACEHOLDER.sub(lambda found: self._table.value(found[0]), text)

    def stands_for(self, kind: Kind, value: str, *, answer: bool) -> str:
        """Give what is written for a value.

        In an answer our placeholders stay, and a value gets one without a number, that nothing restores: it is the
        model's, not the user's.
        """
        if not answer:
            return self._table.placeholder(kind, value)
        return value if kind is LITERAL else final(kind)

    def span(self, found: Find, base: int) -> Span:
        """Give the place of a find, counted from `base`."""
        return Span(start=base + found.start, end=base + found.end, label=found.kind.words, rule=found.kind.label)
