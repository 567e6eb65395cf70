"""Which container images a repository runs and builds on: Kubernetes manifests, Compose files, Dockerfiles."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from safecase.errors import ManifestError
from safecase.readers import yaml_places
from safecase.readers.kubernetes_objects import (
    MOST_BYTES,
    KubernetesObject,
    below,
    holds_objects,
    read_objects,
)
from safecase.readers.text import shown
from safecase.readers.uses.containers import is_dockerfile
from safecase.vocabulary import Noun, Place

Purpose: TypeAlias = Literal["run", "build"]

MOST_IMAGES = 10_000
MOST_LINES = 100_000
MOST_DEPTH = 30
_COMPOSE = re.compile(r"(^|[-_.])(docker-)?compose([-_.].{1,60})?\.ya?ml$")
_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})$")
_LISTS = ("containers", "initContainers", "ephemeralContainers")
_JUDGES = ("kyverno.io", "gatekeeper.sh", "apiextensions.k8s.io", "admissionregistration.k8s.io")
"""Groups whose objects speak of images and run none."""
_FROM = re.compile(r"FROM\s+(?:--\S+\s+){0,5}(\S{1,500})(?:\s+AS\s+(\S{1,200}))?\s*$", re.IGNORECASE)
_COPIED = re.compile(r"(?:COPY|ADD)\s[^\n]{0,500}?--from=(\S{1,500})", re.IGNORECASE)
_MOUNTED = re.compile(r"--mount=\S{0,500}?\bfrom=([^,\s]{1,500})")
_SYNTAX = re.compile(r"#\s*syntax\s*=\s*(\S{1,500})", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+([A-Za-z_][A-Za-z0-9_]{0,100})(?:=(\S{0,500}))?", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]{0,100})(?::?-([^}]{0,500}))?\}|([A-Za-z_][A-Za-z0-9_]{0,100}))")


class ImageUse(Noun, frozen=True):
    """One place where an image is named."""

    reference: str
    """As it is written, or as a kustomization changes it; variables stay where nothing gives their value."""
    purpose: Purpose
    place: Place

    @property
    def digest(self) -> str:
        """Give the SHA-256 that it is pinned by; empty where it is not."""
        found = _DIGEST.search(self.reference)
        return found[1] if found else ""

    @property
    def tag(self) -> str:
        """Give its tag; empty where it has none."""
        return self.reference.partition("@")[0].rpartition("/")[2].partition(":")[2]

    @property
    def resolved(self) -> bool:
        """Say whether no variable or template stands in it."""
        return not re.search(r"[$\{\}]", self.reference)


class Images(Noun, frozen=True):
    """All that a repository names."""

    uses: tuple[ImageUse, ...]
    unread: tuple[str, ...]
    """Files and objects that were not analysed, and why."""


def read_images(root: Path, files: Iterable[str]) -> Images:
    """Find every image in some files of a repository, each place once, in order."""
    unread: list[str] = []
    uses: list[ImageUse] = []
    manifests: list[str] = []
    for file in files:
        name = posixpath.basename(file)
        if is_dockerfile(file):
            uses += _of_dockerfile(file, _text(root, file, unread))
        elif _COMPOSE.search(name):
            uses += _of_compose(root, file, unread)
        elif name.endswith((".yaml", ".yml", ".json")) and holds_objects(file, _start(root, file)):
            manifests.append(file)
    objects = read_objects(root, manifests)
    changes = [_changes(one) for one in objects.found if one.kind == "Kustomization"]
    for one in objects.found:
        uses += (_changed(use, changes) for use in _of_object(one))
    if len(uses) > MOST_IMAGES:
        unread.append(f"more than {MOST_IMAGES} images are named: the rest was not looked at")
    return Images(uses=tuple(dict.fromkeys(uses[:MOST_IMAGES])), unread=(*unread, *objects.unread))


def _start(root: Path, file: str) -> bytes:
    try:
        with (root / file).open("rb") as opened:
            return opened.read(MOST_BYTES)
    except OSError:
        return b""


def _text(root: Path, file: str, unread: list[str]) -> str:
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as why:
        unread.append(f"{shown(file, 200)}: {why.strerror}")
        return ""
    if len(content) > MOST_BYTES:
        unread.append(f"{shown(file, 200)}: larger than {MOST_BYTES // 10**6} MB")
        return ""
    return content.decode("utf-8", "replace")


def _of_dockerfile(file: str, text: str) -> Iterator[ImageUse]:
    """Every image that a build starts from, copies from, or is parsed by; its own stages are none."""
    known: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    for number, row in _rows(text):
        if row.startswith("#"):
            syntax = _SYNTAX.match(row)
            named = [syntax[1]] if syntax and number <= 5 else []
        else:
            if (argument := _ARG.match(row)) and argument[2]:
                known[argument[1]] = argument[2].strip("\"'")
            start = _FROM.match(row)
            named = [start[1]] if start else []
            named += [found[1] for found in (_COPIED.match(row),) if found]
            named += _MOUNTED.findall(row) if row[:3].upper() == "RUN" else []
        for reference in (_filled(one, known) for one in named):
            # A stage may be copied from by its number, too.
            if reference.lower() not in stages and not reference.isdigit():
                yield ImageUse(reference=reference, purpose="build", place=Place(file=file, line=number))
        if not row.startswith("#") and start and start[2]:
            stages.add(start[2].lower())


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Give the logical lines of a Dockerfile, each with the number of its first one."""
    first, whole = 0, ""
    for number, line in enumerate(text.splitlines()[:MOST_LINES], start=1):
        row = line.strip()
        if whole and row.startswith("#"):
            continue
        first = first or number
        whole = f"{whole} {row}".strip()[:10_000]
        if row.endswith("\\") and not row.startswith("#"):
            whole = whole[:-1].rstrip()
            continue
        if whole:
            yield first, whole
        first, whole = 0, ""
    if whole:
        yield first, whole


def _filled(reference: str, known: Mapping[str, str]) -> str:
    """Put defaults for variables; a value may hold a variable once more."""
    for _ in range(3):
        filled = _VARIABLE.sub(lambda m: known.get(m[1] or m[3], m[2] or m[0]), reference)[:500]
        if filled == reference:
            break
        reference = filled
    return reference


def _of_compose(root: Path, file: str, unread: list[str]) -> Iterator[ImageUse]:
    text = _text(root, file, unread)
    try:
        documents = yaml_places.read_all(text.encode(), file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        unread.append(shown(f"{why.place or file}: {why.message}", 300))
        return
    for document in documents:
        services = below(document.value, "services")
        for name, service in services.items() if isinstance(services, Mapping) else ():
            image = below(service, "image")
            # With `build`, the name is that of what is built here.
            if isinstance(image, str) and not below(service, "build"):
                yield ImageUse(
                    reference=_filled(image.strip(), {}),
                    purpose="run",
                    place=document.key_place(("services", name, "image")),
                )


def _of_object(one: KubernetesObject) -> Iterator[ImageUse]:
    if one.group.endswith(_JUDGES) or one.kind in ("ConfigMap", "Secret", "Kustomization"):
        return
    for steps, container in _containers(one.value, (), 0):
        for key in ("image", "reference"):
            image = container.get(key)
            if isinstance(image, str) and image.strip():
                place = one.place(*steps, key)
                yield ImageUse(reference=image.strip(), purpose="run", place=place)


def _containers(
    value: Any, steps: tuple[str | int, ...], depth: int
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Whatever makes pods, of whatever kind: containers, and volumes that are images."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs if depth <= MOST_DEPTH else ():
        here = (*steps, key)
        if key in _LISTS and isinstance(inner, list):
            yield from (((*here, n), item) for n, item in enumerate(inner) if isinstance(item, Mapping))
        elif isinstance(inner, Mapping) and (key == "container" or (key == "image" and "reference" in inner)):
            yield here, inner
        else:
            yield from _containers(inner, here, depth + 1)


def _changes(one: KubernetesObject) -> Mapping[str, tuple[str, str]]:
    """Give what a kustomization makes of image names: the new name, and what follows it."""
    found = {}
    for image in one.list_at("images"):
        name = below(image, "name")
        if isinstance(name, str):
            new, digest, tag = (below(image, key) for key in ("newName", "digest", "newTag"))
            ending = f"@{digest}" if digest else f":{tag}" if tag else ""
            found[name] = (new if isinstance(new, str) else "", ending)
    return found


def _changed(use: ImageUse, changes: Iterable[Mapping[str, tuple[str, str]]]) -> ImageUse:
    """Change a reference as the kustomizations do; the one that pins least counts where they differ."""
    name = use.reference.partition("@")[0]
    name = name[: -len(use.tag) - 1] if use.tag else name
    said = [change[name] for change in changes if name in change]
    if not said:
        return use
    new, ending = min(said, key=lambda pair: pair[1].startswith("@"))
    rest = ending or use.reference[len(name) :]
    return ImageUse(reference=f"{new or name}{rest}", purpose=use.purpose, place=use.place)
