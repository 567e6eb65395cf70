"""`doc.accuracy`: the level of accuracy and its metric are written down for those who use the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place

MOST_BYTES: Final = 2_000_000
_METRIC: Final = re.compile(
    r"\b(?:accuracy|precision|recall|sensitivity|specificity|f[ -]?1|f-score|auc|auroc|roc|average precision|error rate"
    r"|rmse|mae|mape|r2|word error rate|wer|bleu|rouge|exact match|pass rate|pass share|hit rate|top-\d+|log loss"
    r"|calibration|brier|kappa|mcc|iou|map|genauigkeit|trefferquote|exactitude|pr[eé]cision|exactitud|accuratezza)\b",
    re.IGNORECASE,
)
_LEVEL: Final = re.compile(r"\d{1,3}(?:[.,]\d+)?\s?%|\b0[.,]\d+\b|\b\d{1,4}[.,]\d+\b|\b1\.0+\b")
_DATA: Final = re.compile(
    r"\b(?:test|validation|hold-?out|held-out|evaluation|benchmark)[ -]?(?:set|data|rows|cases|sample|suite|corpus)"
    r"|\b(?:n|rows|cases|samples|images|records)\s?=\s?\d|\b\d[\d,. ]*\s(?:rows|cases|samples|images|records|examples)"
    r"|\btestdaten|\bjeu de test|\bconjunto de prueba",
    re.IGNORECASE,
)
_VERSION: Final = re.compile(
    r"\b\d{4}-\d{2}(?:-\d{2})?\b|\bv(?:ersion)?\.?\s?\d|\brevision\s+[0-9a-f]{6}", re.IGNORECASE
)
_CODE: Final = re.compile(r"<!--.*?(?:-->|\Z)|^ {0,3}```.*?(?:^ {0,3}```|\Z)", re.DOTALL | re.MULTILINE)
_WANTED: Final = (
    ("level", "a metric with its level in the same line or sentence", "write it: `accuracy 0.91 (95 % interval …)`"),
    ("data", "on which data it was measured", "say which test set, and how many rows it has"),
    ("version", "of which version or day it is", "say the model's version, and the day of the measurement"),
)


@check(
    "doc.accuracy",
    control="TV-09",
    severity="medium",
    reads=("compliance.documents",),
    files=("compliance.documents.accuracy",),
)
def accuracy_declared(service: Service, ctx: Context) -> Iterator[Finding]:
    """The declared document states a metric with its level, on which data, and of which version.

    ## Why it matters
    Whoever uses the service has to know how often it is wrong, or will believe it always or never.

    ## How it is checked
    `compliance.documents.accuracy` is a text or Markdown file. Outside of comments and code, a line or sentence of it
    names a metric (accuracy, recall, F1, error rate …) together with a number; the text says which test data that was
    measured on, and a version or a day. What is missing fails. Whether the numbers are those that were measured is not
    seen here (`eval.business` measures), nor whether users get the document: say that by an attestation.

    ## How to mend it
    Copy the measured share with its interval from the case, say the test set and the version, and publish it.

    ## References
    EU AI Act Art. 13(3)(b)(ii), 15(3); NIST AI RMF 1.0 MEASURE 2.5; ISO/IEC 42001:2023 A.8.2.
    """
    file = ctx.manifest.compliance.documents.get("accuracy", "")
    if not file:
        mend = "write it down, and declare it: `compliance: {documents: {accuracy: docs/accuracy.md}}`"
        place = ctx.place("compliance.documents")
        yield accuracy_declared.unknown(service, "no document of the accuracy is declared", mend=mend, place=place)
        return
    text = _CODE.sub(" ", _read(ctx, file))
    found = {"level": _level(text), "data": bool(_DATA.search(text)), "version": bool(_VERSION.search(text))}
    for rule, what, mend in _WANTED:
        if not found[rule]:
            told = f"{shown(file, 80)} does not say {what}"
            yield accuracy_declared.failed(service, told, rule=rule, place=Place(file=file), mend=mend)
    if all(found.values()):
        told = f"{shown(file, 80)} says the level, the data and the version"
        yield accuracy_declared.passed(service, told, place=Place(file=file))


def _level(text: str) -> bool:
    """Say whether a metric stands beside a number; in a table, its head may name the metric of a row below it."""
    parts = [part for line in text.splitlines() for part in re.split(r"(?<=[.!?;])\s", line)]
    if any(_METRIC.search(part) and _LEVEL.search(part) for part in parts):
        return True
    table = [line for line in text.splitlines() if line.lstrip().startswith("|")]
    return bool(table) and any(map(_METRIC.search, table)) and any(map(_LEVEL.search, table))


def _read(ctx: Context, file: str) -> str:
    try:
        with ctx.path(file).open("rb") as opened:
            return opened.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError as why:
        mend = "correct compliance.documents.accuracy"
        raise CollectError(f"{shown(file)} cannot be read: {why.strerror}", mend=mend) from why
