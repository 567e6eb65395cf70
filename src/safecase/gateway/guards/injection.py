"""The guard `injection`: texts that look like an attempt to take over the model, judged by where they come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import ClassVar

from safecase.detectors.injection import Scored, score
from safecase.detectors.injection.weights import Weights
from safecase.gateway.guards.guard import Call, Direction, Guard, Outcome
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
        texts = ((slot.origin, slot.text) for slot in call.slots)
        return judged(texts, partial(score, weights=self._weights), self.threshold, self._block)


def judged(
    texts: Iterable[tuple[Origin, str]],
    look: Callable[[str], Scored],
    threshold: float,
    block: Collection[Origin],
) -> Outcome:
    """Score what strangers may have written, and say what follows."""
    flagged = 0
    whole = True
    for origin, text in texts:
        if origin not in _FOREIGN:
            continue
        found = look(text)
        whole = whole and found.whole
        if found.score <= threshold:
            continue
        flagged += 1
        if origin in block:
            hidden = f", hidden by {' in '.join(reversed(found.how))}" if found.how else ""
            return Outcome("block", f"a text of {_NAMES[origin]} looks like an attack on the model{hidden}", flagged)
    if flagged:
        return Outcome("flag", "a text looks like an attack on the model", flagged)
    # What was not looked at to its end was not found harmless.
    return Outcome("pass") if whole else Outcome("flag", "a text was too long to be looked at to its end")


_FOREIGN: frozenset[Origin] = frozenset({"user", "tool", "retrieved"})
_NAMES: dict[Origin, str] = {"user": "the user", "tool": "a tool", "retrieved": "a document"}
