"""`data.quality`: data sets have no gaps, copies, leaks and people that nobody knows of."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.testing.quality import Fault, Quality, missing_groups, overlap
from safecase.readers import tables
from safecase.readers.text import shown
from safecase.service.schema import Manifest
from safecase.service.subjects import Dataset
from safecase.vocabulary import Finding, Metric, Place

MOST_ROWS = 2_000_000
MOST_FINDINGS = 200
RESERVE_S = 2.0
_PERSONAL = frozenset({"personal", "special", "biometric"})


def _cost(_dataset: Dataset, manifest: Manifest) -> Estimate:
    return Estimate(seconds=min(60.0, manifest.settings.check_seconds))


@check("data.quality", control="TV-15", severity="medium", estimate=_cost)
def data_sound(dataset: Dataset, ctx: Context) -> Iterator[Finding]:
    """A data set has no gaps, copies or mixed kinds of note, no column that gives the label away, and no people unsaid.

    ## Why it matters
    A model learns what stands in its data, mistakes too. A column that is only known afterwards makes every test look
    splendid and the service useless; rows that are in training and test alike do the same.

    ## How it is checked
    Every row of the data set's CSV, TSV and JSON lines files is read. Found are: rows that cannot be read; more than
    1 % of copies; columns that are empty in more than a fifth of the rows, and any gap of the label; columns that hold
    one value only; columns of numbers with something else in them; a class with fewer than 10 rows or 50 times fewer
    than another; a column that equals the label or says it by other words (from 20 rows on); e-mail addresses where
    `classes` names no personal data; rows that a file for training shares with one for tests (by the files' names);
    declared `protected_attributes` that are no column. Lines are named, values of rows are not kept.

    Wrong labels, other personal data than addresses, and copies that differ in a word are not found. Parquet and other
    formats, files of more than 500 MB and rows beyond two million are not read, which leaves it unknown.

    ## How to mend it
    Mend the rows that are named at their source, and make the set anew. Declare its label: `label: outcome`.

    ## References
    AML.M0007 (ATLAS 5.6.0); LLM05:2026; ISO/IEC 5259-2:2024; EU AI Act Art. 10(2)(f)-(h), 10(3).
    """
    place = Place(file=ctx.manifest_path, line=dataset.line)
    if not dataset.files:
        mend = "name its file: `datasets: [{id: …, file: data/rows.csv}]`, or attest its quality"
        yield data_sound.unknown(dataset, "none of its files lies here", place=place, mend=mend)
        return
    personal = bool(_PERSONAL & set(dataset.declared.classes))
    parts: list[tuple[str, Quality]] = []
    findings: list[Finding] = []
    for name in dataset.files:
        quality = Quality(dataset.declared.label, personal=personal)
        try:
            why = _count(ctx, name, quality)
        except CollectError as error:
            why = error.message
        if why:
            mend = "check it by other means and attest that, or give it as CSV or JSON lines"
            findings.append(
                data_sound.unknown(dataset, why, rule="unread", key=name, place=Place(file=name), mend=mend)
            )
        if quality.rows:
            parts.append((name, quality))
            findings += [_finding(dataset, name, fault) for fault in quality.faults()]
        elif not why:
            mend = "put rows into it, or take it out"
            findings.append(
                data_sound.failed(
                    dataset, f"{shown(name)} holds no row", rule="empty", key=name, place=Place(file=name), mend=mend
                )
            )
    columns = [column for _, quality in parts for column in quality.columns]
    together = [*overlap(parts), *(missing_groups(columns, dataset.declared.protected_attributes) if parts else ())]
    findings += [_finding(dataset, "", fault, place) for fault in together]
    total = sum(quality.rows for _, quality in parts)
    ctx.measure(Metric(name="rows", value=total))
    yield from findings[:MOST_FINDINGS]
    if len(findings) > MOST_FINDINGS:
        told = f"{len(findings) - MOST_FINDINGS} more faults were found"
        yield data_sound.failed(dataset, told, rule="more", place=place, mend="mend the ones that are listed first")
    if not findings:
        yield data_sound.passed(dataset, f"{total} rows in {len(parts)} files are sound", place=place)


def _count(ctx: Context, name: str, quality: Quality) -> str:
    """Count a file's rows; says why not all of them were."""
    if not tables.is_table(name):
        return f"{shown(name)} is no CSV, TSV or JSON lines, and was not read"
    for number, row in enumerate(tables.rows(ctx.path(name), name)):
        if number >= MOST_ROWS:
            return f"{shown(name)} has more than {MOST_ROWS:,} rows; the rest was not read"
        if number % 1000 == 0 and ctx.remaining() < RESERVE_S:
            return f"{shown(name)} has more rows than there was time for; {number:,} were read"
        quality.add(row)
    return ""


def _finding(dataset: Dataset, name: str, fault: Fault, place: Place | None = None) -> Finding:
    lines = f" (lines {', '.join(str(line) for line in fault.lines)}{' …' if len(fault.lines) > 9 else ''})"
    return data_sound.failed(
        dataset,
        (f"{shown(name)}: " if name else "") + fault.message + (lines if fault.lines else ""),
        rule=fault.rule,
        key=fault.key,
        place=place or Place(file=name, line=fault.lines[0] if fault.lines else 1),
        severity=fault.severity,
        mend=fault.mend,
    )
