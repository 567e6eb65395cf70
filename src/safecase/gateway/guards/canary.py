"""The guard `canary`: planted words that must never come out, in whatever spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from safecase.engines.decoding import contains_secret
from safecase.gateway.apis.api import ToolCall
from safecase.gateway.apis.texts import Slot
from safecase.gateway.guards.guard import PASS, Call, Direction, Filter, Guard, Outcome
from safecase.gateway.policy import Fail

SHORTEST: Final = 8
SLACK: Final = 8
"""How many times its length a spelling of a word may take (spaced, escaped, in base64)."""


class Canary(Guard):
    """Canaries in answers and tool calls; in requests they are where they were planted."""

    id: ClassVar[str] = "canary"
    directions: ClassVar[frozenset[Direction]] = frozenset({"out", "tools"})
    controls: ClassVar[tuple[str, ...]] = ("AI-01", "AI-05")

    def __init__(self, fail: Fail, words: Sequence[str]) -> None:
        super().__init__(fail)
        self.words = tuple(word for word in words if len(word) >= SHORTEST)
        self.longest = max((len(word) for word in self.words), default=0)

    def outgoing(self, call: Call, slots: Sequence[Slot]) -> Outcome:
        """Look at each text of an answer."""
        for slot in slots:
            if (found := self.look(slot.text)).result != "pass":
                return found
        return PASS

    def tool(self, call: Call, wanted: ToolCall) -> Outcome:
        """Arguments of a tool are a way out, too."""
        return self.look(wanted.arguments)

    def filter(self, call: Call) -> Filter:
        """Look at a text that comes in pieces."""
        return _Watch(self)

    def look(self, text: str) -> Outcome:
        """Look at one text."""
        for word in self.words:
            if contains_secret(text, word) is not None:
                return Outcome("block", "the answer holds a planted word that must not come out", 1)
        return PASS


class _Watch(Filter):
    """Holds back as much as a spelling of a word could take, so that not even its beginning comes out."""

    def __init__(self, guard: Canary) -> None:
        self._guard = guard
        self._held = ""
        self._looked = ""
        self._found = PASS

    def feed(self, piece: str) -> str:
        self._held += piece
        window = self._looked + self._held
        self._found = self._guard.look(window)
        if self._found.result == "block":
            self._held = ""
            return ""
        keep = self._guard.longest
        # A word boundary is where a spelling can begin: what lies before the last few of them may go.
        cut = max(0, len(self._held) - keep)
        boundary = re.search(r"\s", self._held[cut:])
        cut = cut + boundary.end() if boundary and cut else cut
        out, self._held = self._held[:cut], self._held[cut:]
        self._looked = (self._looked + out)[-keep * SLACK :]
        return out

    def end(self) -> str:
        self._found = self._guard.look(self._looked + self._held)
        out, self._held = ("" if self._found.result == "block" else self._held), ""
        return out

    @property
    def outcome(self) -> Outcome:
        return self._found
