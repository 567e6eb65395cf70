"""The case as one page that a person reads: no script, nothing loaded, depth behind `<details>`."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from safecase.export import flow_svg, words
from safecase.export.check_pages import page_of
from safecase.readers.text import shown
from safecase.vocabulary import (
    MEASURES,
    RISK_GROUPS,
    SEVERITIES,
    Case,
    Claim,
    Finding,
    Measure,
    MeasureSummary,
    Metric,
    Noun,
    RiskSummary,
    Verdict,
)

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_MENDS = 5
MOST_FINDINGS = 100
"""Of one claim on the page; the JSON has all."""
FIRST_FINDINGS = 6
"""Of one claim in sight; the others of the page are a click away."""
MOST_SUBJECTS = 8
LONGEST = 2000
"""Of any one text from outside."""
LONGEST_NAME = 80
_VERDICTS: Sequence[Verdict] = ("fail", "unknown", "pass")


class RecordView(Noun, frozen=True):
    """What the page tells of one evidence record."""

    id: str
    check: str
    check_version: str
    evaluated_at: str
    verdict: Verdict
    subjects: tuple[tuple[str, str], ...] = ()
    """Name and SHA-256 of each."""
    metrics: tuple[Metric, ...] = ()
    artefacts: tuple[str, ...] = ()
    signer: str = ""
    ttl_days: float = 30


class Part(NamedTuple):
    """A part of a stacked bar, in hundredths of its width."""

    state: words.Standing
    x: float
    width: float


class Scale(NamedTuple):
    """Where a metric, its interval and its threshold stand on a line, in hundredths of it."""

    value: float
    low: float
    high: float
    threshold: float | None


class MeasureView(NamedTuple):
    """One measure with its claims: those that apply, the most urgent first, and those that do not."""

    id: Measure
    title: str
    summary: MeasureSummary
    counts: Mapping[words.Standing, int]
    bar: Sequence[Part]
    applying: Sequence[Claim]
    others: Sequence[Claim]


def render(case: Case, records: Mapping[str, RecordView]) -> bytes:
    """Write the page: the same case gives the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    style = resources.files("safecase.export").joinpath("templates/case.css").read_text("utf-8")
    page = Environment(
        loader=PackageLoader("safecase.export"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= {"prose": _prose, "moment": _moment, "number": _number, "value": _value, "named": _named}
    page.globals |= {"scale": scale, "fresh_until": _fresh_until, "findings_of": _findings}
    page.globals |= {"FIRST_FINDINGS": FIRST_FINDINGS, "MOST_SUBJECTS": MOST_SUBJECTS}
    counted = words.counts(case.claims)
    content = page.get_template("case.html.j2").render(
        case=case,
        name=_named(words.title_of(case)),
        phrase=words.verdict_phrase(case.verdict),
        reason=words.reason(case),
        counts=counted,
        bar=bar(counted),
        words=words,
        measures=[_measure(measure, case) for measure in MEASURES],
        risks=_risks(case),
        mends=case.next[:MOST_MENDS],
        records=records,
        pages=_pages(case),
        flows=flow_svg.svg(case.diagram) if case.diagram else "",
        style=Markup(style),  # noqa: S704 - it is ours
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return content.encode("utf-8", "backslashreplace") + b"\n"


def bar(counts: Mapping[words.Standing, int]) -> Sequence[Part]:
    """Stack the claims that apply, by state."""
    applying = {state: n for state, n in counts.items() if n and state != "not_applicable"}
    total = sum(applying.values())
    parts = []
    done = 0
    for state, n in applying.items():
        parts.append(Part(state, round(100 * done / total, 2), round(100 * n / total, 2)))
        done += n
    return parts


def scale(metric: Metric) -> Scale | None:
    """Place a metric on a line from 0 (or from its least value) to 1 (or somewhat beyond its largest)."""
    low = metric.value if metric.low is None else metric.low
    high = metric.value if metric.high is None else metric.high
    there = [metric.value, low, high, *([] if metric.threshold is None else [metric.threshold])]
    if not all(math.isfinite(number) for number in there):
        return None
    least = min(0.0, *there)
    most = 1.0 if 0 < max(there) <= 1 and not metric.unit else max(there) * 1.15
    span = (most - least) or 1.0

    def at(number: float) -> float:
        return round(min(max(100 * (number - least) / span, 0), 100), 2)

    return Scale(at(metric.value), at(low), at(high), None if metric.threshold is None else at(metric.threshold))


def _measure(measure: Measure, case: Case) -> MeasureView:
    summary = next((m for m in case.measures if m.id == measure), MeasureSummary(id=measure, verdict="unproven"))
    claims = sorted((claim for claim in case.claims if claim.measure == measure), key=words.urgency)
    counts = words.counts_of(summary)
    return MeasureView(
        id=measure,
        title=words.MEASURE_TITLES[measure],
        summary=summary,
        counts=counts,
        bar=bar(counts),
        applying=[claim for claim in claims if claim.state != "not_applicable"],
        others=[claim for claim in claims if claim.state == "not_applicable"],
    )


def _risks(case: Case) -> Sequence[RiskSummary]:
    known = {risk.id: risk for risk in case.risk_groups}
    return [known.get(group, RiskSummary(id=group, verdict="unproven", open=0)) for group in RISK_GROUPS]


class CheckPage(NamedTuple):
    """The page of a check: its first sentence, and its parts under their headings."""

    id: str
    first: str
    parts: Sequence[tuple[str, Sequence[str]]]


def _pages(case: Case) -> Mapping[str, CheckPage]:
    """Give the page of each check that found something: the text that `safecase explain` prints."""
    looked = sorted({finding.check for claim in case.claims for finding in claim.findings})
    return {name: _page(name, text) for name in looked if (text := page_of(name))}


def _page(name: str, text: str) -> CheckPage:
    head, *parts = re.split(r"(?m)^## ", text)
    first, _, rest = head.strip().partition("\n")
    told = [("", _paragraphs(rest))] if rest.strip() else []
    for part in parts:
        title, _, body = part.partition("\n")
        told.append((title.strip(), _paragraphs(body)))
    return CheckPage(name, first, told)


def _paragraphs(text: str) -> Sequence[str]:
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]


def _findings(claim: Claim) -> Sequence[Finding]:
    """Give what the page shows of a claim's findings: what speaks against it first."""

    def weight(finding: Finding) -> tuple[int, int]:
        return _VERDICTS.index(finding.verdict), -SEVERITIES.index(finding.severity)

    return sorted(claim.findings, key=weight)[:MOST_FINDINGS]


# words and numbers


def _shown(value: Any) -> Any:  # whatever a template prints
    """Escape what the browser or an editor would act upon, in everything that the template prints."""
    if isinstance(value, (int, float)) or hasattr(value, "__html__"):
        return value
    return "\n".join(shown(line, LONGEST) for line in str(value)[: LONGEST + 1].split("\n"))


def _named(text: str) -> str:
    """Give a name in one line that is not endless."""
    return shown(" ".join(text.split()), LONGEST_NAME)


def _prose(text: str) -> Markup:
    """Set what stands between backticks as code."""
    from markupsafe import Markup, escape

    parts = _shown(text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    marked = [Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
    return Markup("").join(marked)


def _moment(text: str) -> str:
    """Write a moment as `2026-11-23 06:00 UTC`; what is none stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _named(text)
    if len(text) <= len("2026-11-23"):
        return text
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if moment.tzinfo else text


def _fresh_until(record: RecordView) -> str:
    try:
        until = datetime.fromisoformat(record.evaluated_at) + timedelta(days=record.ttl_days)
    except (ValueError, OverflowError):
        return f"{_number(record.ttl_days)} days after it was collected"
    return _moment(until.isoformat())


def _number(number: float) -> str:
    if abs(number) >= 1000 and math.isfinite(number):
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3g}"


def _value(value: object) -> str:
    match value:
        case None | "":
            return "not said"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join("?" if item is None else _value(item) for item in value) or "none"
        case dict():
            return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    return str(value)
