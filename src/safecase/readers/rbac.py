"""Kubernetes' roles and bindings: who is given which rights, as the manifests say it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from safecase.readers.kubernetes import PODS
from safecase.readers.kubernetes_objects import KubernetesObject, below, read_objects, texts
from safecase.readers.text import shown
from safecase.vocabulary import Noun, Place

GROUP = "rbac.authorization.k8s.io"
CLUSTER_ROLE, CLUSTER_BINDING = "ClusterRole", "ClusterRoleBinding"
_RBAC = frozenset({"Role", CLUSTER_ROLE, "RoleBinding", CLUSTER_BINDING})
_KINDS = _RBAC | PODS.keys()


class Rule(Noun, frozen=True):
    """Verbs that are allowed on resources."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...]
    """Of the only objects that it speaks of; empty for all."""
    urls: tuple[str, ...]
    place: Place


class Role(Noun, frozen=True):
    """A named set of rules."""

    kind: str
    name: str
    namespace: str
    """Empty for a ClusterRole."""
    rules: tuple[Rule, ...]
    aggregated: bool
    """Its rules are filled in from other roles, by their labels."""
    place: Place


class Holder(Noun, frozen=True):
    """Who is given a role."""

    kind: str
    name: str
    namespace: str
    place: Place


class Binding(Noun, frozen=True):
    """A role given to somebody; a ClusterRoleBinding gives it in all namespaces."""

    kind: str
    name: str
    namespace: str
    role_kind: str
    role: str
    holders: tuple[Holder, ...]
    place: Place


class Account(Noun, frozen=True):
    """The service account that a workload runs as."""

    workload: str
    name: str
    namespace: str
    place: Place


class Rights(Noun, frozen=True):
    """All that the manifests of a service say of rights."""

    roles: tuple[Role, ...]
    bindings: tuple[Binding, ...]
    accounts: tuple[Account, ...]
    unread: tuple[str, ...]


def read_rights(root: Path, files: Iterable[str]) -> Rights:
    """Read roles, bindings and the accounts of workloads; what cannot be read is named in `unread`."""
    objects = read_objects(root, files, _KINDS)
    rbac = [o for o in objects.found if o.group == GROUP]
    others = [o for o in objects.found if o.kind in _RBAC and o.group != GROUP]
    return Rights(
        roles=tuple(_role(o) for o in rbac if o.kind in ("Role", CLUSTER_ROLE)),
        bindings=tuple(_binding(o) for o in rbac if o.kind in ("RoleBinding", CLUSTER_BINDING)),
        accounts=tuple(_account(o) for o in objects.found if o.kind in PODS),
        unread=(*objects.unread, *(f"{o.place()}: {o.kind} {o.name} of {o.group or 'no group'}" for o in others)),
    )


def _role(one: KubernetesObject) -> Role:
    return Role(
        kind=one.kind,
        name=one.name,
        namespace="" if one.kind == CLUSTER_ROLE else one.namespace or "default",
        rules=tuple(_rule(one, index) for index in range(len(one.list_at("rules")))),
        aggregated=bool(one.at("aggregationRule")),
        place=one.place(),
    )


def _rule(one: KubernetesObject, index: int) -> Rule:
    rule = one.at("rules", index)
    return Rule(
        verbs=texts(below(rule, "verbs")),
        groups=texts(below(rule, "apiGroups")),
        resources=texts(below(rule, "resources")),
        names=texts(below(rule, "resourceNames")),
        urls=texts(below(rule, "nonResourceURLs")),
        place=one.place("rules", index),
    )


def _binding(one: KubernetesObject) -> Binding:
    namespace = "" if one.kind == CLUSTER_BINDING else one.namespace or "default"
    return Binding(
        kind=one.kind,
        name=one.name,
        namespace=namespace,
        role_kind=_text(one.at("roleRef", "kind")),
        role=_text(one.at("roleRef", "name")),
        holders=tuple(_holder(one, index, namespace) for index in range(len(one.list_at("subjects")))),
        place=one.place(),
    )


def _holder(one: KubernetesObject, index: int, namespace: str) -> Holder:
    said = one.at("subjects", index)
    kind, name = _text(below(said, "kind")), _text(below(said, "name"))
    # A service account is also known as a user of this name (authentication reference, "Service account tokens").
    if kind == "User" and name.startswith("system:serviceaccount:"):
        space, _, account = name.removeprefix("system:serviceaccount:").partition(":")
        return Holder(kind="ServiceAccount", name=account, namespace=space, place=one.place("subjects", index))
    return Holder(
        kind=kind,
        name=name,
        namespace=_text(below(said, "namespace")) or namespace,
        place=one.place("subjects", index),
    )


def _account(one: KubernetesObject) -> Account:
    pod = one.at("spec", *PODS[one.kind], "spec") if PODS[one.kind] else one.at("spec")
    named = _text(below(pod, "serviceAccountName")) or _text(below(pod, "serviceAccount"))
    return Account(
        workload=f"{one.kind} {one.namespace or 'default'}/{one.name}",
        name=named or "default",
        namespace=one.namespace or "default",
        place=one.place(),
    )


def _text(value: object) -> str:
    return shown(value, 200) if isinstance(value, str) else ""
