"""What was seen of models the first time: their owners, their revisions and their files, kept beside the manifest.

Hubs do not tell since when an account exists under a name; a name that is given up is free for the next one. So the
day on which an owner was first met is written down here, once, in a file that reviewers see change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import msgspec

from safecase.errors import CollectError
from safecase.measures.supply_chain.sources import source_of
from safecase.readers.text import shown
from safecase.service.schema import Manifest, ModelBlock
from safecase.vocabulary import Noun, Place

MOST_BYTES = 20_000_000
MOST_FILES = 10_000


class SeenModel(Noun, frozen=True):
    """One model in one revision."""

    source: str
    revision: str
    first_seen: date
    files: dict[str, str] = {}
    """SHA-256 by path, relative to the model's file or folder."""


class ModelLock(Noun, frozen=True):
    """All that was seen."""

    version: int = 1
    owners: dict[str, date] = {}
    """The first day by `hf:owner`, or by the host of an address."""
    models: dict[str, SeenModel] = {}
    """By the id of the manifest."""


def read_lock(path: Path, name: str) -> ModelLock:
    """Read a lock; raises CollectError where it is none."""
    mend = "write it anew: safecase supply provenance --write-lock"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return ModelLock()
    except OSError as why:
        raise CollectError(f"{shown(name)} cannot be read: {why.strerror}", mend=mend) from why
    try:
        if len(content) > MOST_BYTES:
            raise msgspec.ValidationError("it is too large")
        return msgspec.json.decode(content, type=ModelLock)
    except (msgspec.DecodeError, RecursionError) as why:
        place = Place(file=name)
        raise CollectError(f"{shown(name)} is no lock of models: {why}", mend=mend, place=place) from why


def grown(lock: ModelLock, manifest: Manifest, root: Path, today: date) -> ModelLock:
    """Add what is declared now: what is known already keeps its first day, a new revision begins today."""
    owners = dict(lock.owners)
    models = {}
    for model in manifest.models:
        source = source_of(model)
        if owner := owner_of(model):
            owners.setdefault(owner, today)
        known = lock.models.get(model.id)
        same = known is not None and (known.source, known.revision) == (source.name, source.revision)
        first = known.first_seen if known is not None and same else today
        files = dict(digests(model, root))
        models[model.id] = SeenModel(source=source.name, revision=source.revision, first_seen=first, files=files)
    return ModelLock(owners=dict(sorted(owners.items())), models=dict(sorted(models.items())))


def owner_of(model: ModelBlock) -> str:
    """Give the namespace that a model comes from; empty where it was made here or comes by an API."""
    name = source_of(model).name
    if name.startswith("hf:"):
        return name.partition("/")[0]
    return name.partition("://")[2].partition("/")[0].lower()


def digests(model: ModelBlock, root: Path) -> Iterator[tuple[str, str]]:
    """Give each file of a model that lies here, and its SHA-256; links are not followed."""
    if not model.file:
        return
    path = root / model.file
    if path.is_file() and not path.is_symlink():
        yield path.name, _sha256(path)
    elif path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        yield from ((file.relative_to(path).as_posix(), _sha256(file)) for file in files[:MOST_FILES])


def written(lock: ModelLock) -> bytes:
    """Give the lock as it is kept: sorted, so that a review sees what changed."""
    return msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n"


def differing(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name the files that were added, are gone, or hold something else than when they were seen."""
    return sorted(name for name in seen.keys() | now.keys() if seen.get(name) != now.get(name))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
