"""Read `safecase.yaml`: all faults at once, or the description of a service with the place of every fact."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from safecase.errors import ManifestError, UsageError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import MOST_FAULTS, Document, Fault
from safecase.service.literals import Literal, redacted, secrets
from safecase.service.schema import Endpoint, Manifest
from safecase.service.sense import contradictions
from safecase.vocabulary import Digest, Fact, Noun, Place, digest_of

NAMES = ("safecase.yaml", "safecase.yml")
EXAMPLE = "write one of ten lines: safecase schema --example > safecase.yaml"


class ServiceDescription(Noun, frozen=True):
    """What the user says of a service, and where in the file each fact of it stands."""

    manifest: Manifest
    root: Path
    """The service's folder."""
    path: Path
    file: str
    """The manifest, relative to `root`: the name for places."""
    facts: tuple[Fact, ...]
    """Every value that was declared, by its dotted key (`models.0.origin`)."""
    sha256: Digest
    document: Document


def find(start: Path) -> Path:
    """Find the manifest in the folder `start` or above, up to the root of the repository."""
    up = start
    for _ in start.absolute().parts:
        for name in NAMES:
            if _is_file(up / name):
                return up / name
        if (up / ".git").exists():
            break
        up = up / ".."
    where = "here" if start == Path() else f"in {shown(str(start))}"
    raise UsageError(f"no safecase.yaml {where} or above", mend=EXAMPLE)


def read(path: Path) -> ServiceDescription:
    """Read the manifest at `path`; whatever is wrong with it is one ManifestError."""
    try:
        if path.exists() and not path.is_file():
            raise _unread(path, "this is a folder or a device; a file is wanted", "give the path of a safecase.yaml")
        with path.open("rb") as file:
            content = file.read(yaml_places.MOST_BYTES + 1)
    except FileNotFoundError as why:
        raise _unread(path, "there is no such file", EXAMPLE) from why
    except PermissionError as why:
        raise _unread(path, "the file may not be read", f"chmod u+r {shown(str(path))}") from why
    except (OSError, ValueError) as why:
        raise _unread(path, f"the file cannot be read: {shown(str(why))}", "give the path of a safecase.yaml") from why
    return from_bytes(content, path)


def from_bytes(content: bytes, path: Path) -> ServiceDescription:
    """Read a manifest from its bytes, as if they stood at `path` (an older revision of it, for instance)."""
    try:
        document = yaml_places.read(content, _displayed(path))
    except ManifestError as why:
        rows = [f.place.line for f in why.faults if f.place]
        raise ManifestError(why.faults, lines=redacted(why.lines, (), rows)) from why
    value, manifest = _converted(document)
    return ServiceDescription(
        manifest=manifest,
        root=path.parent.resolve(),
        path=path,
        file=path.name,
        facts=tuple(_facts(value, document, path.name)),
        sha256=digest_of(content),
        document=document,
    )


def endpoint_of(manifest: Manifest) -> Endpoint | None:
    """Give the declared endpoint as a block, also where it is written as a URL only."""
    declared = manifest.deployment.endpoint
    return Endpoint(url=declared) if isinstance(declared, str) else declared


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # a folder above that may not be looked into


def _unread(path: Path, message: str, mend: str) -> ManifestError:
    return ManifestError([Fault(message, mend=mend, place=Place(file=_displayed(path)))])


def _converted(document: Document) -> tuple[Any, Manifest]:
    """Give the value as it is meant, and the manifest made of it."""
    value = document.value
    manifest = _manifest(value)
    found: list[tuple[tuple[str | int, ...], Fault]] = []
    if manifest is None:
        from safecase.service import wrong

        value = wrong.as_meant(value)
        manifest = _manifest(value)
        if manifest is None:
            found += itertools.islice(wrong.faults(value, document), MOST_FAULTS)
    found += itertools.islice(contradictions(value, document), MOST_FAULTS)
    literals = list(itertools.islice(secrets(value, document), MOST_FAULTS))
    if found or literals:
        raise _refused(found, literals, document)
    if manifest is None:
        raise ManifestError([_unforeseen(value, document)], lines=document.lines)
    return value, manifest


def _manifest(value: Any) -> Manifest | None:
    try:
        return msgspec.convert(value, Manifest)
    except msgspec.ValidationError:
        return None


def _refused(
    found: Sequence[tuple[tuple[str | int, ...], Fault]], literals: Sequence[Literal], document: Document
) -> ManifestError:
    """Put all faults in the order of the file; of a secret, nothing else is said."""
    secret = {literal.steps for literal in literals}
    every = [*(fault for steps, fault in found if steps not in secret), *(literal.fault for literal in literals)]
    for fault, literal in itertools.product(every, literals):
        fault.message = fault.message.replace(literal.text, "…")
    every.sort(key=lambda f: (f.place.line, f.place.column) if f.place else (0, 0))
    rows = [f.place.line for f in every if f.place]
    return ManifestError(every, lines=redacted(document.lines, literals, rows))


def _unforeseen(value: Any, document: Document) -> Fault:
    """Tell msgspec's own words where our walk over the schema found nothing: it should not happen, and a test looks."""
    try:
        msgspec.convert(value, Manifest)
    except msgspec.ValidationError as why:
        return document.fault(str(why), (), mend="see `safecase schema`")
    raise AssertionError("it converts after all")


def _facts(value: Any, document: Document, file: str, steps: tuple[str | int, ...] = ()) -> Iterator[Fact]:
    blocks = isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
    if isinstance(value, dict) or blocks:
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _facts(inner, document, file, (*steps, step))
    elif value is not None:
        place = document.place(steps)
        key = ".".join(map(str, steps))
        said = tuple(value) if isinstance(value, list) else value
        yield Fact(key=key, value=said, place=Place(file=file, line=place.line, column=place.column))


def _displayed(path: Path) -> str:
    """Name a file as a person at this prompt would: relative where it lies below."""
    if path.is_absolute():
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    return os.path.normpath(path)
