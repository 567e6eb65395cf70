"""What is wrong with a data set, counted row by row: gaps, copies, kinds that mix, labels that leak, people in it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from safecase.readers.tables import Row
from safecase.readers.text import shown
from safecase.vocabulary import Severity

MOST_DISTINCT = 200
"""Values of a column that are counted; a column with more is no class."""
MOST_LINES = 10
MOST_GAPS = 0.2
MOST_COPIES = 0.01
FEWEST_OF_A_CLASS = 10
MOST_LOPSIDED = 50
MOST_CLASSES = 100
FEWEST_FOR_LEAKS = 20
NUMERIC = 0.9
"""From this share on a column is meant to hold numbers."""

_NUMBER = re.compile(r"\s*[+-]?(?:\d{1,400}(?:[.,]\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?\s*", re.ASCII)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)
_SAMPLE = re.compile(r"@(?:[\w-]+\.)*example(?:\.\w+)?$", re.IGNORECASE)


class Fault(NamedTuple):
    """Something wrong, and in which lines it shows."""

    rule: str
    key: str
    message: str
    mend: str
    lines: tuple[int, ...] = ()
    severity: Severity = "medium"


class _Column:
    def __init__(self) -> None:
        self.filled = self.numbers = 0
        self.values: Counter[str] = Counter()
        self.many = False
        self.not_numbers: list[int] = []
        self.mails: list[int] = []
        self.same_as_label = 0
        self.by_label: dict[str, str] = {}
        self.steady = True
        """Each value has stood beside one label only."""

    def add(self, cell: str, line: int, label: str | None) -> None:
        self.filled += 1
        if _NUMBER.fullmatch(cell[:900]):
            self.numbers += 1
        elif len(self.not_numbers) < MOST_LINES:
            self.not_numbers.append(line)
        if not self.many:
            self.values[cell[:200]] += 1
            self.many = len(self.values) > MOST_DISTINCT
        if len(self.mails) < MOST_LINES and any(not _SAMPLE.search(m[0]) for m in _MAIL.finditer(cell[:10_000])):
            self.mails.append(line)
        if label is not None:
            self.same_as_label += cell.strip() == label.strip()
            if self.steady and not self.many:
                self.steady = self.by_label.setdefault(cell[:200], label) == label


class Quality:
    """One file's count, while it grows."""

    def __init__(self, label: str = "", *, personal: bool = False) -> None:
        self._label, self._personal = label, personal
        self.rows = 0
        self.digests: set[bytes] = set()
        self._copies: list[int] = []
        self._copied = 0
        self._broken: list[tuple[int, str]] = []
        self._broken_count = 0
        self._columns: dict[str, _Column] = {}

    def add(self, row: Row) -> None:
        """Count one row."""
        if row.fault:
            self._broken_count += 1
            if len(self._broken) < MOST_LINES:
                self._broken.append((row.line, row.fault))
            return
        self.rows += 1
        digest = hashlib.blake2b(repr(sorted(row.cells.items())).encode("utf-8", "replace"), digest_size=8).digest()
        if digest in self.digests:
            self._copied += 1
            if len(self._copies) < MOST_LINES:
                self._copies.append(row.line)
        self.digests.add(digest)
        label = row.cells.get(self._label) if self._label else None
        for name, cell in row.cells.items():
            column = self._columns.setdefault(name, _Column())
            if cell is not None:
                column.add(cell, row.line, label)

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns."""
        return tuple(self._columns)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the file."""
        if self._broken:
            told = f"{self._broken_count} rows cannot be read ({self._broken[0][1]})"
            yield Fault("rows", "", told, "mend or remove them", tuple(line for line, _ in self._broken))
        if self._copied > MOST_COPIES * self.rows:
            told = f"{self._copied} of {self.rows} rows are copies of others"
            yield Fault("copies", "", told, "remove them, or say why they count twice", tuple(self._copies))
        if self._label and self._label not in self._columns:
            told = f"there is no column {shown(self._label, 40)}, which is said to be the label"
            yield Fault("label", self._label, told, "correct `label:` of the data set", severity="high")
        for name, column in self._columns.items():
            yield from self._of_column(name, column)
        if self._label in self._columns:
            yield from self._of_label(self._columns[self._label])

    def _of_column(self, name: str, column: _Column) -> Iterator[Fault]:
        told, gaps = shown(name, 40), self.rows - column.filled
        if gaps and (name == self._label or gaps > MOST_GAPS * self.rows):
            yield Fault(
                "gaps", name, f"{told} is empty in {gaps} of {self.rows} rows", "fill the gaps, or leave it out"
            )
        if column.filled and len(column.values) == 1 and not column.many and self.rows > 1 and not gaps:
            severity: Severity = "high" if name == self._label else "low"
            yield Fault("constant", name, f"{told} holds the same in every row", "leave it out", severity=severity)
        odd = column.filled - column.numbers
        if odd and column.numbers >= NUMERIC * column.filled:
            yield Fault("kinds", name, f"{told} holds numbers, and {odd} times something else", "write one kind only",
                        tuple(column.not_numbers))  # fmt: skip
        if column.mails and not self._personal:
            mend = "take them out, or declare what the data set holds: `classes: [personal]`"
            yield Fault("people", name, f"{told} holds e-mail addresses, which are not declared", mend,
                        tuple(column.mails), "high")  # fmt: skip
        if name != self._label and self._label in self._columns:
            yield from self._leak(name, column)

    def _leak(self, name: str, column: _Column) -> Iterator[Fault]:
        label = self._columns[self._label]
        if self.rows < FEWEST_FOR_LEAKS or len(label.values) < 2:
            return
        mend = "leave the column out: it will not be known when the model is asked"
        if column.same_as_label >= 0.99 * self.rows:
            yield Fault("leak", name, f"{shown(name, 40)} is the label itself", mend, severity="high")
        # One value for each label and one label for each value: the same by another name.
        elif (
            column.steady
            and not column.many
            and not label.many
            and column.filled == self.rows
            and len(column.values) == len(label.values) == len(set(column.by_label.values()))
        ):
            yield Fault("leak", name, f"{shown(name, 40)} says the label by another name", mend, severity="high")

    def _of_label(self, column: _Column) -> Iterator[Fault]:
        if column.many or len(column.values) < 2 or len(column.values) > MOST_CLASSES:
            return  # a number to be predicted, or free text
        most, fewest = column.values.most_common()[0], column.values.most_common()[-1]
        if self._looks_numeric(column) and fewest[1] < FEWEST_OF_A_CLASS and len(column.values) > 20:
            return
        if fewest[1] < FEWEST_OF_A_CLASS or most[1] > MOST_LOPSIDED * fewest[1]:
            told = f"{shown(fewest[0], 40)} is the label of {fewest[1]} rows, {shown(most[0], 40)} of {most[1]}"
            yield Fault("balance", "", told, "add rows of the rare class, or weigh them and measure each class apart")

    @staticmethod
    def _looks_numeric(column: _Column) -> bool:
        return column.numbers == column.filled


def overlap(parts: Sequence[tuple[str, Quality]]) -> Iterator[Fault]:
    """Yield which files for tests hold rows of files for training."""
    tests = [(name, q) for name, q in parts if _is_test(name)]
    for train, of_train in ((name, q) for name, q in parts if not _is_test(name)):
        for test, of_test in tests:
            shared = len(of_train.digests & of_test.digests)
            if shared:
                told = f"{shared} rows of {shown(test)} stand in {shown(train)} too"
                mend = "take them out of one: what was learnt by heart tests nothing"
                yield Fault("overlap", f"{train}:{test}", told, mend, severity="high")


def _is_test(name: str) -> bool:
    return (
        re.search(r"(?:^|[^a-z])(?:test|eval|valid|validation|val|holdout|dev)(?:[^a-z]|$)", name.lower()) is not None
    )


def missing_groups(columns: Iterable[str], wanted: Iterable[str]) -> Iterator[Fault]:
    """Yield protected attributes that are declared and stand in no column."""
    there = set(columns)
    for name in wanted:
        if name not in there:
            told = f"the protected attribute {shown(name, 40)} is no column of it"
            yield Fault("groups", name, told, "add it for the tests, or correct protected_attributes")
