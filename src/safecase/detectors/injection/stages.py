"""The two stages together: the first alone, or both where the extra `guard-ml` is installed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeAlias

from safecase.detectors.injection.neural import available
from safecase.detectors.injection.neural import shipped as shipped_network
from safecase.detectors.injection.score import MOST, Scored, score, threshold_for
from safecase.detectors.injection.weights import shipped
from safecase.detectors.views import views

Stage: TypeAlias = Literal["auto", "first", "both"]


class Stages(ABC):
    """A way to score a text, and the thresholds that belong to it."""

    version: str
    """Scores of other versions cannot be compared with its own."""
    name: ClassVar[str]

    @abstractmethod
    def score(self, text: str) -> Scored:
        """Score a text in all the ways in which it can be read."""

    @abstractmethod
    def threshold(self, fpr: float) -> float:
        """Give the shipped threshold for a rate of false alarms, or of the nearest stricter one."""


class First(Stages):
    """Words and turns of phrase: 0.3 ms of CPU for 512 characters, no further package."""

    name = "first"

    def __init__(self) -> None:
        self.version = shipped().stored.version

    def score(self, text: str) -> Scored:
        """Score by the linear stage alone."""
        return score(text)

    def threshold(self, fpr: float) -> float:
        """Give the linear stage's threshold."""
        return threshold_for(fpr)


class Both(Stages):
    """The sum of both stages: better, and 5 to 20 ms of CPU for every 128 pieces of words."""

    name = "both"

    def __init__(self) -> None:
        self._network = shipped_network()
        self.version = f"{shipped().stored.version}+{self._network.card.version}"

    def score(self, text: str) -> Scored:
        """Score by both; the second reads the text without its disguises, and in its most suspicious reading."""
        return self.deepen(text, score(text))

    def deepen(self, text: str, first: Scored) -> Scored:
        """Add what the second stage says to what the first one said."""
        wanted = dict.fromkeys(((), first.how))
        readings = {view.how: view.text for view in reversed(views(text[:MOST]).found) if view.how in wanted}
        read = [self._network.score(reading) for reading in readings.values()]
        return first._replace(
            score=first.score + self._network.card.share * max(odds for odds, _ in read),
            whole=first.whole and all(whole for _, whole in read),
        )

    def threshold(self, fpr: float) -> float:
        """Give the threshold of the sum."""
        known = sorted(self._network.card.thresholds)
        return next((limit for rate, limit, _ in reversed(known) if rate <= fpr), known[0][1])


def stages(wanted: Stage = "auto") -> Stages:
    """Give the stages; `auto` takes both where they can be had. Raises `UsageError` where `both` cannot."""
    if wanted == "first" or (wanted == "auto" and not available()):
        return First()
    return Both()
