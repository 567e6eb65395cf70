"""Which rights in Kubernetes are more than a service should have, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from safecase.readers.rbac import CLUSTER_ROLE, Rights, Role, Rule
from safecase.vocabulary import Severity

READING = frozenset({"get", "list", "watch"})
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_CHANGING = frozenset({"create", "update", "patch"})

HARMLESS = frozenset(
    {
        "view",
        "system:auth-delegator",
        "system:basic-user",
        "system:discovery",
        "system:public-info-viewer",
        "system:service-account-issuer-discovery",
        "extension-apiserver-authentication-reader",
    }
)
"""Roles that each cluster has, and that give little away."""
FOR_ANYBODY = HARMLESS - {"view", "system:auth-delegator", "extension-apiserver-authentication-reader"}
"""Those that a cluster gives to everybody by itself."""
MIGHTY = frozenset({"admin", "edit"})
"""Roles that each cluster has, and that read the secrets and run as any account of a namespace."""


class Excess(NamedTuple):
    """A right that is too much."""

    rule: str
    severity: Severity
    told: str
    mend: str


class _Power(NamedTuple):
    """A right by which its holder gains others."""

    rule: str
    verbs: frozenset[str]
    resources: frozenset[str]
    severity: Severity
    told: str
    mend: str
    groups: frozenset[str] = frozenset()
    """Of the resources' API, where others have resources of the same name; empty for any."""


_CORE = frozenset({""})
_POWERS = (
    _Power(
        "escalate",
        frozenset({"escalate", "bind"}),
        frozenset({"roles", "clusterroles"}),
        "critical",
        "may give itself any right (escalate, bind)",
        "take escalate and bind out of its verbs",
    ),
    _Power(
        "impersonate",
        frozenset({"impersonate"}),
        frozenset({"users", "groups", "serviceaccounts", "uids", "userextras"}),
        "critical",
        "may act as others (impersonate)",
        "take impersonate out, or name whom under resourceNames",
    ),
    _Power(
        "exec",
        frozenset({"create", "get"}),
        frozenset({"pods/exec", "pods/attach"}),
        "high",
        "may run commands in running pods",
        "take pods/exec and pods/attach out; give them to people for an hour when needed",
    ),
    _Power(
        "exec",
        frozenset({"create", "get"}),
        frozenset({"nodes/proxy"}),
        "critical",
        "may speak to the kubelet of each node, past admission and audit",
        "take nodes/proxy out; metrics have a resource of their own (nodes/metrics)",
    ),
    _Power(
        "exec",
        frozenset({"update", "patch"}),
        frozenset({"pods/ephemeralcontainers"}),
        "high",
        "may put containers into running pods",
        "take pods/ephemeralcontainers out",
    ),
    _Power(
        "token",
        frozenset({"create"}),
        frozenset({"serviceaccounts/token"}),
        "high",
        "may make tokens of service accounts",
        "take serviceaccounts/token out, or name the one account under resourceNames",
    ),
    _Power(
        "certificates",
        frozenset({"approve", "sign", "update", "patch"}),
        frozenset({"certificatesigningrequests/approval", "signers"}),
        "high",
        "may approve certificates, by which anybody signs in as anybody",
        "leave certificates to who runs the cluster",
    ),
    _Power(
        "admission",
        WRITING,  # deleting one opens what it kept shut
        frozenset(
            {
                "mutatingwebhookconfigurations",
                "validatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
                "mutatingadmissionpolicies",
                "mutatingadmissionpolicybindings",
            }
        ),
        "high",
        "may change what the cluster admits",
        "leave webhooks and admission policies to who runs the cluster",
    ),
    _Power(
        "namespaces",
        frozenset({"update", "patch"}),
        frozenset({"namespaces", "namespaces/status", "namespaces/finalize"}),
        "high",
        "may take off the labels that hold the pods of a namespace to a standard",
        "leave the labels of namespaces to who runs the cluster",
        _CORE,
    ),
    _Power(
        "volumes",
        frozenset({"create"}),
        frozenset({"persistentvolumes"}),
        "high",
        "may mount any path of a node, by a persistent volume of its own",
        "let it claim volumes (persistentvolumeclaims), which a storage class makes",
        _CORE,
    ),
    _Power(
        "rights",
        _CHANGING,
        frozenset({"rolebindings", "clusterrolebindings", "roles", "clusterroles"}),
        "high",
        "may hand out rights",
        "leave roles and bindings to who runs the cluster",
    ),
)
_NARROWED_BY_NAME = frozenset({"impersonate", "token"})


def excesses(role: Role, everywhere: bool) -> Iterator[tuple[Rule, Excess]]:
    """Yield what is too much in a role; `everywhere` says that it holds, or may be made to hold, in all namespaces."""
    for rule in role.rules:
        wild = _wildcards(rule)
        if wild is not None:
            yield rule, wild
        for power in _POWERS:
            # What a wildcard gives is told once, by the wildcard.
            if power.verbs & set(rule.verbs) and _speaks_of(rule, power) and not _narrowed(power, rule):
                yield rule, Excess(power.rule, power.severity, power.told, power.mend)
        secrets = _secrets(rule, everywhere)
        if secrets is not None:
            yield rule, secrets


def in_all_namespaces(role: Role, rights: Rights) -> bool:
    """Say whether a role holds cluster-wide; a ClusterRole that nobody is given here may be given elsewhere."""
    if role.kind != CLUSTER_ROLE:
        return False
    given = [b for b in rights.bindings if (b.role_kind, b.role) == (role.kind, role.name)]
    return not given or any(not b.namespace for b in given)


def _named(rule: Rule) -> set[str]:
    """The resources of a rule; those of impersonation have a name behind them (`userextras/scopes`)."""
    return set(rule.resources) | {"userextras" for name in rule.resources if name.startswith("userextras/")}


def _speaks_of(rule: Rule, power: _Power) -> bool:
    grouped = not power.groups or "*" in rule.groups or not power.groups.isdisjoint(rule.groups)
    return grouped and not power.resources.isdisjoint(_named(rule))


def _narrowed(power: _Power, rule: Rule) -> bool:
    return power.rule in _NARROWED_BY_NAME and _by_name(rule)


def _by_name(rule: Rule) -> bool:
    """A list or a watch asks for no name, and one that is empty allows just that."""
    return bool(rule.names) and "" not in rule.names


def _wildcards(rule: Rule) -> Excess | None:
    wild = [
        name
        for name, said in (("verbs", rule.verbs), ("resources", rule.resources), ("apiGroups", rule.groups))
        if _is_wild(said)
    ]
    # All stars at the end stand for anything: `/*` and `/**` are every address, `/healthz/*` is not.
    if any(url.endswith("*") and url.rstrip("*") in ("", "/") for url in rule.urls) or (rule.urls and "verbs" in wild):
        wild.append("nonResourceURLs")
    if not wild:
        return None
    severity: Severity = "critical" if {"verbs", "resources"} <= set(wild) else "high"
    if wild == ["apiGroups"]:
        severity = "medium"
    mend = f"name the {' and '.join(wild)} that it needs"
    return Excess("wildcard", severity, f"has a wildcard for {' and '.join(wild)}", mend)


def _is_wild(said: Collection[str]) -> bool:
    return any(word == "*" or word.startswith("*/") or word.endswith("/*") for word in said)


def _secrets(rule: Rule, everywhere: bool) -> Excess | None:
    read = READING & set(rule.verbs) or ({"*"} & set(rule.verbs))
    if "secrets" not in rule.resources or not read or _by_name(rule):
        return None
    where = "in all namespaces" if everywhere else "of its namespace"
    return Excess(
        "secrets",
        "high" if everywhere else "medium",
        f"may read every secret {where}",
        "name the secrets that it needs under resourceNames, or mount them instead",
    )
