"""Two windows of calls: which of what is known of them differs more than chance lets it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from safecase.detectors import similarity
from safecase.engines.drift import Apart, binned, categorical, hashed, holm, kolmogorov_smirnov, psi, vectors
from safecase.measures.testing.drift.samples import Sample, Window
from safecase.vocabulary import Noun

FEWEST: Final = 50
"""Calls in each window, fewer of which are not compared."""
MOST_TEXTS: Final = 300
LANDMARKS: Final = 32
LEAST: Final = 0.02
"""PSI below which a shift is too small to matter, however sure it is."""
BANDS: Final = ((0.25, "large"), (0.1, "moderate"), (0.0, "small"))
"""Usual names for PSI: a convention of credit scoring, and no test."""

Method = Literal["Kolmogorov-Smirnov", "chi-square", "permutation"]


class Metric(Noun, frozen=True):
    """One thing that was compared."""

    name: str
    method: Method
    n: tuple[int, int]
    psi: float | None
    effect: float
    """The distance that the test looks at: of distribution functions, of shares, of mean texts."""
    p: float
    """Adjusted for all that was compared (Holm)."""
    before: str
    now: str
    drifted: bool

    @property
    def size(self) -> str:
        """Name the size of a shift."""
        return next(name for least, name in BANDS if (self.psi or 0.0) >= least)


class Compared(Noun, frozen=True):
    """What came of it."""

    n: tuple[int, int]
    metrics: tuple[Metric, ...]

    @property
    def verdict(self) -> Literal["stable", "drifted", "unknown"]:
        """Say whether anything drifted; unknown where nothing could be compared."""
        if not self.metrics:
            return "unknown"
        return "drifted" if any(one.drifted for one in self.metrics) else "stable"


def compare(reference: Window, current: Window, *, alpha: float = 0.05, seed: int = 1) -> Compared:
    """Compare all that both windows know of enough calls."""
    before, now = reference.samples, current.samples
    found = [_number(name, *_numbers(name, before, now)) for name in _names(before, now, "numbers")]
    found += [_word(name, *_words(name, before, now)) for name in _names(before, now, "words")]
    texts = _texts(before, seed), _texts(now, seed)
    if min(map(len, texts)) >= FEWEST:
        found.append(_text("texts (hashed runs of three signs)", *texts, seed, hashed))
        if similarity.available():
            found.append(_text("texts (encoder)", *texts, seed, _meant([*texts[0], *texts[1]], seed)))
    chances = holm([one.p for one in found])
    told = [_settled(one, p, alpha) for one, p in zip(found, chances, strict=True)]
    return Compared(
        n=(reference.met, current.met),
        metrics=tuple(sorted(told, key=lambda one: (not one.drifted, one.p, one.name))),
    )


def _settled(one: Metric, p: float, alpha: float) -> Metric:
    drifted = p < alpha and (one.psi is None or one.psi >= LEAST)
    return msgspec.structs.replace(one, p=p, drifted=drifted)


def _names(before: Sequence[Sample], now: Sequence[Sample], what: Literal["numbers", "words"]) -> list[str]:
    """Give what enough calls of both windows tell."""

    def told(samples: Sequence[Sample]) -> set[str]:
        counts: dict[str, int] = {}
        for one in samples:
            for name in getattr(one, what):
                counts[name] = counts.get(name, 0) + 1
        return {name for name, count in counts.items() if count >= FEWEST}

    return sorted(told(before) & told(now))


def _numbers(name: str, *windows: Sequence[Sample]) -> tuple[list[float], list[float]]:
    before, now = ([one.numbers[name] for one in window if name in one.numbers] for window in windows)
    return before, now


def _words(name: str, *windows: Sequence[Sample]) -> tuple[list[str], list[str]]:
    before, now = ([one.words[name] for one in window if name in one.words] for window in windows)
    return before, now


def _texts(window: Sequence[Sample], seed: int) -> list[str]:
    texts = [one.text for one in window if one.text]
    return texts if len(texts) <= MOST_TEXTS else random.Random(seed).sample(texts, MOST_TEXTS)  # noqa: S311  no secret


def _number(name: str, before: list[float], now: list[float]) -> Metric:
    apart = kolmogorov_smirnov(before, now)
    told = (f"median {sorted(window)[len(window) // 2]:g}" for window in (before, now))
    return _metric(name, "Kolmogorov-Smirnov", before, now, apart, psi(*binned(before, now)), *told)


def _word(name: str, before: list[str], now: list[str]) -> Metric:
    apart = categorical(before, now)
    kinds = {*before, *now}
    most = max(sorted(kinds), key=lambda kind: now.count(kind) / len(now) - before.count(kind) / len(before))
    told = (f"{most or 'none'} {100 * window.count(most) / len(window):.1f} %" for window in (before, now))
    return _metric(name, "chi-square", before, now, apart, apart.effect, *told)


def _text(name: str, before: list[str], now: list[str], seed: int, vector: Callable[[str], Sequence[float]]) -> Metric:
    rng = random.Random(seed)  # noqa: S311  no secret
    apart = vectors([vector(text) for text in before], [vector(text) for text in now], rng=rng)
    return _metric(name, "permutation", before, now, apart, None, "", "")


def _meant(texts: Sequence[str], seed: int) -> Callable[[str], Sequence[float]]:
    """Make a vector of a text's likeness to some texts, drawn from both windows alike so that chance stays chance."""
    alike = similarity.encoder()
    marks = random.Random(seed).sample(texts, LANDMARKS)  # noqa: S311  no secret
    return lambda text: [alike(text, mark) for mark in marks]


def _metric(
    name: str,
    method: Method,
    before: Sequence[object],
    now: Sequence[object],
    apart: Apart,
    stability: float | None,
    told_before: str,
    told_now: str,
) -> Metric:
    return Metric(
        name=name,
        method=method,
        n=(len(before), len(now)),
        psi=stability,
        effect=apart.effect,
        p=apart.p,
        before=told_before,
        now=told_now,
        drifted=False,
    )
