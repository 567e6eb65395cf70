"""The case as JUnit XML, for CI servers: a suite a measure, a test a claim.

Contested is a failure: we looked and it fails. Unsupported and stale are errors, since what nobody could judge is
never a pass; their type says whether nobody looked, it could not be judged, or the evidence is too old. What does not
apply is skipped, with the deciding fact; what an owner accepts passes and says so in its output.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence

from safecase.export.answer import Answer, answer_of
from safecase.export.points import accepted_by, because_of
from safecase.export.words import MEASURE_TITLES, reason, standing, title_of, urgency
from safecase.readers.text import shown
from safecase.vocabulary import MEASURES, Case, Claim, Finding, Measure

LONGEST = 1000
MOST_FINDINGS = 100
"""Of one claim; the JSON has all."""
_TAGS = {"contested": "failure", "unsupported": "error", "stale": "error", "not_applicable": "skipped"}


def render(case: Case, extra: Mapping[str, object] | None = None) -> bytes:
    """Write the suites: the gate's answer first, where there is one, then the nine measures."""
    answer = answer_of(extra)
    suites = [_gate(answer, case)] if answer else []
    suites += [_suite(number, measure, case) for number, measure in enumerate(MEASURES, len(suites))]
    failures = sum(claim.state == "contested" for claim in case.claims) + (answer is not None and answer.exit_code == 1)
    errors = sum(claim.state in ("unsupported", "stale") for claim in case.claims)
    errors += answer is not None and answer.exit_code == 3
    tests = len(case.claims) + (answer is not None)
    top = _attributes(name=_line(title_of(case)), tests=tests, failures=failures, errors=errors)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{top}>", *suites, "</testsuites>"]
    return "\n".join(lines).encode() + b"\n"


def _suite(number: int, measure: Measure, case: Case) -> str:
    claims = sorted((claim for claim in case.claims if claim.measure == measure), key=urgency)
    told = next((summary.verdict for summary in case.measures if summary.id == measure), "unproven")
    tests = "\n".join(_test(claim, case.service) for claim in claims)
    states = [claim.state for claim in claims]
    head = _attributes(
        name=MEASURE_TITLES[measure],
        id=number,
        package=_line(case.service),
        tests=len(claims),
        failures=states.count("contested"),
        errors=states.count("unsupported") + states.count("stale"),
        skipped=states.count("not_applicable"),
        timestamp=_line(case.as_of).removesuffix("Z"),
    )
    properties = _properties(verdict=told, measure=measure, service=case.service, catalogue=case.catalogue)
    return "\n".join([f"  <testsuite{head}>", properties, *([tests] if tests else []), "  </testsuite>"])


def _gate(answer: Answer, case: Case) -> str:
    """Write the gate's answer as a suite of one test, so that a server that only counts tests says what it says."""
    body = [f"{d.control} {d.title}: {d.state}: {d.why}" + (f" -- {d.mend}" if d.mend else "") for d in answer.deciding]
    tag = {0: "system-out", 1: "failure", 3: "error"}[answer.exit_code]
    reasons = [f"{answer.word}: the case {case.verdict}, {reason(case)}", *body]
    known = answer.known and f"{answer.known} open claims are known to the baseline and do not block"
    head = _attributes(
        name="Gate", id=0, package=_line(case.service), tests=1,
        failures=int(tag == "failure"), errors=int(tag == "error"), skipped=0,
        timestamp=_line(case.as_of).removesuffix("Z"),
    )  # fmt: skip
    name = _attributes(name=f"gate, profile {_line(answer.profile)}", classname=f"{_line(case.service)}.gate")
    inside = _element(tag, [*reasons, *([known] if known else [])], type=None if tag == "system-out" else answer.word)
    properties = _properties(allowed=str(answer.allowed).lower(), profile=answer.profile, source=answer.source)
    test = f"    <testcase{name}>\n{inside}\n    </testcase>"
    return "\n".join([f"  <testsuite{head}>", properties, test, "  </testsuite>"])


def _test(claim: Claim, service: str) -> str:
    head = _attributes(
        name=f"{_line(claim.control)} {_line(claim.title)}", classname=f"{_line(service)}.{claim.measure}"
    )
    tag = _TAGS.get(claim.state, "system-out")
    if claim.state == "supported":
        return f"    <testcase{head}/>"
    kind = None if tag == "system-out" else _kind(claim)
    return f"    <testcase{head}>\n{_element(tag, [*_lines(claim)], type=kind)}\n    </testcase>"


def _kind(claim: Claim) -> str:
    found = standing(claim)
    return {"unsupported": "could-not-be-judged", "unseen": "nobody-looked"}.get(found, found.replace("_", "-"))


def _lines(claim: Claim) -> Iterator[str]:
    """Say why a claim is no plain pass: in a line first, then all that speaks against it."""
    open_ones = [f for f in claim.findings if f.verdict != "pass"]
    failing = [f for f in open_ones if f.verdict == "fail"]
    first = failing[0].message if failing else because_of(claim)
    if claim.state == "accepted":
        first = accepted_by(claim)
    elif claim.state == "not_applicable":
        first = "; ".join(claim.because) or "it does not apply"
    more = f" (and {len(failing) - 1} more)" if len(failing) > 1 and claim.state == "contested" else ""
    yield first + more
    if claim.state in ("contested", "unsupported", "stale"):
        yield f"severity: {claim.severity}"
        yield from (f"because: {because}" for because in claim.because if because != first)
    for finding in open_ones[:MOST_FINDINGS]:
        yield from _finding(finding, said=(first, *claim.because))
    if len(open_ones) > MOST_FINDINGS:
        yield f"{len(open_ones) - MOST_FINDINGS} more findings: the JSON has all"


def _finding(finding: Finding, said: Sequence[str]) -> Iterator[str]:
    where = f" ({finding.place})" if finding.place else ""
    if where or finding.message not in said:
        yield f"{finding.verdict}: {finding.message}{where}"
    if finding.mend:
        yield f"  mend: {finding.mend}"


def _element(tag: str, lines: Sequence[str], *, type: str | None) -> str:
    head = _attributes(message=_line(lines[0]), type=type) if tag != "system-out" else ""
    body = "\n".join(_text(line) for line in (lines if tag != "skipped" else lines[:1]))
    return f"      <{tag}{head}>{body}</{tag}>"


def _properties(**values: str) -> str:
    rows = "".join(f"<property{_attributes(name=name, value=_line(value))}/>" for name, value in values.items())
    return f"    <properties>{rows}</properties>"


def _attributes(**values: str | int | None) -> str:
    return "".join(f' {name}="{html.escape(str(value))}"' for name, value in values.items() if value is not None)


def _line(text: str) -> str:
    """Give text from outside in one line of characters that XML may hold."""
    return shown(" ".join(text.split()), LONGEST)


def _text(line: str) -> str:
    lead = line[: len(line) - len(line.lstrip(" "))]
    return lead + html.escape(_line(line), quote=False)
