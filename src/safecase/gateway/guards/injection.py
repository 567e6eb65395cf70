"""The guard `injection`: texts that look like an attempt to take over the model, judged by where they come from."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from safecase.detectors.injection import score
from safecase.detectors.injection.weights import Weights
from safecase.gateway.guards.guard import PASS, Call, Direction, Guard, Outcome
from safecase.gateway.policy import Fail, Origin


class Injection(Guard):
    """Looks at what users, tools and documents say; the system's own words are taken for what they are."""

    id: ClassVar[str] = "injection"
    directions: ClassVar[frozenset[Direction]] = frozenset({"in"})
    controls: ClassVar[tuple[str, ...]] = ("AI-01", "AI-02")

    def __init__(self, fail: Fail, threshold: float, block: Collection[Origin], weights: Weights | None = None) -> None:
        super().__init__(fail)
        self.threshold = threshold
        self._block = frozenset(block)
        self._weights = weights

    def incoming(self, call: Call) -> Outcome:
        """Score every text that strangers may have written; the highest score decides."""
        flagged = 0
        whole = True
        for slot in call.slots:
            if slot.origin not in _FOREIGN:
                continue
            found = score(slot.text, self._weights)
            whole = whole and found.whole
            if found.score <= self.threshold:
                continue
            flagged += 1
            if slot.origin in self._block:
                hidden = f", hidden by {' in '.join(reversed(found.how))}" if found.how else ""
                told = f"a text of {_NAMES[slot.origin]} looks like an attack on the model{hidden}"
                return Outcome("block", told, flagged)
        if flagged:
            return Outcome("flag", "a text looks like an attack on the model", flagged)
        # What was not looked at to its end was not found harmless.
        return PASS if whole else Outcome("flag", "a text was too long to be looked at to its end")


_FOREIGN: frozenset[Origin] = frozenset({"user", "tool", "retrieved"})
_NAMES: dict[Origin, str] = {"user": "the user", "tool": "a tool", "retrieved": "a document"}
