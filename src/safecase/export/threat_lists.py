"""The threats of a service as text, Markdown, JSON, SARIF and a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from safecase import __version__
from safecase.catalogue.references import source_of
from safecase.export.sarif import SCHEMA
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.assess.threat_model import Applying, ThreatModel

SIGNS: Mapping[str, str] = {"failing": "✗", "open": "?", "answered": "✓"}
PLAIN: Mapping[str, str] = {"failing": "x", "open": "?", "answered": "+"}
_COLOURS: Mapping[str, str] = {"failing": "31", "open": "33", "answered": "32"}
_LEVELS: Mapping[str, str] = {"failing": "warning", "open": "none", "answered": "none"}


def as_json(found: ThreatModel) -> bytes:
    """Write it for other programs."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def text(found: ThreatModel, *, width: int = 80, colour: bool = False, unicode: bool = True) -> str:
    """Tell it on a terminal: by risk group, a line a threat."""
    signs = SIGNS if unicode else PLAIN
    lines = [f"{shown(found.name, 60)}: {_counts(found)}"]
    told: set[str] = set()
    for group in found.risk_groups:
        rows = [one for one in found.threats if one.risk_groups[:1] == (group,) and one.id not in told]
        if rows:
            lines += ["", group.replace("_", " ").capitalize()]
        for one in rows:
            told.add(one.id)
            sign = f"\x1b[{_COLOURS[one.state]}m{signs[one.state]}\x1b[0m" if colour else signs[one.state]
            head = f"  {sign} {one.id:<5}"
            rest = textwrap.wrap(one.title, max(width - 9, 20))
            lines += [f"{head}{rest[0]}", *(f"{'':9}{line}" for line in rest[1:])]
    asked = list(dict.fromkeys(key for one in found.threats for key in one.questions))
    if asked:
        lines += ["", *textwrap.wrap(f"Not said, and it would decide: {', '.join(asked)}", width)]
    lines += ["", f"{len(found.not_applicable)} others do not apply.  Class by the AI Act: {found.ai_act['class']}"]
    lines.append("Next: safecase threats list --explain ID, safecase assess")
    return "\n".join(lines) + "\n"


def _counts(found: ThreatModel) -> str:
    states = [one.state for one in found.threats]
    parts = [f"{states.count(state)} {state}" for state in SIGNS if state in states]
    return f"{len(states)} threats apply" + (f" ({', '.join(parts)})" if parts else "")


def explained(found: ThreatModel, id_: str, *, width: int = 80) -> str | None:
    """Tell one threat whole: why it applies or not, what answers it, and how one would see that; None: no such one."""
    aside = next((one for one in found.not_applicable if one.id == id_), None)
    if aside is not None:
        lines = [f"{aside.id} {aside.title}", "", "does not apply:", *(f"  {shown(why, 200)}" for why in aside.because)]
        return "\n".join(lines) + "\n"
    one = next((row for row in found.threats if row.id == id_), None)
    if one is None:
        return None
    lines = [f"{one.id} {one.title}: {one.state}", "", *textwrap.wrap(one.text, width), "", "applies because"]
    lines += [f"  {why}" for why in one.because]
    lines += [f"  not said: {key}" for key in one.questions]
    lines += ["", f"about       {one.asset}", f"risk        {', '.join(one.risk_groups)}"]
    lines += [f"STRIDE      {', '.join(one.stride) or '-'}"]
    lines += [f"{source:<11} {', '.join(ids)}" for source, ids in _by_source(one).items()]
    lines += ["", "answered by"]
    for control in one.answers:
        by = ", ".join(control.checks) or "a person's attestation"
        until = f" until {control.expires[:10]}" if control.expires else ""
        lines += textwrap.wrap(
            f"{control.id} {control.title}: {control.state}{until}; verified by {by}",
            width,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    lines += ["", *textwrap.wrap(f"To see that it is answered: {one.verify}", width)]
    return "\n".join(lines) + "\n"


def _by_source(one: Applying) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for id_ in one.refs:
        source = source_of(id_) or "topic"
        word = (
            "ATLAS" if "ATLAS" in source else "OWASP" if "OWASP" in source else "NIST" if "NIST" in source else source
        )
        found.setdefault(word, []).append(id_)
    return found


def _cell(text: str) -> str:
    return shown(text, 300).replace("|", "\\|").replace("<", "&lt;")


def markdown(found: ThreatModel) -> str:
    """Write it for a pull request or a wiki."""
    lines = [f"# Threats of {_cell(found.name)}", "", f"{_counts(found)}. Catalogue {found.catalogue}.", ""]
    lines += ["| threat | state | risk groups | answered by | ids |", "|---|---|---|---|---|"]
    for one in found.threats:
        answers = ", ".join(f"{c.id} ({c.state})" for c in one.answers) or "-"
        groups = ", ".join(one.risk_groups)
        lines.append(f"| {one.id} {_cell(one.title)} | {one.state} | {groups} | {answers} | {', '.join(one.refs)} |")
    lines += ["", "## Does not apply", "", "| threat | because |", "|---|---|"]
    lines += [f"| {a.id} {_cell(a.title)} | {_cell('; '.join(a.because))} |" for a in found.not_applicable]
    return "\n".join(lines) + "\n"


def html(found: ThreatModel) -> bytes:
    """Write it as a page that stands alone."""
    from safecase.export.evaluations_html import page

    counts = {state: sum(one.state == state for one in found.threats) for state in SIGNS}
    look = {"failing": "fail", "open": "unknown", "answered": "pass"}
    return page(
        "threats.html.j2", found=found, name=shown(found.name, 80), counts=counts, look=look, by_source=_by_source
    )


def sarif(found: ThreatModel, file: str) -> bytes:
    """Write every threat as a rule and a result; ATLAS and OWASP are taxonomies with their editions."""
    from safecase.catalogue.read import catalogue

    editions = catalogue().editions
    taxa = _taxonomies(found)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Safecase",
                "version": __version__,
                "rules": [_rule(one) for one in found.threats],
                "supportedTaxonomies": [{"name": name} for name in taxa],
            }
        },
        "automationDetails": {"id": "safecase/threats/"},
        "columnKind": "unicodeCodePoints",
        "taxonomies": [
            {
                "name": name,
                "version": editions.editions.get(edition, ""),
                "taxa": [{"id": id_, "name": editions.names.get(id_, id_)} for id_ in ids],
            }
            for name, (edition, ids) in taxa.items()
        ],
        "results": [_result(one, at, file, taxa) for at, one in enumerate(found.threats)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


_TAXONOMIES = {
    "MITRE ATLAS": "atlas",
    "OWASP Top 10 for LLM applications": "owasp-llm",
    "OWASP Top 10 for agentic applications": "owasp-asi",
    "OWASP Machine Learning Top 10": "owasp-ml",
    "NIST AI 100-2": "nist-aml",
}


def _taxonomies(found: ThreatModel) -> dict[str, tuple[str, list[str]]]:
    made: dict[str, tuple[str, list[str]]] = {}
    for id_ in sorted({id_ for one in found.threats for id_ in one.refs}):
        source = source_of(id_)
        if source in _TAXONOMIES:
            made.setdefault(source, (_TAXONOMIES[source], []))[1].append(id_)
    return made


def _rule(one: Applying) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": "".join(word.capitalize() for word in one.title.split() if word.isalnum()),
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": one.text},
        "help": {"text": f"Answered by {', '.join(one.controls) or 'no control here'}. {one.verify}"},
        "properties": {"tags": [*one.risk_groups, *one.stride]},
    }


def _result(one: Applying, at: int, file: str, taxa: Mapping[str, tuple[str, list[str]]]) -> dict[str, Any]:
    kind = {"failing": "fail", "open": "review", "answered": "pass"}[one.state]
    return {
        "ruleId": one.id,
        "ruleIndex": at,
        "kind": kind,
        "level": _LEVELS[one.state],
        "message": {"text": f"{one.title}: {one.state}. It applies because {'; '.join(one.because)}."},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": file}}}],
        "partialFingerprints": {"safecase/threat": one.id},
        "taxa": list(_taxa_of(one, taxa)),
    }


def _taxa_of(one: Applying, taxa: Mapping[str, tuple[str, list[str]]]) -> Iterator[dict[str, Any]]:
    for name, (_, ids) in taxa.items():
        for id_ in one.refs:
            if id_ in ids:
                yield {"id": id_, "toolComponent": {"name": name}}
