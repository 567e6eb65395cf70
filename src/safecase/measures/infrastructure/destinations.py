"""Where the egress rules of network policies lead, held against the places that the manifest lists."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from safecase.readers.kubernetes import Workload, selects
from safecase.readers.kubernetes_objects import KubernetesObject, below, texts
from safecase.readers.text import shown
from safecase.vocabulary import Place, Severity

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")
"""Addresses at which clouds hand credentials to whoever asks from a machine of theirs."""
WIDEST = {4: 8, 6: 24}
"""A block with a shorter prefix is no place."""
NAME_SERVICE = 53
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_HAS_A_NAME = (_NAMESPACE_LABEL, "Exists")
MOST_RULES = 2_000


class Astray(NamedTuple):
    """A rule that leads to where nothing should go, or to where nobody said that it may."""

    rule: str
    key: str
    told: str
    place: Place
    severity: Severity
    mend: str


class Listed:
    """The places of `infrastructure.egress`."""

    def __init__(self, places: Sequence[str]) -> None:
        self.blocks: list[Network] = []
        self.workloads: set[tuple[str, str]] = set()
        self.hosts: list[str] = []
        for place in places:
            block = _network(place)
            namespace, slash, workload = place.partition("/")
            if block is not None:
                self.blocks.append(block)
            elif slash and namespace and workload and "/" not in workload and ":" not in place:
                self.workloads.add((namespace, workload))
            else:
                self.hosts.append(place)

    def holds(self, block: Network) -> bool:
        """Say whether a block lies within one that is listed."""
        return any(_within(block, known) for known in self.blocks)

    def names(self, namespace: str, words: Sequence[str]) -> bool:
        """Say whether a workload of a namespace is listed under one of these words, or all of the namespace are."""
        return any((namespace, word) in self.workloads for word in (*words, "*"))


class Neighbours(NamedTuple):
    """What lies in the cluster, as far as the manifests show it."""

    workloads: tuple[Workload, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by name, of those that the manifests show."""


def neighbours(workloads: tuple[Workload, ...], namespaces: Sequence[KubernetesObject]) -> Neighbours:
    """Put the workloads and namespaces of the manifests together; each namespace has its name as a label."""
    shown_ones = {w.namespace: {_NAMESPACE_LABEL: w.namespace} for w in workloads}
    for one in namespaces:
        labels = one.at("metadata", "labels")
        said = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}
        shown_ones[one.name] = {**said, _NAMESPACE_LABEL: one.name}
    return Neighbours(workloads, shown_ones)


def astray(policy: KubernetesObject, listed: Listed, near: Neighbours) -> Iterator[Astray]:
    """Yield what is wrong with the egress rules of one NetworkPolicy, in their order."""
    for index, rule in enumerate(policy.list_at("spec", "egress")[:MOST_RULES]):
        peers = below(rule, "to")
        if not isinstance(peers, list) or not peers:
            place = policy.place("spec", "egress", index)
            yield Astray("everywhere", f"{index}", "leads everywhere: it names no `to`", place, "high", _NAME)
            continue
        for number, peer in enumerate(peers[:MOST_RULES]):
            place = policy.place("spec", "egress", index, "to", number)
            key = f"{index}.{number}"
            if isinstance(peer, Mapping) and "ipBlock" in peer:
                yield from _of_block(peer["ipBlock"], key, place, listed)
            elif not _name_service_only(rule):
                yield from _of_pods(peer, key, place, listed, near, policy.namespace or "default")


def _of_block(said: Any, key: str, place: Place, listed: Listed) -> Iterator[Astray]:
    cidr = str(below(said, "cidr") or "")
    block = _network(cidr)
    if block is None:
        told = f"names {shown(cidr) or 'nothing'}, which is no address block"
        yield Astray("no-block", key, told, place, "medium", "write it like 203.0.113.0/24")
        return
    if block.prefixlen < WIDEST[block.version]:
        yield Astray("everywhere", key, f"leads to {cidr}, which is everywhere", place, "high", _NAME)
    elif not listed.holds(block):
        told = f"leads to {cidr}, which infrastructure.egress does not list"
        yield Astray("unlisted", key, told, place, "high", _LIST)
    spared = [network for network in map(_network, texts(below(said, "except"))) if network is not None]
    open_ones = [
        address
        for address in METADATA
        if (single := _network(address)) is not None
        and _within(single, block)
        and not any(_within(single, other) for other in spared)
        and not (block.prefixlen == block.max_prefixlen and listed.holds(block))
    ]
    if open_ones:
        told = f"lets it reach the cloud's metadata service ({', '.join(open_ones)})"
        yield Astray(
            "metadata", key, told, place, "high", f"add `except: [{open_ones[0]}/32]`, or name a smaller block"
        )


def _of_pods(
    peer: Any, key: str, place: Place, listed: Listed, near: Neighbours, own_namespace: str
) -> Iterator[Astray]:
    pods = below(peer, "podSelector")
    narrow = _is_narrow(pods)
    spaces = _namespaces(peer, near, own_namespace)
    if spaces is None and not narrow:
        told = "leads to every pod of every namespace"
        mend = "select one namespace by its name, and pods by labels"
        yield Astray("everywhere", key, told, place, "high", mend)
        return
    # What the manifests hold is the service itself; who else bears a label, or lies in a namespace, is not known.
    mine = {w.namespace for w in near.workloads if narrow and selects(pods, w.labels)}
    if spaces is None:
        if not mine:
            told = f"leads to {_told(pods)} in every namespace, and no workload of the manifests is meant"
            yield Astray("unlisted", key, told, place, "medium", _LIST)
        return
    for space in spaces:
        if space not in mine and not listed.names(space, _values(pods)):
            told = f"leads to {_told(pods)} of namespace {space}, which infrastructure.egress does not list"
            yield Astray("unlisted", f"{key}.{space}", told, place, "medium", _LIST)


def _is_narrow(selector: Any) -> bool:
    """It asks for a label at least; what leaves some out (NotIn, DoesNotExist) selects nearly everything."""
    labels = below(selector, "matchLabels")
    asked = any(below(one, "operator") in ("In", "Exists") for one in _expressions(selector))
    return asked or (isinstance(labels, Mapping) and bool(labels))


def _namespaces(peer: Any, near: Neighbours, own: str) -> tuple[str, ...] | None:
    """Give the namespaces that a peer selects, as far as they are known; None for all."""
    if not isinstance(peer, Mapping) or "namespaceSelector" not in peer:
        return (own,)
    selector = below(peer, "namespaceSelector")
    named = below(selector, "matchLabels", _NAMESPACE_LABEL)
    if isinstance(named, str):
        return (named,)
    # Every namespace bears its name as a label: to ask whether one does leaves none out.
    expressions = [e for e in _expressions(selector) if (below(e, "key"), below(e, "operator")) != _HAS_A_NAME]
    if not _is_narrow({"matchLabels": below(selector, "matchLabels"), "matchExpressions": expressions}):
        return None
    for one in expressions:
        if (below(one, "key"), below(one, "operator")) == (_NAMESPACE_LABEL, "In"):
            return tuple(sorted(set(texts(below(one, "values")))))
    known = tuple(sorted(name for name, labels in near.namespaces.items() if selects(selector, labels)))
    return known or (f"by {_told(selector)}".replace("pods with ", ""),)


def _expressions(selector: Any) -> list[Any]:
    said = below(selector, "matchExpressions")
    return said if isinstance(said, list) else []


def _name_service_only(rule: Any) -> bool:
    """Names must be looked up; inside of the cluster that leads nowhere else."""
    ports = below(rule, "ports")
    return isinstance(ports, list) and bool(ports) and all(_is_name_service(port) for port in ports)


def _is_name_service(port: Any) -> bool:
    number = below(port, "port")
    return number in (NAME_SERVICE, str(NAME_SERVICE), "dns", "dns-tcp") and below(port, "endPort") in (
        {},
        NAME_SERVICE,
    )


def _values(selector: Any) -> list[str]:
    labels = below(selector, "matchLabels")
    return [str(value) for value in labels.values()] if isinstance(labels, Mapping) else []


def _told(selector: Any) -> str:
    labels = below(selector, "matchLabels")
    if isinstance(labels, Mapping) and labels:
        return "pods with " + shown(", ".join(f"{k}={v}" for k, v in labels.items()), 80)
    return "pods by an expression" if below(selector, "matchExpressions") else "all pods"


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


_NAME = "name the places that it needs, as blocks or as pods of a namespace"
_LIST = "list it under infrastructure.egress if the service needs it, or take it out of the policy"
