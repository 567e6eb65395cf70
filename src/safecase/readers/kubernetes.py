"""Kubernetes manifests as workloads and network policies; what could not be read is named, never passed over."""

from __future__ import annotations

import ipaddress
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
MOST_OBJECTS = 5_000
MOST_PEERS = 10_000

_API = re.compile(rb"^(?:\xef\xbb\xbf)?(?:\{\s{0,40})?[\"']?apiVersion[\"']?[ \t]{0,40}:", re.MULTILINE)
_KIND = re.compile(rb"(?:^|[{,]\s{0,40})[\"']?kind[\"']?[ \t]{0,40}:", re.MULTILINE)
_ESCAPED_KEY = re.compile(rb'"[^"\n]{0,60}\\[xuU][^"\n]{0,60}"[ \t]{0,40}:')

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

_POLICY_APIS = ("networking.k8s.io", "extensions")
_RUNS_PODS = frozenset({"containers", "container", "podSpec", "podTemplate", "predictor", "workerGroupSpecs"})
"""Keys by which a custom resource gives away that a controller makes pods of it."""
_JUDGES = ("kyverno.io", "gatekeeper.sh", "apiextensions.k8s.io", "admissionregistration.k8s.io")
"""Groups whose objects speak of containers and make none."""
_BINDS_OTHERWISE = re.compile(r"NetworkPolicy|NetworkSet")
_CHANGES_OTHERS = (
    "namespace",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "commonLabels",
    "labels",
    "components",
)
"""What a kustomization may say that makes the objects other than they are read here."""


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


def is_kubernetes(content: bytes) -> bool:
    """Say by a file's first `MOST_BYTES` whether it holds Kubernetes objects (rendered or as a template).

    Only where the keys are written in an unusual way (indented, behind `---`, with escapes) it is parsed.
    """
    if _API.search(content) and _KIND.search(content):
        return True
    if b"apiVersion" not in content and not _ESCAPED_KEY.search(content):
        return False
    try:
        documents = yaml_places.read_all(content, "", most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError:
        return False
    return any(isinstance(d.value, Mapping) and {"apiVersion", "kind"} <= set(d.value) for d in documents)


def read_cluster(root: Path, files: Iterable[str]) -> Cluster:
    """Read all manifests; one that cannot be read is named in `unread`."""
    workloads: list[Workload] = []
    policies: list[Policy] = []
    unread: list[str] = []
    for file in files:
        for document, steps, kind in _objects(root, file, unread):
            value = _at(document.value, *steps)
            reason = _not_analysed(value, kind)
            if reason:
                unread.append(f"{document.key_place((*steps, 'kind'))}: {reason}")
            elif kind in PODS:
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


def _not_analysed(value: Any, kind: str) -> str:
    """Say why an object that runs pods, or binds them, is beyond this reader; empty for all others."""
    name = f"{shown(kind, 40)} {_text(_at(value, 'metadata', 'name'))}"
    group = _text(_at(value, "apiVersion")).partition("/")[0] or "no apiVersion"
    if kind in PODS or kind == "NetworkPolicy":
        if any("{{" in part for part in _inside(value) if isinstance(part, str)):
            return f"{name} is a template; render it first (helm template)"
        if kind == "NetworkPolicy" and group in _POLICY_APIS and not _is_selector(_at(value, "spec", "podSelector")):
            return f"the podSelector of {name} says neither matchLabels nor matchExpressions"
    if kind == "Kustomization":
        changed = [key for key in _CHANGES_OTHERS if _at(value, key)]
        return f"a kustomization sets {', '.join(changed)}; render it first (kubectl kustomize)" if changed else ""
    if _BINDS_OTHERWISE.search(kind) and (kind != "NetworkPolicy" or group not in _POLICY_APIS):
        return f"{name} is a policy of {group}, whose rules are not known here"
    if kind in PODS or group.endswith(_JUDGES):
        return ""
    if any(isinstance(part, dict) and not _RUNS_PODS.isdisjoint(part) for part in _inside(_at(value, "spec"))):
        return f"{name} makes pods by a controller of its own, whose labels are not known here"
    return ""


def _inside(value: Any) -> Iterator[Any]:
    """Everything in a value, once: what an alias repeats is the same object."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _is_selector(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) <= {"matchLabels", "matchExpressions"}


def _objects(root: Path, file: str, unread: list[str]) -> Iterator[tuple[Document, Steps, str]]:
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as why:
        unread.append(f"{shown(file, 200)}: {why.strerror}")
        return
    try:
        documents = yaml_places.read_all(content, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        templated = b"{{" in content
        told = (
            f"{file}: a Helm template; render it first (helm template)"
            if templated
            else f"{why.place or file}: {why.message}"
        )
        unread.append(shown(told, 300))
        return
    for document in documents:
        for steps, value in _listed(document.value):
            kind = value.get("kind") if isinstance(value, Mapping) else None
            if isinstance(kind, str):
                yield document, steps, kind
            elif value is not None:
                unread.append(f"{shown(file, 200)}: an object without a kind")


def _listed(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """An object, or each of those in a `kind: List` and in lists inside of it."""
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from ((("items", index, *steps), inner) for steps, inner in _listed(item))
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
        host_network=_is_true(_at(pod, "spec", "hostNetwork")),
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
            if d in directions and _open(_list(spec, rules), peers)
        ),
        place=_place(document, steps),
    )


def _open(rules: list[Any], peers: str) -> bool:
    """Rules add up: one that names everybody on all ports is enough, and so are halves that make up everybody."""
    blocks: list[Any] = []
    for rule in rules:
        if rule is None or rule == {}:
            return True
        if not isinstance(rule, Mapping) or not _all_ports(_list(rule, "ports")):
            continue
        named = _list(rule, peers)
        if not named or any(_everybody(peer) for peer in named):
            return True
        blocks += [_at(peer, "ipBlock", "cidr") for peer in named if not _list(_at(peer, "ipBlock"), "except")]
    return _whole_internet(blocks)


def _all_ports(ports: list[Any]) -> bool:
    """No port is named, or an entry names none, or a range from the first to the last."""
    return not ports or any(
        isinstance(p, Mapping) and (p.get("port") is None or (p["port"] in (0, 1) and p.get("endPort") == 65535))
        for p in ports
    )


def _everybody(peer: Any) -> bool:
    if peer in (None, {}):
        return True
    if not isinstance(peer, Mapping) or "namespaceSelector" not in peer:
        return False
    return all(_selects_all(peer.get(key)) for key in ("namespaceSelector", "podSelector"))


def _selects_all(selector: Any) -> bool:
    return not selector or (isinstance(selector, Mapping) and not any(selector.values()))


def _whole_internet(blocks: list[Any]) -> bool:
    networks: list[Any] = []  # of either family, never mixed below
    for block in blocks[:MOST_PEERS]:
        try:
            networks.append(ipaddress.ip_network(str(block), strict=False))
        except ValueError:
            continue
    families = ([n for n in networks if n.version == version] for version in (4, 6))
    return any(n.prefixlen == 0 for family in families for n in ipaddress.collapse_addresses(family))


def _is_true(value: Any) -> bool:
    """Kubernetes reads YAML 1.1, where `yes` and `on` are true; our reader leaves them texts."""
    return value is True or str(value).lower() in ("true", "yes", "on", "y")


def _list(value: Any, key: str) -> list[Any]:
    found = _at(value, key)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    return shown(str(value), 100) if isinstance(value, str | int | float) else ""


def _place(document: Document, steps: Steps) -> Place:
    return document.key_place((*steps, "kind"))
