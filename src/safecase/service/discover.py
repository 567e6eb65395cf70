"""Find the parts of a service that checks look at, with their digests, and the facts that they prove."""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from safecase.readers import kubernetes_objects, locks
from safecase.readers.artifacts import formats
from safecase.readers.repository import Listing, list_files
from safecase.service.contents import Contents, named_files
from safecase.service.digests import Digests, of_parts, of_value
from safecase.service.read import ServiceDescription, endpoint_of
from safecase.service.references import address_digest
from safecase.service.schema import Manifest
from safecase.service.subjects import (
    Dataset,
    Endpoint,
    Model,
    Packages,
    Repository,
    Service,
    Subject,
    Suite,
    Workloads,
)
from safecase.vocabulary import Fact, Noun, Place

DISCOVERED = {
    "discovered.model_files": "How many files of model weights lie in the service's folder.",
    "discovered.kubernetes_files": "How many Kubernetes manifests lie in it.",
    "discovered.package_files": "How many files say which packages are installed.",
    "discovered.endpoints": "1 where `deployment.endpoint` is declared, 0 where it is not.",
}
"""The facts that a look at the files says, in words."""


class Inventory(Noun, frozen=True):
    """The parts of a service today."""

    subjects: tuple[Subject, ...]
    digests: Mapping[str, str]
    """SHA-256 (64 hex digits) by the subject's name."""
    facts: tuple[Fact, ...]
    unreadable: tuple[str, ...]
    passed_over: tuple[str, ...] = ()
    """Folders that tools made (virtual environments), which belong to nobody's service."""
    files: Mapping[str, str] = {}
    """Digests of files and folders that the manifest names and checks read, by path."""


def discover(service: ServiceDescription, digests: Digests, files: Iterable[str] = ()) -> Inventory:
    """Walk the service's folder once and give its parts, and the digests of what the keys in `files` name."""
    listing = list_files(service.root, (*service.manifest.settings.exclude, *_own(service)))
    entries = {entry.path: entry for entry in listing.entries}
    unreadable = list(listing.unreadable)
    by_file = Contents(service.root, entries, digests, unreadable)
    models = tuple(_models(service, listing))
    packages = tuple(_packages(listing))
    workloads = tuple(_workloads(service, listing))
    found: list[Subject] = [
        Service(name="service", manifest=service.file),
        Repository(files=listing.belonging),
        *models,
        *_datasets(service, listing),
        *packages,
        *workloads,
    ]
    named = {subject.name: _digest(subject, service, by_file) for subject in found}
    running = _running_digest(service, listing, models, named, by_file)
    endpoint = endpoint_of(service.manifest)
    if endpoint is not None:
        line = _line(service, ("deployment", "endpoint"))
        found.append(Endpoint(name=f"endpoint:{endpoint.url}", declared=endpoint, line=line))
        named[found[-1].name] = running
    for index, suite in enumerate(service.manifest.testing.suites):
        line = _line(service, ("testing", "suites", index))
        found.append(Suite(name=f"suite:{suite.id}", declared=suite, endpoint=endpoint, line=line))
        named[found[-1].name] = of_parts({"running": running, "rows": by_file(suite.file), "suite": of_value(suite)})
    digests.save()
    if not listing.complete:
        unreadable.append(f"more than {len(listing.entries)} files: the rest was not looked at")
    facts = _facts(models, workloads, packages, endpoints=int(endpoint is not None))
    return Inventory(
        subjects=tuple(found),
        digests=named,
        facts=facts,
        unreadable=tuple(unreadable),
        passed_over=listing.passed_over,
        files={path: by_file.named(path) for path in named_files(service.manifest, files)},
    )


def _own(service: ServiceDescription) -> tuple[str, ...]:
    """What assessments and the gateway write: it is no part of the service, or each call would void what was seen."""
    said = service.manifest.protection.gateway.get("log")
    log = said.get("folder") if isinstance(said, dict) else None
    written = (service.manifest.settings.ledger, log if isinstance(log, str) and log else ".safecase/gateway")
    names = (glob.escape(posixpath.normpath(name)) for name in written)  # names, whatever signs are in them
    return (*names, ".safecase/gateway-keys.*", ".safecase/cache", ".safecase/case.json", ".safecase/schema.json")


def _datasets(service: ServiceDescription, listing: Listing) -> Iterator[Dataset]:
    for index, block in enumerate(service.manifest.datasets):
        files = tuple(e.path for e in listing.entries if block.file and _within(e.path, block.file))
        line = _line(service, ("datasets", index))
        yield Dataset(name=f"dataset:{block.id}", declared=block, files=files, line=line)


def _models(service: ServiceDescription, listing: Listing) -> Iterator[Model]:
    """Declared models first; a weight file that no declared one covers is a model of its own."""
    found = [entry.path for entry in listing.entries if formats.is_weight_file(service.root / entry.path)]
    covered: set[str] = set()
    for index, block in enumerate(service.manifest.models):
        if block.file:
            inside = tuple(path for path in found if _within(path, block.file))
            covered.update(inside)
            files = inside or tuple(e.path for e in listing.entries if e.path == posixpath.normpath(block.file))
            line = _line(service, ("models", index))
            beside = _beside(listing, block.file, files)
            name = f"model:{block.id}"
            yield Model(name=name, path=block.file, files=files, beside=beside, declared=block, line=line)
    for path in found:
        if path not in covered:
            yield Model(name=f"model-file:{path}", path=path, files=(path,))


def _beside(listing: Listing, folder: str, files: Collection[str]) -> tuple[str, ...]:
    """Give what lies in a model's folder beside its weights; a file, or the whole repository, has nothing beside it."""
    folder = posixpath.normpath(folder)
    if folder in (".", *files):
        return ()
    known = frozenset(files)
    return tuple(e.path for e in listing.entries if e.path not in known and _within(e.path, folder))


def _within(path: str, folder: str) -> bool:
    folder = posixpath.normpath(folder)
    return path == folder or path.startswith(folder + "/") or folder == "."


def _packages(listing: Listing) -> Iterator[Packages]:
    folders: dict[str, list[str]] = {}
    for path in listing.belonging:
        folder = posixpath.dirname(path)
        if locks.is_dependency_file(path):
            # requirements/dev.txt belongs to the folder above it, where pyproject.toml lies.
            home = posixpath.dirname(folder) if posixpath.basename(folder) == "requirements" else folder
            folders.setdefault(home, []).append(path)
    for folder in sorted(folders, key=len, reverse=True):
        root = _workspace_of(folder, folders)
        if root is not None:
            folders[root] += folders.pop(folder)
    for folder, files in sorted(folders.items()):
        yield Packages(name=f"packages:{folder or '.'}", folder=folder or ".", files=tuple(sorted(files)))


def _workspace_of(folder: str, folders: Mapping[str, list[str]]) -> str | None:
    """The folder above whose one lock covers a member of a workspace; None where a folder has a lock of its own."""

    def locked(files: Iterable[str]) -> bool:
        return any(posixpath.basename(path) in locks.OF_WORKSPACES for path in files)

    if locked(folders[folder]):
        return None
    above = folder
    while above:
        above = posixpath.dirname(above)
        if above in folders and locked(folders[above]):
            return above
    return None


def _workloads(service: ServiceDescription, listing: Listing) -> Iterator[Workloads]:
    named = service.manifest.deployment.manifests
    files = tuple(
        path
        for path in listing.belonging
        if (_may_be_kubernetes(path) or any(_within(path, name) for name in named))
        and _is_kubernetes(service.root, path)
    )
    if files:
        yield Workloads(files=files)


def _may_be_kubernetes(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json")) or posixpath.basename(path) in kubernetes_objects.KUSTOMIZATIONS


def _is_kubernetes(root: Path, path: str) -> bool:
    try:
        with (root / path).open("rb") as file:
            return kubernetes_objects.holds_objects(path, file.read(kubernetes_objects.MOST_BYTES))
    except OSError:
        return False


def _digest(subject: Subject, service: ServiceDescription, by_file: Contents) -> str:
    match subject:
        case Service():
            return service.sha256.removeprefix("sha256:")
        case Repository(files=files) | Packages(files=files) | Workloads(files=files):
            return of_parts({path: by_file(path) for path in files})
        case Model(files=files, path=path, beside=beside):
            return of_parts({name: by_file(name) for name in (*(files or (path,)), *beside)})
        case Dataset(files=files, declared=declared):
            parts = {name: by_file(name) for name in files or ((declared.file,) if declared.file else ())}
            return of_parts({**parts, "declared": of_value(declared)})
        case _:
            raise AssertionError(subject)


def _running_digest(
    service: ServiceDescription, listing: Listing, models: Iterable[Model], named: Mapping[str, str], by_file: Contents
) -> str:
    """What the running service is made of: its code, prompts, models, and what the manifest says of it.

    The manifest's file itself is left out, since an exception or an owner does not change what answers.
    """
    manifest = service.manifest
    told = {name: getattr(manifest, name) for name in ("ai", "deployment", "models", "rag", "tools", "memory")}
    own = {service.file, manifest.gate.baseline}
    code = {
        path: by_file(path)
        for path in listing.belonging
        if path not in own and not _within(path, manifest.settings.attestations)
    }
    return of_parts(
        {
            "code": of_parts(code),
            "models": of_parts({m.name: named[m.name] for m in models}),
            "prompts": of_parts({path: by_file(path) for path in manifest.ai.system_prompts}),
            "manifest": of_value(told),
            "address": address_digest(endpoint.url, service.root) if (endpoint := endpoint_of(manifest)) else "",
        }
    )


def parameters_digest(manifest: Manifest, reads: Iterable[str]) -> str:
    """Give the digest of the blocks of the manifest that a check reads besides its subject."""
    return of_parts({dotted: of_value(_block(manifest, dotted)) for dotted in reads})


def _block(manifest: Manifest, dotted: str) -> Any:  # any block or value of the manifest
    value: Any = manifest
    for part in dotted.split("."):
        value = getattr(value, part)
    return msgspec.to_builtins(value)


def _facts(
    models: tuple[Model, ...], workloads: tuple[Workloads, ...], packages: tuple[Packages, ...], *, endpoints: int
) -> tuple[Fact, ...]:
    # One that is declared and is not there counts as well: it is to be looked for.
    weight_files = [path for model in models for path in model.files or (model.path,)]
    cluster = [path for part in workloads for path in part.files]
    locked = [path for part in packages for path in part.files]
    return (
        _count("discovered.model_files", weight_files),
        _count("discovered.kubernetes_files", cluster),
        _count("discovered.package_files", locked),
        Fact(key="discovered.endpoints", value=endpoints, origin="discovered"),
    )


def _count(key: str, paths: list[str]) -> Fact:
    place = Place(file=paths[0], line=1) if paths else None
    return Fact(key=key, value=len(paths), origin="discovered", place=place)


def _line(service: ServiceDescription, path: tuple[str | int, ...]) -> int:
    return service.document.place(path).line
