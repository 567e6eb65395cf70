"""Kubernetes manifests as workloads and network policies; what could not be read is named, never passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from safecase.errors import CollectError, ManifestError
from safecase.readers import yaml_places
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document, Steps
from safecase.vocabulary import Noun, Place

MOST_BYTES = 2_000_000
MOST_OBJECTS = 20_000

_API = re.compile(rb"^apiVersion\s*:", re.MULTILINE)
_KIND = re.compile(rb"^kind\s*:", re.MULTILINE)

PODS: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("template",),
    "StatefulSet": ("template",),
    "DaemonSet": ("template",),
    "ReplicaSet": ("template",),
    "ReplicationController": ("template",),
    "Job": ("template",),
    "CronJob": ("jobTemplate", "spec", "template"),
}
"""Where the pod stands in the `spec` of each kind of workload."""


class Workload(Noun, frozen=True):
    """Something that runs pods."""

    kind: str
    name: str
    namespace: str
    labels: dict[str, str]
    """Of its pods: what policies select by."""
    host_network: bool
    place: Place


class Policy(Noun, frozen=True):
    """A NetworkPolicy, as far as "does it bind these pods, and does it allow everything" goes."""

    name: str
    namespace: str
    selector: dict[str, Any]  # a label selector as it is written
    directions: tuple[Literal["Ingress", "Egress"], ...]
    open_directions: tuple[Literal["Ingress", "Egress"], ...]
    """Directions in which one of its rules allows everything."""
    place: Place


class Cluster(Noun, frozen=True):
    """All that the manifests of a service say."""

    workloads: tuple[Workload, ...]
    policies: tuple[Policy, ...]
    unread: tuple[str, ...]
    """Files and objects that were not analysed, and why."""


def is_kubernetes(prefix: bytes) -> bool:
    """Say by the first bytes of a file whether it holds Kubernetes objects (rendered or as a template)."""
    return bool(_API.search(prefix)) and bool(_KIND.search(prefix))


def read_cluster(root: Path, files: Iterable[str]) -> Cluster:
    """Read all manifests; one that cannot be read is named in `unread`."""
    workloads: list[Workload] = []
    policies: list[Policy] = []
    unread: list[str] = []
    for file in files:
        for document, steps, kind in _objects(root, file, unread):
            if kind in PODS:
                workloads.append(_workload(document, steps, kind))
            elif kind == "NetworkPolicy":
                policies.append(_policy(document, steps))
            if len(workloads) + len(policies) > MOST_OBJECTS:
                raise CollectError(f"more than {MOST_OBJECTS} Kubernetes objects", mend="assess one service at a time")
    return Cluster(workloads=tuple(workloads), policies=tuple(policies), unread=tuple(unread))


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a label selector selects pods with these labels; an empty one selects all."""
    wanted = selector.get("matchLabels") or {}
    if not isinstance(wanted, Mapping) or any(labels.get(k) != str(v) for k, v in wanted.items()):
        return False
    expressions = selector.get("matchExpressions") or []
    return isinstance(expressions, list) and all(_fulfilled(e, labels) for e in expressions)


def _fulfilled(expression: Any, labels: Mapping[str, str]) -> bool:
    if not isinstance(expression, Mapping):
        return False
    key, values = str(expression.get("key")), [str(v) for v in expression.get("values") or []]
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def _objects(root: Path, file: str, unread: list[str]) -> Iterator[tuple[Document, Steps, str]]:
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as why:
        unread.append(f"{file}: {why.strerror}")
        return
    if b"{{" in content:
        unread.append(f"{file}: a Helm template; render it first (helm template)")
        return
    try:
        documents = yaml_places.read_all(content, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        unread.append(f"{why.place or file}: {why.message}")
        return
    for document in documents:
        for steps, value in _listed(document.value):
            kind = value.get("kind") if isinstance(value, Mapping) else None
            if isinstance(kind, str):
                yield document, steps, kind
            elif value is not None:
                unread.append(f"{file}: an object without a kind")


def _listed(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """An object, or each of those in a `kind: List`."""
    if isinstance(value, Mapping) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        yield from ((("items", index), item) for index, item in enumerate(value["items"]))
    else:
        yield (), value


def _at(value: Any, *steps: str | int) -> Any:
    """Go down; an empty mapping where the way ends."""
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else {}
        else:
            value = value.get(step) if isinstance(value, Mapping) else {}
    return value if value is not None else {}


def _workload(document: Document, steps: Steps, kind: str) -> Workload:
    value = _at(document.value, *steps)
    pod = _at(value, "spec", *PODS[kind]) if PODS[kind] else value
    labels = _at(pod, "metadata", "labels")
    return Workload(
        kind=kind,
        name=_text(_at(value, "metadata", "name")),
        namespace=_text(_at(value, "metadata", "namespace")) or "default",
        labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {},
        host_network=_at(pod, "spec", "hostNetwork") is True,
        place=_place(document, steps),
    )


def _policy(document: Document, steps: Steps) -> Policy:
    value = _at(document.value, *steps)
    spec = _at(value, "spec")
    named = [d for d in ("Ingress", "Egress") if d in _list(spec, "policyTypes")]
    # Without policyTypes it binds Ingress, and Egress where it has rules for it (API reference of NetworkPolicySpec).
    directions = named or ["Ingress", *(["Egress"] if _list(spec, "egress") else [])]
    selector = _at(spec, "podSelector")
    return Policy(
        name=_text(_at(value, "metadata", "name")),
        namespace=_text(_at(value, "metadata", "namespace")) or "default",
        selector=dict(selector) if isinstance(selector, Mapping) else {},
        directions=tuple(directions),  # type: ignore[arg-type]  # two words, as filtered above
        open_directions=tuple(
            d  # type: ignore[misc]
            for d, rules, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to"))
            if d in directions and any(_allows_all(rule, peers) for rule in _list(spec, rules))
        ),
        place=_place(document, steps),
    )


def _allows_all(rule: Any, peers: str) -> bool:
    """An empty rule, or one whose peers are everybody and whose ports are all."""
    if rule is None or rule == {}:
        return True
    if not isinstance(rule, Mapping) or _list(rule, "ports"):
        return False
    named = _list(rule, peers)
    return not named or any(_everybody(peer) for peer in named)


def _everybody(peer: Any) -> bool:
    if peer in (None, {}):
        return True
    block = _at(peer, "ipBlock")
    if _at(block, "cidr") in ("0.0.0.0/0", "::/0"):
        return not _list(block, "except")
    return isinstance(peer, Mapping) and set(peer) == {"namespaceSelector"} and peer["namespaceSelector"] in (None, {})


def _list(value: Any, key: str) -> list[Any]:
    found = _at(value, key)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    return shown(str(value), 100) if isinstance(value, str | int | float) else ""


def _place(document: Document, steps: Steps) -> Place:
    return document.key_place((*steps, "kind"))
