"""`explain.sample`: sampled decisions were explained with the stated method."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers import tables
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric, Place

MOST_ROWS: Final = 100_000
FEWEST_WORDS: Final = 5
MOST_ALIKE: Final = 0.5
"""The same explanation for more than half of the decisions explains none."""
_DECISION: Final = ("decision", "case", "id", "decision_id", "case_id")
_EXPLANATION: Final = ("explanation", "reasons", "reason", "attributions", "why")
_EMPTY: Final = frozenset({"", "n/a", "na", "none", "null", "tbd", "todo", "-", "{}", "[]"})


@check(
    "explain.sample",
    control="TV-12",
    severity="medium",
    reads=("testing.explanations",),
    files=("testing.explanations.file",),
)
def decisions_explained(service: Service, ctx: Context) -> Iterator[Finding]:
    """The method of explanation is stated, and each decision of a sample has an explanation of its own.

    ## Why it matters
    Whoever is turned down may ask why, and an answer that is found only after the question is an excuse.

    ## How it is checked
    `testing.explanations` states a method and a file with a sample of decisions: at least `least` rows (20), each with
    the decision's id (`decision`, `case` or `id`) and an explanation (`explanation`, `reasons` or `attributions`):
    words (five or more) or numbers by feature, as JSON. A row without one fails, and so does a sample in which more
    than half of the explanations are the same. Too few rows are unknown. Whether the explanations are true, and whether
    people understand them, is not judged: say that by an attestation.

    ## How to mend it
    Explain when deciding, and keep the explanation with the decision; export a random sample of them.

    ## References
    EU AI Act Art. 13, 86; GDPR Art. 15(1)(h), 22; NIST AI RMF 1.0 MEASURE 2.9; ISO/IEC 42001:2023 A.8.2.
    """
    said = ctx.manifest.testing.explanations
    if said is None:
        mend = "state the method and a sample: `testing: {explanations: {method: …, file: …}}`"
        yield decisions_explained.unknown(service, "no method of explanation and no sample is declared", mend=mend)
        return
    if not tables.is_table(said.file):
        raise CollectError(f"{shown(said.file)} is neither CSV nor JSON lines", mend="export it as .csv or .jsonl")
    rows = explained = 0
    seen: Counter[str] = Counter()
    missing: list[int] = []
    for row in tables.rows(ctx.path(said.file), said.file):
        rows += 1
        if rows > MOST_ROWS:
            raise CollectError(f"{shown(said.file)} has more than {MOST_ROWS} rows", mend="export a sample")
        cells = {name.strip().lower(): (cell or "").strip() for name, cell in row.cells.items()}
        decision = next((cells[name] for name in _DECISION if cells.get(name)), "")
        told = next((cells[name] for name in _EXPLANATION if cells.get(name)), "")
        if row.fault or not decision or not _explains(told):
            missing.append(row.line)
            continue
        explained += 1
        seen[told] += 1
    yield from _findings(service, ctx, said.file, rows, explained, missing, seen)


def _findings(
    service: Service, ctx: Context, file: str, rows: int, explained: int, missing: list[int], seen: Counter[str]
) -> Iterator[Finding]:
    said = ctx.manifest.testing.explanations
    assert said is not None
    place = Place(file=file)
    if rows < said.least:
        told = f"{rows} decisions are in the sample, {said.least} are wanted"
        yield decisions_explained.unknown(service, told, rule="few", place=place, mend="export more decisions")
        return
    ctx.measure(Metric(name="decisions_explained", value=explained / rows, n=rows))
    if missing:
        lines = ", ".join(map(str, missing[:10])) + (" and more" if len(missing) > 10 else "")
        told = f"{len(missing)} of {rows} decisions have no explanation (lines {lines})"
        at = Place(file=file, line=missing[0])
        mend = "explain each decision when it is made, and export the explanation with it"
        yield decisions_explained.failed(service, told, rule="missing", place=at, mend=mend)
    most = max(seen.values(), default=0)
    if explained and most > MOST_ALIKE * explained:
        told = f"{most} of {explained} explanations are word for word the same"
        mend = "say what decided this case, and not what the model does in general"
        yield decisions_explained.failed(service, told, rule="alike", place=place, mend=mend)
    elif not missing:
        told = f"{explained} sampled decisions were explained by {shown(said.method, 60)}"
        yield decisions_explained.passed(service, told, place=place)


def _explains(text: str) -> bool:
    if text.lower() in _EMPTY:
        return False
    if text[0] in "{[":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return bool(value)
    return len(text.split()) >= FEWEST_WORDS
