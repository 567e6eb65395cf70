"""The guard `neural`: the detector's second stage, while the upstream works; nothing goes out before it is done."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from safecase.detectors.injection import Stages
from safecase.gateway.guards.guard import Call, Direction, Guard, Outcome
from safecase.gateway.guards.injection import judged
from safecase.gateway.policy import Fail, Origin


class Neural(Guard):
    """Judges the same texts as `injection`, by both stages together."""

    id: ClassVar[str] = "neural"
    directions: ClassVar[frozenset[Direction]] = frozenset({"beside"})
    controls: ClassVar[tuple[str, ...]] = ("AI-01", "AI-02")

    def __init__(self, fail: Fail, threshold: float, block: Collection[Origin], stages: Stages) -> None:
        super().__init__(fail)
        self.threshold = threshold
        self._block = frozenset(block)
        self._stages = stages

    def beside(self, call: Call) -> Outcome:
        """Judge the texts as the client sent them: other guards change theirs meanwhile."""
        return judged(call.before, self._stages.score, self.threshold, self._block)
