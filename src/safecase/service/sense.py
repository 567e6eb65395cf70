"""What no schema can say of a manifest: that names are unique and lead somewhere, paths stay inside, days exist."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias

from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Fault
from safecase.service.shapes import PATTERNS
from safecase.service.wrong import explained

Steps: TypeAlias = tuple[str | int, ...]

NAMED = (
    "zones",
    "components",
    "models",
    "datasets",
    "rag.sources",
    "tools",
    "data",
    "controls",
    "training.people",
    "training.modules",
    "supply_chain.vendors",
    "testing.suites",
    "testing.benchmarks",
    "testing.identities",
    "protection.agents",
    "maintenance.feeds",
)
"""Lists of blocks whose `id` is unique in the list."""

PATHS = (
    "ai.system_prompts",
    "deployment.manifests",
    "models.file",
    "models.card",
    "models.signature",
    "datasets.file",
    "training.people_file",
    "training.records",
    "infrastructure.logs",
    "supply_chain.signers",
    "supply_chain.roots",
    "supply_chain.sigstore_root",
    "protection.agents.card_keys",
    "protection.media",
    "supply_chain.vendor_register",
    "models.provenance",
    "supply_chain.model_lock",
    "supply_chain.image_signatures",
    "supply_chain.image_reports",
    "supply_chain.bom",
    "testing.suites.file",
    "testing.benchmarks.file",
    "testing.oversight.file",
    "testing.explanations.file",
    "maintenance.advisories",
    "maintenance.model_calendar",
    "maintenance.feeds.file",
    "gate.baseline",
    "settings.ledger",
    "settings.attestations",
    "settings.exclude",
    "settings.checks",
)
"""Paths of files and folders of the service."""

DAYS = (
    "controls.expires",
    "threat_modelling.reviewed",
    "training.people.until",
    "supply_chain.vendors.approved_until",
    "datasets.collected",
    "vulnerabilities.fixes.fixed",
    "maintenance.support_ends",
    "exceptions.expires",
)

REFERENCES = (
    ("components.zone", ("zones",)),
    ("flows.from", ("components", "zones")),
    ("flows.to", ("components", "zones")),
    ("flows.data", ("data",)),
)
"""Which value names an entry of which lists; looked at once one of the lists is there."""

_DAY = r"^\d{4}-\d{2}-\d{2}$"
_URL = r"^(https?://|\$\{env:)"
_DRIVE = re.compile(r"^[A-Za-z]:")


def contradictions(value: Any, document: Document) -> Iterator[tuple[Steps, Fault]]:
    """Tell what does not make sense in a manifest, whether or not it fits the schema."""
    looks = (_nowhere, _outside, _no_days, _none_and_more, _no_url, _broken_off, _endless)
    for steps, message, mend in itertools.chain(_twice(value, document), *(look(value) for look in looks)):
        yield steps, document.fault(message, steps, mend=mend or explained(steps))


_Told: TypeAlias = Iterator[tuple[Steps, str, str]]


def _twice(value: Any, document: Document) -> _Told:
    for dotted in NAMED:
        first: dict[str, Steps] = {}
        for steps, name in _at(value, f"{dotted}.id"):
            if not isinstance(name, str):
                continue
            if name in first:
                line = document.place(first[name]).line
                yield (
                    steps,
                    f'another of `{dotted}` is called "{shown(name, 64)}", at line {line}',
                    "give each its own id",
                )
            first.setdefault(name, steps)


def _nowhere(value: Any) -> _Told:
    for dotted, lists in REFERENCES:
        known = {name for where in lists for _, name in _at(value, f"{where}.id") if isinstance(name, str)}
        if not known:
            continue
        for steps, name in _at(value, dotted):
            if isinstance(name, str) and name and name not in known:
                wanted = f"{' or '.join(lists)} ({shown(', '.join(sorted(known)), 120)})"
                message = f'`{dotted.rpartition(".")[2]}` is "{shown(name, 64)}", which is the id of none of {wanted}'
                yield steps, message, f"declare it under `{lists[0]}`, or name one that is there"


def _outside(value: Any) -> _Told:
    for dotted in PATHS:
        for steps, path in _at(value, dotted):
            if isinstance(path, str) and leads_out(path):
                message = f'`{dotted.rpartition(".")[2]}` is "{shown(path)}", which leads out of the service\'s folder'
                yield steps, message, "give a path relative to safecase.yaml, without a way up out of its folder"


def leads_out(path: str) -> bool:
    """Say whether a path is absolute or climbs out of the folder that it starts in, on any system."""
    if path.startswith(("/", "\\", "~")) or _DRIVE.match(path) or PureWindowsPath(path).is_absolute():
        return True
    depth = 0
    for part in PurePosixPath(path.replace("\\", "/")).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _no_days(value: Any) -> _Told:
    for dotted in DAYS:
        for steps, day in _at(value, dotted):
            if isinstance(day, str) and re.search(_DAY, day):
                try:
                    date.fromisoformat(day)
                except ValueError:
                    message = f'`{dotted.rpartition(".")[2]}` is "{shown(day)}", which is no day of the calendar'
                    yield steps, message, ""


def _none_and_more(value: Any) -> _Told:
    kinds = [(steps, kind) for steps, kind in _at(value, "ai.kind") if isinstance(kind, str)]
    for steps, kind in kinds:
        if kind == "none" and len({k for _, k in kinds}) > 1:
            others = ", ".join(sorted({k for _, k in kinds} - {"none"}))
            yield steps, f"`kind` says none (no AI in it) and {shown(others)} as well", "keep one or the other"


def _no_url(value: Any) -> _Told:
    for steps, url in _at(value, "deployment.endpoint"):
        if isinstance(url, str) and re.search(_URL, url) is None:
            yield steps, f'`endpoint` is "{shown(url, 60)}"; {PATTERNS[_URL]}, or a block is wanted', ""


def _broken_off(value: Any) -> _Told:
    """Find names that end with a line break: `$` of a pattern lets one pass."""
    for steps, text in leaves(value):
        if steps and steps[-1] in ("id", "url", "email", "sha256") and isinstance(text, str) and text.endswith("\n"):
            yield steps, f"`{steps[-1]}` ends with a line break", "write it on one line, without `|` and `>`"


def _endless(value: Any) -> _Told:
    for steps, number in leaves(value):
        if isinstance(number, float) and not math.isfinite(number):
            yield steps, f"{number} is no number to reckon with", "write a number, or leave the key out"


def leaves(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Give every scalar with the way to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*steps, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*steps, index))
    else:
        yield steps, value


def _at(value: Any, dotted: str, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Give the values at a dotted key, those of every item where lists are on the way."""
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _at(inner, dotted, (*steps, index))
    elif not dotted:
        yield steps, value
    elif isinstance(value, Mapping):
        name, _, rest = dotted.partition(".")
        if name in value:
            yield from _at(value[name], rest, (*steps, name))
