"""The case as SARIF 2.1.0, for code scanning: what fails, what could not be judged, what nobody looked at.

A claim that holds is not told: services that read SARIF show every result as a fault. A result of the kind `open` (a
check could not judge) or `review` (a person is asked) has the level `none`, as §3.27.10 of the standard wants it.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from safecase import __version__
from safecase.catalogue.read import catalogue
from safecase.catalogue.references import source_of
from safecase.export.answer import Answer, answer_of
from safecase.export.check_pages import page_of
from safecase.export.points import Kind, Point, accepted_by, points
from safecase.export.words import counts, reason, title_of
from safecase.readers.text import shown
from safecase.vocabulary import SEVERITIES, Case, Control, Place, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5000
"""Code scanning of GitHub shows no more of a run, and takes no file of more than 10 MB."""
MOST_BYTES = 8_000_000
"""Of the results together, before compression."""
MOST_TAGS = 20
LONGEST = 1000
"""Of a message; help texts are ours, or a plug-in's, and stay whole up to `LONGEST_HELP`."""
LONGEST_HELP = 20_000
LONGEST_PATH = 4096

_LEVELS: Mapping[Severity, str] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SCORES: Mapping[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
_KINDS: Mapping[Kind, str] = {"fails": "fail", "accepted": "fail", "unjudged": "open", "unseen": "review"}
_TAGGED = ("CWE", "MITRE ATLAS", "OWASP")
"""Whose ids of a control become tags."""


def render(case: Case, extra: Mapping[str, object] | None = None, within: str = "") -> bytes:
    """Write the log; `within` is where the service lies in its repository, to which all paths are relative."""
    told = points(case, within)
    results, full = _bounded(_results(told[:MOST_RESULTS]))
    left = len(told) - len(results)
    driver = _driver(told[: len(results)])
    places = {rule["id"]: index for index, rule in enumerate(driver["rules"])}
    for result in results:
        result["ruleIndex"] = places[result["ruleId"]]
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"safecase/{_line(case.service, 80)}/"},
        "invocations": [_invocation(case, answer_of(extra), _left(left, told, full=full))],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "service": _line(case.service),
            "catalogue": _line(case.catalogue),
            "verdict": case.verdict,
            "notTold": left,
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


# rules


def _driver(told: Sequence[Point]) -> dict[str, Any]:
    controls: dict[str, dict[str, Control]] = {}
    severities: dict[str, Severity] = {}
    for point in told:
        row = catalogue().controls.get(point.claim.control)
        controls.setdefault(point.rule, {}).update({row.id: row} if row else {})
        known = severities.get(point.rule, "info")
        severities[point.rule] = max(known, point.claim.severity, key=SEVERITIES.index)
    titles = {point.claim.control: _line(point.claim.title) for point in told if point.finding is None}
    rules = [_rule(id, controls[id], severities[id], titles.get(id, "")) for id in sorted(controls)]
    return {"name": "Safecase", "version": __version__, "semanticVersion": __version__, "rules": rules}


def _rule(id: str, of_case: Mapping[str, Control], severity: Severity, title: str) -> dict[str, Any]:
    """Describe a check, or a control that no check answers; the same for the same catalogue and the same claims."""
    named = {row.id: row for row in catalogue().controls.values() if id in row.checks}
    controls = sorted({**named, **of_case}.values(), key=lambda row: row.id)
    severity = max([severity, *(row.severity for row in controls)], key=SEVERITIES.index)
    page = page_of(id)[:LONGEST_HELP] or _control_page(catalogue().controls.get(id), title or id)
    first = page.partition("\n")[0]
    full = " ".join(row.text for row in controls) or first
    return {
        "id": _line(id),
        "name": "".join(part.capitalize() for part in re.findall(r"[^\W_]+", title or _line(id))),
        "shortDescription": {"text": _text(first)},
        "fullDescription": {"text": _text(full)},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "security-severity": _SCORES[severity],
            "tags": _tags(controls),
            "controls": [row.id for row in controls],
        },
    }


def _control_page(control: Control | None, title: str) -> str:
    if control is None:
        return _text(title)
    return f"{control.title}.\n\n{control.text}\n\n`safecase explain {control.id}` tells when it applies and why.\n"


def _tags(controls: Iterable[Control]) -> list[str]:
    """Give the ids of others that a rule's controls name; those of CWE as code scanning knows them, too."""
    named = {ref for row in controls for ref in row.references if (source_of(ref) or "").startswith(_TAGGED)}
    weaknesses = sorted(ref for ref in named if ref.startswith("CWE-"))
    tags = [*weaknesses, *(f"external/cwe/{ref.lower()}" for ref in weaknesses), *sorted(named.difference(weaknesses))]
    return ["security", *tags][:MOST_TAGS]


# results


def _results(told: Sequence[Point]) -> Iterator[dict[str, Any]]:
    crowd = Counter((point.rule, point.place.file, point.place.line) for point in told)
    for point in told:
        alone = point.place.line > 0 and crowd[point.rule, point.place.file, point.place.line] == 1
        yield _result(point, alone=alone)


def _result(point: Point, *, alone: bool) -> dict[str, Any]:
    kind = _KINDS[point.kind]
    named = _line(point.fingerprint)
    prints = {"safecase/v1": named}
    if not alone:
        # Code scanning tells results of a rule in a file apart by their line alone, unless we say this by its name.
        prints["primaryLocationLineHash"] = f"{named}:1"
    result: dict[str, Any] = {
        "ruleId": _line(point.rule),
        "kind": kind,
        "level": _LEVELS[point.severity] if kind == "fail" else "none",
        "message": {"text": _message(point)},
        "locations": [_location(point)],
        "partialFingerprints": prints,
        "properties": {
            "control": _line(point.claim.control),
            "state": point.claim.state,
            "severity": point.severity,
            "looked": point.kind != "unseen",
        },
    }
    if point.kind == "accepted":
        why = _text(accepted_by(point.claim))
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def _message(point: Point) -> str:
    parts = [_text(point.said)]
    if point.mend:
        parts.append(f"To mend it: {_text(point.mend)}")
    return "\n".join(parts)


def _location(point: Point) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(point.place)}
    if point.place.line > 0:
        physical["region"] = {"startLine": point.place.line}
        if point.place.column > 0:
            physical["region"]["startColumn"] = point.place.column
    location: dict[str, Any] = {"physicalLocation": physical}
    if point.finding is not None and point.finding.subject:
        location["logicalLocations"] = [{"fullyQualifiedName": _line(point.finding.subject)}]
    return location


def _artifact(place: Place) -> dict[str, str]:
    """Name a file as a URI: its bytes percent-encoded, relative to the repository unless it lies outside."""
    path = place.file[:LONGEST_PATH]
    try:
        uri = quote(path, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no file system gives
        uri = quote(path, safe="/", errors="replace")
    if posixpath.isabs(path):
        return {"uri": "file:///" + uri.lstrip("/")}
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _bounded(results: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Take results while there is room; says whether some found none."""
    taken: list[dict[str, Any]] = []
    room = MOST_BYTES
    for result in results:
        room -= len(msgspec.json.encode(result))
        if room < 0:
            return taken, True
        taken.append(result)
    return taken, False


# the run


def _left(left: int, told: Sequence[Point], *, full: bool) -> str:
    if not left:
        return ""
    kinds = Counter(point.kind for point in told[len(told) - left :])
    limit = f"{MOST_BYTES} bytes" if full else f"{MOST_RESULTS} results"
    counted = ", ".join(f"{n} {_KINDS[kind]}" for kind, n in kinds.items())
    return f"{left} results are not told, the least urgent ones ({counted}): the limit is {limit}; the JSON has all"


def _invocation(case: Case, answer: Answer | None, left: str) -> dict[str, Any]:
    notes = [left] if left else []
    notes += case.notes[:100]
    told: dict[str, Any] = {
        "executionSuccessful": True,
        "toolExecutionNotifications": [{"level": "note", "message": {"text": _text(note)}} for note in notes],
        "properties": {
            "verdict": f"{_line(title_of(case))} {case.verdict}: {reason(case)}",
            "counts": dict(counts(case.claims)),
        },
    }
    if left:
        told["toolExecutionNotifications"][0]["level"] = "warning"
    if answer is not None:
        told["exitCode"] = answer.exit_code
        told["exitCodeDescription"] = _text(
            f"{answer.word}, by the profile {answer.profile} and the rules from {answer.source}"
        )
    if _is_moment(case.as_of):
        told["endTimeUtc"] = case.as_of
    return told


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None and text.endswith("Z")
    except ValueError:
        return False


def _line(text: str, limit: int = 200) -> str:
    return shown(" ".join(text.split()), limit)


def _text(text: str) -> str:
    """Give text from outside as a plain message: what could be read as a link in it is none."""
    return _line(text, LONGEST).replace("](", "] (")
