"""How far a pod is from Kubernetes' restricted standard, a read-only root and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from safecase.readers.kubernetes_objects import below, texts
from safecase.readers.text import shown
from safecase.vocabulary import SEVERITIES, Severity

CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""Kinds of volumes that lead to no other machine's files (Pod Security Standards, restricted)."""
_ADDED = frozenset({"NET_BIND_SERVICE"})
_SECCOMP = frozenset({"RuntimeDefault", "Localhost"})
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)


class Soft(NamedTuple):
    """A way in which a pod or a container is not hardened."""

    told: str
    severity: Severity
    mend: str


def of_pod(pod: Mapping[str, Any]) -> Iterator[Soft]:
    """Yield what is soft about a pod as a whole."""
    for key, what in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory")):
        if is_true(below(pod, key)):
            yield Soft(f"shares the {what} of its host", "high", f"take {key}: true out")
    for volume in below(pod, "volumes") if isinstance(below(pod, "volumes"), list) else ():
        if isinstance(volume, Mapping):
            kinds = set(volume) - {"name"} - _VOLUMES
            name = shown(str(volume.get("name", "")), 60)
            if "hostPath" in kinds:
                path = shown(str(below(volume, "hostPath", "path")), 60)
                yield Soft(f"mounts {path} of its host ({name})", "high", "use a persistent volume claim")
            elif kinds:
                yield Soft(f"mounts {', '.join(sorted(map(shown, kinds)))} ({name})", "medium", "use a claim")
    sysctls = below(pod, "securityContext", "sysctls")
    named = [str(below(one, "name")) for one in sysctls] if isinstance(sysctls, list) else []
    unsafe = [name for name in named if name not in _SYSCTLS]
    if unsafe:
        yield Soft(f"sets {shown(unsafe[0], 60)} of the kernel", "medium", "take the sysctl out")


def of_container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[Soft]:
    """Yield what is soft about a container; what it does not say itself, its pod may say."""
    own, shared = below(container, "securityContext"), below(pod, "securityContext")
    if is_true(below(own, "privileged")):
        yield Soft("is privileged, as good as root on its host", "critical", "privileged: false")
    yield from _of_user(own, shared)
    if not _is_false(below(own, "allowPrivilegeEscalation")):
        yield Soft("may gain rights", "medium", "allowPrivilegeEscalation: false")
    yield from _of_capabilities(own)
    profile = below(own, "seccompProfile", "type") or below(shared, "seccompProfile", "type")
    if str(profile) not in _SECCOMP:
        yield Soft("may make any system call", "medium", "seccompProfile: {type: RuntimeDefault}")
    if below(own, "procMount") == "Unmasked":
        yield Soft("sees all of /proc", "high", "procMount: Default")
    if not is_true(below(own, "readOnlyRootFilesystem")):
        yield Soft("may write to its root file system", "medium", "readOnlyRootFilesystem: true")
    ports = below(container, "ports")
    if isinstance(ports, list) and any(below(port, "hostPort") not in ({}, 0) for port in ports):
        yield Soft("takes a port of its host", "medium", "use a Service instead of hostPort")
    if not below(container, "resources", "limits", "memory"):
        yield Soft("has no limit of memory", "medium", "resources: {limits: {memory: …}}")


def worst(found: list[Soft]) -> Severity:
    """Give the most severe of several."""
    return max((one.severity for one in found), key=SEVERITIES.index)


def is_true(value: Any) -> bool:
    """Say whether Kubernetes takes a value for true: it reads YAML 1.1, where `yes` and `on` are."""
    return value is True or str(value).lower() in ("true", "yes", "on", "y")


def _is_false(value: Any) -> bool:
    return value is False or str(value).lower() in ("false", "no", "off", "n")


def _of_user(own: Any, shared: Any) -> Iterator[Soft]:
    user = below(own, "runAsUser")
    if user == {}:
        user = below(shared, "runAsUser")
    said = below(own, "runAsNonRoot")
    if said == {}:
        said = below(shared, "runAsNonRoot")
    if user == 0:
        yield Soft("runs as root", "high", "runAsUser: 10001")
    elif not is_true(said):
        yield Soft("may run as root", "high", "runAsNonRoot: true")


def _of_capabilities(own: Any) -> Iterator[Soft]:
    dropped = {name.upper().removeprefix("CAP_") for name in texts(below(own, "capabilities", "drop"))}
    added = {name.upper().removeprefix("CAP_") for name in texts(below(own, "capabilities", "add"))} - _ADDED
    if added:
        names = ", ".join(sorted(shown(name, 40) for name in added))
        yield Soft(f"has {names}", "high", "take the capabilities out")
    if "ALL" not in dropped:
        yield Soft("keeps capabilities of root", "medium", "capabilities: {drop: [ALL]}")
