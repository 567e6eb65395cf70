"""Make the weights from labelled texts: the same texts give the same weights.

What a threshold means is asked of texts of sources that training did not see: each source in turn is left out, and its
benign texts are scored by weights that were made of all the others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from safecase.detectors.injection.calibration import quantile
from safecase.detectors.injection.features import features, plain
from safecase.detectors.injection.rules import weigh_rules
from safecase.detectors.injection.weights import Stored, Threshold
from safecase.errors import UsageError
from safecase.readers.text import shown

MOST_CHARACTERS: Final = 1200
LEAST_TEXTS: Final = 8
"""A feature that stands in fewer texts is chance."""
MOST_FEATURES: Final = 120_000
STRENGTH: Final = 10.0
"""Inverse of the regularisation."""
OWN: Final = "own"
"""The group of texts that were written to train on: never left out, and no sample of anything."""
RATES: Final = (0.001, 0.005, 0.01, 0.02, 0.05)


class Row(NamedTuple):
    """One labelled text."""

    text: str
    label: int
    """1 for an attack."""
    source: str


class LeftOut(NamedTuple):
    """How well one source is judged by weights that have not seen it."""

    source: str
    attacks: int
    benign: int
    auc: float | None
    recall_1: float | None
    """Share of its attacks above the score that 1 % of its own benign texts reach."""
    recall_01: float | None


class Trained(NamedTuple):
    """What training made."""

    stored: Stored
    left_out: tuple[LeftOut, ...]


def read_rows(lines: Iterable[bytes], where: str) -> list[Row]:
    """Read JSON lines with text, label (0 or 1) and source; raises `UsageError` at the first that is none."""
    found: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            said = msgspec.json.decode(line)
            found.append(Row(str(said["text"]), int(said["label"]), str(said.get("source", "?"))))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as why:
            raise UsageError(
                f"{shown(where)}, line {number}: no labelled text", mend='{"text": …, "label": 0 or 1, "source": …}'
            ) from why
        if found[-1].label not in (0, 1):
            raise UsageError(f"{shown(where)}, line {number}: the label is neither 0 nor 1", mend="0 benign, 1 attack")
    return found


class _Seen(NamedTuple):
    """What training sees of labelled texts."""

    names: list[str]
    matrix: Any
    """Texts by features: 1 where it stands there."""
    labels: Any
    phrases: Any
    """What the rules add."""


def train(
    rows: Sequence[Row],
    *,
    group: Callable[[str], str] = lambda source: source.partition(":")[0],
    made_up: frozenset[str] = frozenset(),
    step: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Make weights, and say how well each group of sources is judged when it is left out.

    Thresholds are found on benign texts of single sources that were left out, a few at a time, but for groups that are
    `made_up`: texts that were written to be mistaken are no sample of anybody's traffic.

    Needs scikit-learn: `pip install 'safecase[train]'`.
    """
    if len({row.label for row in rows}) < 2:
        raise UsageError("training needs attacks and benign texts", mend="give both, labelled 1 and 0")
    step("features")
    seen = _seen(rows)
    sources = [row.source for row in rows if not _own(row)]
    groups = sorted({group(source) for source in sources})
    told: list[LeftOut] = []
    for name in groups:
        step(f"without {name}")
        held = frozenset(source for source in sources if group(source) == name)
        for at, scores in _held_out(rows, seen, [held]):
            told.append(_judged(name, scores, seen.labels[at]))
    benign: list[float] = []
    step("thresholds")
    for at, scores in _held_out(rows, seen, _folds(sources)):
        sample = [rows[one].label == 0 and group(rows[one].source) not in made_up for one in at]
        benign += [float(one) for one in scores[sample]]
    step("all")
    return Trained(_stored(rows, seen, benign), tuple(told))


def held_out(rows: Sequence[Row], folds: Iterable[frozenset[str]]) -> Iterator[tuple[Any, Any]]:
    """Leave out the sources of each fold in turn; gives the places of its texts, and their scores."""
    return _held_out(rows, _seen(rows), folds)


def _own(row: Row) -> bool:
    return row.source.partition(":")[0] == OWN


def _seen(rows: Sequence[Row]) -> _Seen:
    try:
        import numpy as np
        from scipy.sparse import csr_matrix
    except ImportError as why:
        raise UsageError("training needs scikit-learn", mend="pip install 'safecase[train]'") from why
    texts = [plain(row.text[:MOST_CHARACTERS]) for row in rows]
    seen = [features(text) for text in texts]
    names = sorted(
        name for name, count in Counter(one for found in seen for one in found).items() if count >= LEAST_TEXTS
    )
    index = {name: number for number, name in enumerate(names)}
    columns = [sorted(index[name] for name in found if name in index) for found in seen]
    pointers = np.cumsum([0, *(len(one) for one in columns)])
    flat = np.fromiter((number for one in columns for number in one), dtype=np.int64, count=int(pointers[-1]))
    matrix = csr_matrix((np.ones(len(flat), dtype=np.float32), flat, pointers), shape=(len(rows), len(names)))
    labels = np.array([row.label for row in rows])
    return _Seen(names, matrix, labels, np.array([weigh_rules(text) for text in texts]))


def _held_out(rows: Sequence[Row], seen: _Seen, folds: Iterable[frozenset[str]]) -> Iterator[tuple[Any, Any]]:
    import numpy as np
    from sklearn.preprocessing import normalize

    for held in folds:
        out = np.array([row.source in held for row in rows])
        if len(set(seen.labels[~out])) == 2:
            kept, weights, bias = _fitted(seen.matrix, seen.labels, ~out)
            yield np.flatnonzero(out), normalize(seen.matrix[out][:, kept]) @ weights + bias + seen.phrases[out]


def _stored(rows: Sequence[Row], seen: _Seen, benign: Sequence[float]) -> Stored:
    import numpy as np

    kept, weights, bias = _fitted(seen.matrix, seen.labels, np.ones(len(rows), dtype=bool))
    scale = float(np.abs(weights).max())
    whole = np.clip(np.round(weights / scale * 127), -127, 127).astype(np.int8)
    alive = np.flatnonzero(whole)
    data = hash_of(rows)
    return Stored(
        version=data[:12],
        trained=datetime.now(UTC).date().isoformat(),
        data=data,
        bias=float(bias),
        scale=scale,
        features="\n".join(seen.names[kept[number]] for number in alive),
        weights=whole[alive].tobytes(),
        thresholds=tuple(
            Threshold(fpr=rate, score=quantile(benign, rate), n=len(benign))
            for rate in RATES
            if len(benign) * rate >= 3
        ),
    )


def hash_of(rows: Sequence[Row]) -> str:
    """Give the SHA-256 of labelled texts, in whatever order they come."""
    return hashlib.sha256("\n".join(sorted(f"{row.label}\t{row.text}" for row in rows)).encode()).hexdigest()


def _folds(sources: Sequence[str]) -> list[frozenset[str]]:
    """Leave out a tenth of the texts at a time, every source as a whole; a larger source is a fold of its own."""
    most = max(1, len(sources) // 10)
    folds: list[tuple[int, set[str]]] = []
    for source, size in sorted(Counter(sources).items(), key=lambda item: (-item[1], item[0])):
        at = next((n for n, (held, _) in enumerate(folds) if held + size <= most), None)
        if at is None:
            folds.append((size, {source}))
        else:
            folds[at] = (folds[at][0] + size, folds[at][1] | {source})
    return [frozenset(held) for _, held in folds]


def _fitted(matrix: Any, labels: Any, rows: Any) -> tuple[Any, Any, float]:
    """Choose the features that tell most, and fit their weights: each text counts by the root of its features."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    part, said = matrix[rows], labels[rows]
    frequency = np.asarray(part.sum(0)).ravel()
    attacks = np.asarray(part[said == 1].sum(0)).ravel()
    expected = frequency * (said == 1).mean()
    surprise = (attacks - expected) ** 2 * (1 / (expected + 1) + 1 / (frequency - expected + 1))
    kept = np.sort(np.argsort(-surprise, kind="stable")[:MOST_FEATURES])
    model = LogisticRegression(C=STRENGTH, max_iter=300, class_weight="balanced")
    model.fit(normalize(part[:, kept]), said)
    return kept, model.coef_[0], float(model.intercept_[0])


def _judged(name: str, scores: Any, labels: Any) -> LeftOut:
    from sklearn.metrics import roc_auc_score

    attacks, benign = scores[labels == 1], scores[labels == 0]
    if not len(attacks) or not len(benign):
        return LeftOut(name, len(attacks), len(benign), None, None, None)
    recalls = [float((attacks > quantile(list(benign), rate)).mean()) for rate in (0.01, 0.001)]
    return LeftOut(name, len(attacks), len(benign), float(roc_auc_score(labels, scores)), recalls[0], recalls[1])
