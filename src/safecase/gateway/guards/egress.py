"""The guard `egress`: answers lead nowhere that nobody allowed, by link, image or markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from safecase.detectors.egress import EgressPolicy, EgressStream, filter_text
from safecase.gateway.apis.texts import Slot
from safecase.gateway.guards.guard import PASS, Call, Direction, Filter, Guard, Outcome
from safecase.gateway.policy import Fail

_TRUSTED = frozenset({"system", "developer", "user"})


class Egress(Guard):
    """Takes addresses apart that may not stay; it comes last, so that it sees what was restored."""

    id: ClassVar[str] = "egress"
    directions: ClassVar[frozenset[Direction]] = frozenset({"out"})
    controls: ClassVar[tuple[str, ...]] = ("AI-03",)

    def __init__(self, fail: Fail, policy: EgressPolicy) -> None:
        super().__init__(fail)
        self._policy = policy

    def outgoing(self, call: Call, slots: Sequence[Slot]) -> Outcome:
        """Filter each text of an answer."""
        count = 0
        for slot in slots:
            found = filter_text(slot.text, self._policy, _trusted(call))
            if found.blocked:
                slot.text = found.text
                count += len(found.blocked)
        return Outcome("redact", "addresses or markup were taken out", count) if count else PASS

    def filter(self, call: Call) -> Filter:
        """The same for a text that comes in pieces."""
        return _Pieces(EgressStream(self._policy, _trusted(call)))


class _Pieces(Filter):
    def __init__(self, stream: EgressStream) -> None:
        self._stream = stream

    def feed(self, piece: str) -> str:
        return self._stream.feed(piece)

    def end(self) -> str:
        return self._stream.end()

    @property
    def outcome(self) -> Outcome:
        count = len(self._stream.blocked)
        return Outcome("redact", "addresses or markup were taken out", count) if count else PASS


def _trusted(call: Call) -> list[str]:
    """What the user and the operator said, as they said it."""
    return [text for origin, text in call.before if origin in _TRUSTED]
