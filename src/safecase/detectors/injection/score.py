"""The score of a text: what its features weigh together, in the whole and in each window of a long one."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from safecase.detectors.injection.features import plain, rows, runs, windows, words_of
from safecase.detectors.injection.rules import matched, weigh_rules
from safecase.detectors.injection.weights import Weights, shipped
from safecase.detectors.views import views

WIDTH: Final = 400
STEP: Final = 200
MOST: Final = 200_000
"""Characters that are looked at; of a longer text the rest is not, and the score says so."""
MANY_WINDOWS: Final = 0.3
"""The more windows, the higher the highest of them by chance: so much is taken off for each factor of e."""
MOST_KNOWN: Final = 50_000
MOST_REMEMBERED: Final = 40
"""Characters: longer words hardly come again."""


class Scored(NamedTuple):
    """How suspicious a text is."""

    score: float
    """Log odds, as training saw them; 0 is even. Compare with a threshold that was calibrated, not with 0."""
    how: tuple[str, ...]
    """How the most suspicious reading of it is hidden; empty where it stands there in the clear."""
    start: int
    end: int
    """Where the most suspicious part stands in the text."""
    whole: bool
    """False: there was more text than was looked at."""


def score(text: str, weights: Weights | None = None) -> Scored:
    """Score a text, in all the ways in which it can be read."""
    weights = weights or shipped()
    seen = views(text[:MOST])
    best = Scored(-math.inf, (), 0, 0, seen.whole and len(text) <= MOST)
    for view in seen.found:
        value, start, end = _score(view.text, weights)
        if value > best.score:
            first, last = view.place(start, end)
            best = Scored(value, view.how, first, last, best.whole)
    return best


def _score(text: str, weights: Weights) -> tuple[float, int, int]:
    best = weigh(text[: 4 * WIDTH], weights), 0, min(len(text), 4 * WIDTH)
    if len(text) <= WIDTH * 3 // 2:
        return best
    parts = list(windows(text, WIDTH, STEP))
    off = MANY_WINDOWS * math.log(len(parts))
    at = 0
    for part in parts:
        at = text.find(part, at)
        value = weigh(part, weights) - off
        if value > best[0]:
            best = value, at, at + len(part)
    return best


def weigh(text: str, weights: Weights) -> float:
    """Score one reading of a short text."""
    of, known = weights.of, _known(weights)
    said = plain(text)
    found: set[str] = set()
    for part in set(said.split(" ")):
        inside = known.get(part)
        if inside is None:
            inside = tuple(run for run in runs(part) if run in of)
            if len(known) < MOST_KNOWN and len(part) <= MOST_REMEMBERED:
                known[part] = inside
        found.update(inside)
    found.update(row for row in rows(words_of(said)) if row in of)
    phrases = weigh_rules(said)
    if not found:
        return weights.bias + phrases
    return weights.bias + phrases + sum(map(of.__getitem__, found)) / math.sqrt(len(found))


def reasons(text: str, weights: Weights | None = None, most: int = 10) -> list[tuple[str, float]]:
    """Give the features that weigh most for suspicion, and how much of the score each is."""
    weights = weights or shipped()
    said = plain(text)
    found = {run for part in set(said.split(" ")) for run in runs(part) if run in weights.of}
    found |= {row for row in rows(words_of(said)) if row in weights.of}
    share = math.sqrt(len(found) or 1)
    heaviest = sorted(((weights.of[one] / share, one) for one in found), reverse=True)[:most]
    told = [(rule.why, rule.weight) for rule in matched(said)]
    return [*told, *((one.strip("\t"), value) for value, one in heaviest if value > 0)][:most]


def threshold_for(fpr: float, weights: Weights | None = None) -> float:
    """Give the shipped threshold for a rate of false alarms: the one of the nearest stricter rate.

    It was found on benign texts of sources that training had not seen. Yours are others: calibrate.
    """
    known = sorted((weights or shipped()).stored.thresholds, key=lambda one: one.fpr)
    return next((one.score for one in reversed(known) if one.fpr <= fpr), known[0].score)


_KNOWN: dict[int, dict[str, tuple[str, ...]]] = {}


def _known(weights: Weights) -> dict[str, tuple[str, ...]]:
    """Remember the runs of words that were seen: texts repeat their words."""
    return _KNOWN.setdefault(id(weights), {})
