"""Kubernetes manifests as plain objects that know where they stand; what could not be read is named."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safecase.errors import CollectError, ManifestError
from safecase.readers import yaml_places
from safecase.readers.kubernetes import PODS, is_kubernetes
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document
from safecase.vocabulary import Place

MOST_BYTES = 2_000_000
MOST_OBJECTS = 5_000
MOST_NAME = 100

KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
"""Names of files that kustomize reads, whether they say their kind or not."""
_KUSTOMIZE = "kustomize.config.k8s.io"
_CHANGES_OTHERS = (
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "components",
    "replacements",
    "transformers",
    "generators",
    "helmCharts",
)
"""What a kustomization may say that makes objects do other things than they are read to do here, or makes more."""
_PLACES_OTHERS = ("namespace", "commonLabels", "labels")
"""What it may say that changes which objects belong together."""
_JSON_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s{0,1000}\{\s{0,1000}"(?:apiVersion|kind|metadata|items)"')


class KubernetesObject(NamedTuple):
    """One object of a manifest."""

    kind: str
    group: str
    """Of its API; empty for the core one."""
    name: str
    namespace: str
    """Empty where the object says none."""
    value: Any  # as YAML has it
    document: Document
    steps: tuple[str | int, ...]

    def at(self, *steps: str | int) -> Any:  # as YAML has it
        """Give what stands at `steps`; an empty mapping where the way ends."""
        return below(self.value, *steps)

    def list_at(self, *steps: str | int) -> list[Any]:
        """Give the list at `steps`; an empty one where there is none."""
        found = self.at(*steps)
        return found if isinstance(found, list) else []

    def place(self, *steps: str | int) -> Place:
        """Say where the value at `steps` stands; without steps, where the object says its kind."""
        return self.document.key_place((*self.steps, *(steps or ("kind",))))


class Objects(NamedTuple):
    """Objects of the kinds that were asked for."""

    found: tuple[KubernetesObject, ...]
    unread: tuple[str, ...]
    """Files and objects that were not analysed, and why."""


def holds_objects(file: str, content: bytes) -> bool:
    """Say by a file's name and its first `MOST_BYTES` whether there is something of Kubernetes in it to be analysed.

    A kustomization that says no kind is one where it changes what other files hold, or cannot be read.
    """
    name = posixpath.basename(file)
    if name.endswith(".json"):
        return _is_json_object(content)
    return is_kubernetes(content) or (name in KUSTOMIZATIONS and _changes_others(content))


def _is_json_object(content: bytes) -> bool:
    if b"apiVersion" not in content and b"\\u" not in content:
        return False
    try:
        value, _ = json.JSONDecoder().raw_decode(content.decode("utf-8-sig").lstrip())
    except (ValueError, RecursionError):  # cut off, or broken: by its head, so that it is named
        return _JSON_HEAD.match(content) is not None and all(
            b'"%s"' % key in content for key in (b"apiVersion", b"kind")
        )
    return isinstance(value, dict) and {"apiVersion", "kind"} <= value.keys()


def _changes_others(content: bytes) -> bool:
    try:
        documents = yaml_places.read_all(content, "", most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError:
        return True
    return any(below(one.value, key) for one in documents for key in (*_CHANGES_OTHERS, *_PLACES_OTHERS))


def read_objects(root: Path, files: Iterable[str], kinds: Collection[str] | None = None) -> Objects:
    """Read the objects of these kinds (None for all) from all manifests; one that cannot be read is in `unread`."""
    found: list[KubernetesObject] = []
    unread: list[str] = []
    for file in files:
        for one in _objects(root, file, unread):
            reason = _not_analysed(one, kinds)
            if reason:
                unread.append(f"{one.place()}: {reason}")
            elif kinds is None or one.kind in kinds:
                found.append(one)
            if len(found) > MOST_OBJECTS:
                raise CollectError(f"more than {MOST_OBJECTS} Kubernetes objects", mend="assess one service at a time")
    return Objects(tuple(found), tuple(unread))


def below(value: Any, *steps: str | int) -> Any:  # as YAML has it
    """Go down in a value; an empty mapping where the way ends."""
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else {}
        else:
            value = value.get(step) if isinstance(value, Mapping) else {}
    return value if value is not None else {}


def inside(value: Any) -> Iterator[Any]:  # as YAML has it
    """Give everything in a value, once: what an alias repeats is the same object."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list):
            if id(part) in seen:
                continue
            seen.add(id(part))
            waiting += part.values() if isinstance(part, dict) else part
        yield part


def texts(value: Any) -> tuple[str, ...]:  # as YAML has it
    """Give the texts of a list, whatever else it holds left out."""
    return tuple(str(item) for item in value if isinstance(item, str | int)) if isinstance(value, list) else ()


def _objects(root: Path, file: str, unread: list[str]) -> Iterator[KubernetesObject]:
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as why:
        unread.append(f"{shown(file, 200)}: {why.strerror}")
        return
    if file.endswith(".json"):
        content = content.replace(b"\t", b" ")  # JSON may be indented by tabs, which YAML refuses
    try:
        documents = yaml_places.read_all(content, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        told = "a Helm template; render it first (helm template)" if b"{{" in content else why.message
        unread.append(shown(f"{why.place or file}: {told}", 300))
        return
    for document in documents:
        for steps, value in _listed(document.value):
            kind = below(value, "kind")
            if kind == {} and isinstance(value, Mapping) and posixpath.basename(file) in KUSTOMIZATIONS:
                kind = "Kustomization"
            if isinstance(kind, str):
                yield _object(document, steps, value, kind)


def _listed(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """An object, or each of those in a `kind: List` and in lists inside of it."""
    kind = below(value, "kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(below(value, "items"), list):
        for index, item in enumerate(value["items"]):
            yield from ((("items", index, *steps), inner) for steps, inner in _listed(item))
    else:
        yield (), value


def _object(document: Document, steps: tuple[str | int, ...], value: Any, kind: str) -> KubernetesObject:
    group, slash, _ = str(below(value, "apiVersion") or "").partition("/")
    return KubernetesObject(
        kind=kind,
        group=group if slash else "",
        name=_word(below(value, "metadata", "name")),
        namespace=_word(below(value, "metadata", "namespace")),
        value=value,
        document=document,
        steps=steps,
    )


def _not_analysed(one: KubernetesObject, kinds: Collection[str] | None) -> str:
    """Say why an object that was asked for, or changes others, is beyond this reader; empty for all others."""
    if one.kind == "Kustomization" or (one.kind == "Component" and one.group == _KUSTOMIZE):
        changed = [key for key in _CHANGES_OTHERS if one.at(key)]
        return f"a kustomization sets {', '.join(changed)}; render it first (kubectl kustomize)" if changed else ""
    if one.kind in (PODS if kinds is None else kinds) and any(
        "{{" in text for text in inside(one.value) if isinstance(text, str)
    ):
        return f"{shown(one.kind, 40)} {one.name} is a template; render it first (helm template)"
    return ""


def _word(value: Any) -> str:
    return shown(str(value), MOST_NAME) if isinstance(value, str | int | float) else ""
