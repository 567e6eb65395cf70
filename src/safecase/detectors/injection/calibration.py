"""The threshold that a service's own benign traffic asks for, with the rate of false alarms that it stands for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from safecase.engines.statistics import wilson
from safecase.errors import UsageError
from safecase.readers.text import shown
from safecase.vocabulary import Noun

ENOUGH = 3
"""So many times 1 / fpr texts are asked for: with fewer, the threshold is luck."""


class Calibration(Noun, frozen=True):
    """A threshold, and what it was found on."""

    fpr: float
    threshold: float
    n: int
    low: float
    high: float
    """95 % interval of the rate of false alarms at this threshold, on the texts that it was found on."""
    made: str
    data: str
    """SHA-256 of the scores, in order."""
    weights: str
    """Version of the weights."""


def quantile(scores: Sequence[float], fpr: float) -> float:
    """Give the conformal quantile: a new text of the same kind is above it with a probability of `fpr` at the most."""
    ordered = sorted(scores)
    rank = math.ceil((len(ordered) + 1) * (1 - fpr))
    return ordered[min(rank, len(ordered)) - 1] if rank <= len(ordered) else math.inf


def calibrate(scores: Iterable[float], fpr: float, weights: str) -> Calibration:
    """Find the threshold for a rate of false alarms; raises `UsageError` where there are too few texts for it."""
    found = list(scores)
    wanted = math.ceil(ENOUGH / fpr)
    if len(found) < wanted:
        raise UsageError(
            f"{len(found)} texts cannot show a rate of {fpr:g}; {wanted} are wanted",
            mend=f"give more benign texts, or a rate of {ENOUGH / max(len(found), 1):.3g} and more",
        )
    threshold = quantile(found, fpr)
    above = sum(score > threshold for score in found)
    interval = wilson(above, len(found))
    return Calibration(
        fpr=fpr,
        threshold=threshold,
        n=len(found),
        low=interval.low,
        high=interval.high,
        made=datetime.now(UTC).date().isoformat(),
        data=hashlib.sha256("\n".join(f"{score:.6f}" for score in found).encode()).hexdigest(),
        weights=weights,
    )


def read_calibration(path: Path, version: str) -> Calibration:
    """Read what `safecase protect calibrate` wrote; raises `UsageError`, also where it is of other weights."""
    mend = "write it with `safecase protect calibrate --benign FILE --out CALIBRATION`"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as why:
        raise UsageError(f"{shown(str(path))} cannot be read: {why.strerror}", mend=mend) from why
    except (msgspec.DecodeError, RecursionError) as why:
        raise UsageError(f"{shown(str(path))} is no calibration: {why}", mend=mend) from why
    if found.weights != version:
        raise UsageError(
            f"{shown(str(path))} was found with the weights {shown(found.weights, 40)}, and {version} are in use",
            mend="calibrate again, with the stages that will be used",
        )
    return found
