"""Attestations: what a named person vouches for, a reviewed file each in the service's repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from safecase.errors import ManifestError, SafecaseError
from safecase.readers import regular_files, yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Fault
from safecase.vocabulary import Attestation, Place

LONGEST = timedelta(days=365)
MOST_FILES = 1000
MOST_BYTES = 200_000
REQUIRED = ("attestation", "control", "owner", "reason", "given", "expires")
OPTIONAL = ("approved_by", "artefacts")
EXAMPLE = "see `safecase explain settings.attestations`"

_CONTROL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read(folder: Path, root: Path) -> tuple[Attestation, ...]:
    """Read every `*.yaml` and `*.yml` in a folder, in the order of their names; all faults are one ManifestError.

    Places are relative to `root`, the service's folder. A folder that is not there holds none.
    """
    found: list[Attestation] = []
    faults: list[SafecaseError] = []
    broken: list[ManifestError] = []
    for file in _files(folder, root):
        try:
            found.append(_attestation(_document(file, root)))
        except ManifestError as why:
            faults.extend(why.faults)
            broken.append(why)
    if faults:
        # Lines are shown beside a fault by its line's number: of several files they would be the wrong ones.
        raise ManifestError(faults, lines=broken[0].lines if len(broken) == 1 else ())
    return tuple(found)


def _files(folder: Path, root: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        files = sorted(f for f in folder.iterdir() if f.suffix in (".yaml", ".yml") and not f.name.startswith("."))
    except OSError as why:
        message = f"the folder of attestations cannot be read: {why.strerror}"
        raise ManifestError([_fault_of(folder, root, message, "make it readable")]) from why
    if len(files) > MOST_FILES:
        message = f"{len(files)} attestations are more than the {MOST_FILES} that are read"
        raise ManifestError([_fault_of(folder, root, message, "take out those that have expired")])
    return files


def _document(file: Path, root: Path) -> Document:
    name = _displayed(file, root)
    try:
        inside = file.resolve().is_relative_to(root.resolve())
        if not inside or not file.is_file():
            message = "this is no file of the service's own folder"
            raise ManifestError([_fault_of(file, root, message, "keep attestations as plain files in it")])
        content = regular_files.read(file, most=MOST_BYTES, follow=True)
    except OSError as why:
        message = f"the file cannot be read: {why.strerror}"
        raise ManifestError([_fault_of(file, root, message, "make it readable")]) from why
    return yaml_places.read(content, name, most_bytes=MOST_BYTES)


def _attestation(document: Document) -> Attestation:
    value = document.value
    if not isinstance(value, dict):
        fault = document.fault("an attestation is a block of keys", (), mend=EXAMPLE)
        raise ManifestError([fault], lines=document.lines)
    faults = list(_faults(value, document))
    if faults:
        faults.sort(key=lambda f: (f.place.line, f.place.column) if f.place else (0, 0))
        raise ManifestError(faults, lines=document.lines)
    return Attestation(
        control=value["control"],
        owner=value["owner"],
        reason=value["reason"],
        given=value["given"],
        expires=value["expires"],
        place=document.key_place(("control",)),
    )


def _faults(value: Mapping[str, Any], document: Document) -> Iterator[Fault]:
    for name in REQUIRED:
        if name not in value:
            yield document.fault(f"`{name}` is missing", (), mend=f"add `{name}:`")
    for name in value:
        if name not in (*REQUIRED, *OPTIONAL):
            wanted = ", ".join((*REQUIRED, *OPTIONAL))
            yield document.fault(
                f"`{shown(name)}` is not known here; there are {wanted}", (name,), mend=EXAMPLE, key=True
            )
    if value.get("attestation", 1) != 1 or value.get("attestation") is True:
        yield document.fault("`attestation` names another version than 1", ("attestation",), mend="attestation: 1")
    yield from _wrong_words(value, document)
    yield from _wrong_days(value, document)


def _wrong_words(value: Mapping[str, Any], document: Document) -> Iterator[Fault]:
    control = value.get("control", "SC-01")
    if not isinstance(control, str) or not _CONTROL.fullmatch(control):
        message = f"`{shown(str(control))}` is no id of a control"
        yield document.fault(message, ("control",), mend="`safecase explain` lists all controls")
    for name, least in (("owner", 1), ("reason", 10), ("approved_by", 1)):
        text = value.get(name, "x" * least)
        if not isinstance(text, str) or len(text.strip()) < least or len(text) > 2000:
            wanted = "a text" if least == 1 else f"a sentence of at least {least} characters"
            yield document.fault(f"`{name}` must be {wanted}", (name,), mend=f"say it under `{name}:`")
    artefacts = value.get("artefacts", [])
    if not isinstance(artefacts, list) or not all(isinstance(one, str) and one for one in artefacts):
        yield document.fault("`artefacts` must be a list of texts", ("artefacts",), mend="artefacts: [minutes.pdf]")


def _wrong_days(value: Mapping[str, Any], document: Document) -> Iterator[Fault]:
    days: dict[str, date] = {}
    for name in ("given", "expires"):
        day = _day(value.get(name))
        if day is not None:
            days[name] = day
        elif name in value:
            message = f"`{name}` is {shown(str(value[name]))!r}, and a day is wanted"
            yield document.fault(message, (name,), mend=f"{name}: 2026-11-23")
    if len(days) < 2:
        return
    given, expires = days["given"], days["expires"]
    if expires < given:
        yield document.fault("it expires before it is given", ("expires",), mend="give a day after `given`")
    elif expires - given > LONGEST:
        latest = given + LONGEST
        message = f"it would count for {(expires - given).days} days; {LONGEST.days} are the most"
        yield document.fault(message, ("expires",), mend=f"expires: {latest.isoformat()}, and attest it again then")


def _day(text: object) -> date | None:
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year < 3000 else None


def _fault_of(file: Path, root: Path, message: str, mend: str) -> Fault:
    return Fault(message, mend=mend, place=Place(file=_displayed(file, root)))


def _displayed(file: Path, root: Path) -> str:
    try:
        return shown(file.relative_to(root).as_posix(), 200)
    except ValueError:
        return shown(file.name, 200)
