"""Hold a catalogue's files against each other: every fault with its file, line and column, all at once.

It looks for ids twice, references that lead nowhere or bear no edition that is known, predicates that cannot be read
or name facts that nobody can say, derived facts that follow from themselves, and checks and controls that do not know
of each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from safecase.catalogue.predicates import names
from safecase.catalogue.read import FILES, Catalogue, from_rows
from safecase.catalogue.references import fault_of
from safecase.errors import ManifestError, SafecaseError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document
from safecase.vocabulary import MEASURES, RISK_GROUPS

MOST_BYTES = 2_000_000

Steps: TypeAlias = tuple[str | int, ...]

CONTROL_ID = re.compile(r"[A-Z]{2}-\d{2}")
THREAT_ID = re.compile(r"T\d{2,3}")
REGIME_ID = re.compile(r"[a-z0-9-]+(:[a-z0-9.-]+)?")
CHECK_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

_IDS = {"threats.yaml": THREAT_ID, "regimes.yaml": REGIME_ID}
_PATH = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class Sayable(NamedTuple):
    """What lies outside of the catalogue and is named in it."""

    facts: Mapping[str, tuple[str, ...]]
    """Keys that a manifest or the discovery can say, with the words that each may hold (none for any)."""
    checks: Mapping[str, str]
    """Built-in checks, each with the control that it says it verifies. (A plug-in's is named by itself alone.)"""


class _Wrong(NamedTuple):
    file: str
    steps: Steps
    message: str
    mend: str


def lint(folder: Path, sayable: Sayable) -> tuple[SafecaseError, ...]:
    """Give every fault of the catalogue in a folder; none where it is sound."""
    documents: dict[str, Document] = {}
    faults: list[SafecaseError] = []
    for name in FILES:
        try:
            documents[name] = _document(folder / name, name)
        except ManifestError as why:
            faults.extend(why.faults)
    if faults:
        return tuple(faults)
    try:
        rows = from_rows({name: document.value for name, document in documents.items()})
    except SafecaseError as why:
        return (_misshapen(why, documents),)
    looks = (_ids, _facts, _references, _answers, _lists, _checks)
    wrongs = [wrong for look in looks for wrong in look(rows, documents, sayable)]
    return tuple(documents[w.file].fault(w.message, w.steps, mend=w.mend) for w in wrongs)


def _document(path: Path, name: str) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise ManifestError([SafecaseError(f"{name} cannot be read: {why.strerror}", mend=f"write {name}")]) from why
    return yaml_places.read(content, name, most_bytes=MOST_BYTES)


def _misshapen(why: SafecaseError, documents: Mapping[str, Document]) -> SafecaseError:
    """Place what msgspec says of a row: its path `$[3].severity` leads to a line."""
    file, _, told = why.message.partition(": ")
    found = _PATH.match(told)
    steps: list[str | int] = []
    for key, index in _STEP.findall(found["path"] or "" if found else ""):
        steps.append(key or (int(index) if index else ""))
    document = documents.get(file)
    if document is None or found is None:
        return why
    return document.fault(shown(found["message"], 300), tuple(steps), mend=why.mend)


def _rows(documents: Mapping[str, Document]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Every row of a control, a threat or a regime as it stands in its file: the file, its place, its values."""
    for file in (*(f"controls/{measure}.yaml" for measure in MEASURES), "threats.yaml", "regimes.yaml"):
        for index, row in enumerate(documents[file].value):
            yield file, index, row


def _ids(_catalogue: Catalogue, documents: Mapping[str, Document], _: Sayable) -> Iterator[_Wrong]:
    first: dict[str, str] = {}
    for file, index, row in _rows(documents):
        wanted = _IDS.get(file, CONTROL_ID)
        if not wanted.fullmatch(row["id"]):
            form = f"one like {'T39' if wanted is THREAT_ID else 'eu-aia:50.1' if wanted is REGIME_ID else 'SC-04'}"
            yield _Wrong(file, (index, "id"), f"{shown(row['id'])} is no id", f"write {form}")
        if row["id"] in first:
            yield _Wrong(file, (index, "id"), f"{row['id']} is in {first[row['id']]} already", "give it a new id")
        first.setdefault(row["id"], file)


def _facts(rows: Catalogue, documents: Mapping[str, Document], sayable: Sayable) -> Iterator[_Wrong]:
    predicates: list[tuple[str, Steps, str]] = [
        ("facts.yaml", (name, "when"), fact.when) for name, fact in rows.facts.items()
    ]
    for file, index, row in _rows(documents):
        predicates.append((file, (index, "when"), row["when"]))
        for at, entry in enumerate(row.get("references", ())):
            if isinstance(entry, dict):
                predicates.append((file, (index, "references", at, "when"), entry["when"]))
    for file, steps, text in predicates:
        for message in _predicate_faults(text, rows, sayable):
            yield _Wrong(file, steps, message, "safecase explain lists the facts and keys that there are")
    for name in rows.facts:
        if _follows_from_itself(name, rows):
            yield _Wrong("facts.yaml", (name, "when"), f"{name} follows from itself", "break the circle")


def _predicate_faults(text: str, rows: Catalogue, sayable: Sayable) -> Iterator[str]:
    from safecase.catalogue.predicates import comparisons, compiled

    try:
        compiled(text)
        asked = names(text)
    except SafecaseError as why:
        yield shown(why.message, 300)
        return
    for name in sorted(asked):
        if name not in rows.facts and name not in sayable.facts and not name.startswith("law."):
            yield f"nobody can say the fact {shown(name)}"
    for name, values in comparisons(text):
        if name in rows.facts:
            yield f"{name} is a derived fact, true or false: it is not compared"
        allowed = sayable.facts.get(name, ())
        for value in values:
            if allowed and value not in allowed:
                yield f"{name} is never {shown(str(value))}; it is one of {', '.join(allowed)}"


def _follows_from_itself(name: str, rows: Catalogue) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for inner in _inner(rows.facts[waiting.pop()].when):
            if inner == name:
                return True
            if inner in rows.facts and inner not in seen:
                seen.add(inner)
                waiting.append(inner)
    return False


def _inner(text: str) -> frozenset[str]:
    try:
        return names(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


def _references(rows: Catalogue, documents: Mapping[str, Document], _: Sayable) -> Iterator[_Wrong]:
    for file, index, row in _rows(documents):
        seen: set[str] = set()
        for at, entry in enumerate(row.get("references", ())):
            id_ = entry["id"] if isinstance(entry, dict) else entry
            fault = "is there twice" if id_ in seen else fault_of(id_, rows.editions)
            seen.add(id_)
            if fault:
                mend = "give the id that the edition has: safecase catalogue show editions"
                yield _Wrong(file, (index, "references", at), f"{shown(id_)} {fault}", mend)


def _answers(rows: Catalogue, documents: Mapping[str, Document], _: Sayable) -> Iterator[_Wrong]:
    for file, index, row in _rows(documents):
        if file not in _IDS:
            continue
        if not row["controls"]:
            yield _Wrong(file, (index,), f"no control answers {row['id']}", "name one of ours")
        for at, control in enumerate(row["controls"]):
            if control not in rows.controls:
                message = f"{row['id']} is answered by {shown(control)}, which is no control"
                yield _Wrong(file, (index, "controls", at), message, "name a control of the catalogue")


def _lists(rows: Catalogue, documents: Mapping[str, Document], _: Sayable) -> Iterator[_Wrong]:
    """Look at the short lists: all of the nine and the seven, and profiles and times to live that lead somewhere."""
    wanted: Iterable[tuple[str, Iterable[str], Iterable[str]]] = (
        ("measures.yaml", rows.measures, MEASURES),
        ("risk_groups.yaml", rows.risk_groups, RISK_GROUPS),
    )
    for file, found, ids in wanted:
        if tuple(found) != tuple(ids):
            yield _Wrong(file, (), f"its ids are not {', '.join(ids)}, in this order", "keep them as they are")
    for index, regime in enumerate(rows.regimes.values()):
        if not _is_day(regime.since):
            message = f"{shown(regime.since)} is no day"
            yield _Wrong("regimes.yaml", (index, "from"), message, "write YYYY-MM-DD")
    for name, profile in rows.profiles.items():
        for at, control in enumerate(profile.controls):
            if control not in rows.controls:
                message = f"{name} asks for {shown(control)}, which is no control"
                yield _Wrong("profiles.yaml", (name, "controls", at), message, "name a control of the catalogue")
    for file, index, row in _rows(documents):
        for profile_name, days in row.get("ttl", {}).items():
            if profile_name not in rows.profiles or not 1 <= days <= 3650:
                message = f"{shown(str(profile_name))}: {days} is no time to live"
                yield _Wrong(file, (index, "ttl"), message, "give days for a profile that there is")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _checks(rows: Catalogue, documents: Mapping[str, Document], sayable: Sayable) -> Iterator[_Wrong]:
    for file, index, row in _rows(documents):
        if file in _IDS:
            continue
        for at, check in enumerate(row.get("checks", ())):
            if not CHECK_ID.fullmatch(check):
                yield _Wrong(file, (index, "checks", at), f"{shown(check)} is no id of a check", "write words.and.dots")
        if not row.get("checks") and not row.get("attested"):
            yield _Wrong(file, (index,), f"{row['id']} has neither a check nor an attestation", "name one")
    for check, control_id in sayable.checks.items():
        control = rows.controls.get(control_id)
        if control is None or check not in control.checks:
            message = f"the check {check} says that it verifies {shown(control_id)}, which does not name it"
            yield _Wrong("version.yaml", (), message, "make both say the same")
