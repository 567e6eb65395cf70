"""How far a pod is from Kubernetes' restricted standard, a read-only root and limits."""

from __future__ import annotations

import re
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
_APPARMOR = frozenset({"RuntimeDefault", "Localhost"})
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
"""How the AppArmor profile of a container was said before Kubernetes 1.30, by annotations of the pod."""
_SELINUX = frozenset({"container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_PROBES = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)
_ZERO = re.compile(r"[-+]?0[xob]?[0_]*(\.0*)?", re.IGNORECASE)
_NO_MEMORY = re.compile(r"0*(\.0*)?[a-z]{0,2}", re.IGNORECASE)
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
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    }
)


class Soft(NamedTuple):
    """A way in which a pod or a container is not hardened."""

    told: str
    severity: Severity
    mend: str


def of_pod(pod: Mapping[str, Any], annotations: Any) -> Iterator[Soft]:  # as YAML has them
    """Yield what is soft about a pod as a whole, and about what it says for containers that say nothing themselves."""
    for key, what in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory")):
        if is_true(below(pod, key)):
            yield Soft(f"shares the {what} of its host", "high", f"take {key}: true out")
    yield from _of_volumes(pod)
    shared = below(pod, "securityContext")
    for soft in _of_confinement(shared):
        yield soft._replace(mend=f"set {soft.mend}")
    if is_zero(below(shared, "runAsUser")):
        yield Soft("runs as root", "high", "set runAsUser: 10001")
    elif is_false(below(shared, "runAsNonRoot")):
        yield Soft("may run as root", "high", "set runAsNonRoot: true")
    if _is_bad_seccomp(shared):
        yield Soft("may make any system call", "medium", "set seccompProfile: {type: RuntimeDefault}")
    for name, profile in annotations.items() if isinstance(annotations, Mapping) else ():
        said = str(profile or "runtime/default")
        if (
            str(name).startswith(_APPARMOR_ANNOTATION)
            and said != "runtime/default"
            and not said.startswith("localhost/")
        ):
            told = f"confines {shown(str(name).removeprefix(_APPARMOR_ANNOTATION), 60)} by no AppArmor profile"
            yield Soft(told, "high", "take the annotation out")
    sysctls = below(shared, "sysctls")
    named = [str(below(one, "name")) for one in sysctls] if isinstance(sysctls, list) else []
    unsafe = [name for name in named if name.replace("/", ".") not in _SYSCTLS]
    if unsafe:
        yield Soft(f"sets {shown(unsafe[0], 60)} of the kernel", "medium", "take the sysctl out")


def _of_volumes(pod: Mapping[str, Any]) -> Iterator[Soft]:
    for volume in below(pod, "volumes") if isinstance(below(pod, "volumes"), list) else ():
        if isinstance(volume, Mapping):
            kinds = {str(kind) for kind, said in volume.items() if said is not None} - {"name"} - _VOLUMES
            name = shown(str(volume.get("name", "")), 60)
            if "hostPath" in kinds:
                path = shown(str(below(volume, "hostPath", "path")), 60)
                yield Soft(f"mounts {path} of its host ({name})", "high", "use a persistent volume claim")
            elif kinds:
                yield Soft(f"mounts {', '.join(sorted(map(shown, kinds)))} ({name})", "medium", "use a claim")


def of_container(container: Mapping[str, Any], pod: Mapping[str, Any], part: str) -> Iterator[Soft]:
    """Yield what is soft about a container of a `part` of its pod; what it does not say itself, its pod may say.

    What the pod says wrong is told once, of the pod.
    """
    own, shared = below(container, "securityContext"), below(pod, "securityContext")
    if is_true(below(own, "privileged")):
        yield Soft("is privileged, as good as root on its host", "critical", "privileged: false")
    yield from _of_user(own, shared)
    yield from _of_confinement(own)
    yield from _of_capabilities_added(own)
    if below(pod, "os", "name") != "windows":  # where these are refused (API reference, PodOS)
        yield from _of_linux(own, shared)
    if below(own, "procMount") not in ({}, "Default"):
        yield Soft("sees all of /proc", "high", "procMount: Default")
    ports = below(container, "ports")
    if isinstance(ports, list) and any(below(port, "hostPort") not in ({}, 0) for port in ports):
        yield Soft("takes a port of its host", "medium", "use a Service instead of hostPort")
    yield from _of_probes(container)
    # A container for debugging may not name resources, and a pod may limit all of its containers together.
    if part != "ephemeralContainers" and not any(_limits_memory(one) for one in (container, pod)):
        yield Soft("has no limit of memory", "medium", "resources: {limits: {memory: …}}")


def worst(found: list[Soft]) -> Severity:
    """Give the most severe of several."""
    return max((one.severity for one in found), key=SEVERITIES.index)


def is_true(value: Any) -> bool:
    """Say whether Kubernetes takes a value for true: it reads YAML 1.1, where `yes` and `on` are."""
    return value is True or str(value).lower() in ("true", "yes", "on", "y")


def is_false(value: Any) -> bool:
    """Say whether Kubernetes takes a value for false."""
    return value is False or str(value).lower() in ("false", "no", "off", "n")


def is_zero(value: Any) -> bool:
    """Say whether a value is the number of root, however it is written."""
    return _ZERO.fullmatch(str(value)) is not None


def _limits_memory(value: Any) -> bool:
    said = below(value, "resources", "limits", "memory")
    return bool(said) and _NO_MEMORY.fullmatch(str(said)) is None


def _of_confinement(context: Any) -> Iterator[Soft]:
    """What a pod's context and a container's say alike, and what each is wrong about by itself."""
    if is_true(below(context, "windowsOptions", "hostProcess")):
        yield Soft("is a process of its Windows host", "critical", "windowsOptions: {hostProcess: false}")
    profile = below(context, "appArmorProfile", "type")
    if profile and str(profile) not in _APPARMOR:
        yield Soft("is confined by no AppArmor profile", "high", "appArmorProfile: {type: RuntimeDefault}")
    options = below(context, "seLinuxOptions")
    kind = below(options, "type")
    other = [f"{key} {below(options, key)}" for key in ("user", "role") if below(options, key)]
    if kind and str(kind) not in _SELINUX:
        other.insert(0, f"type {kind}")
    if other:
        told = f"has the SELinux {shown(' and '.join(other), 80)}"
        yield Soft(told, "high", "seLinuxOptions: {type: container_t} or a level alone")


def _of_linux(own: Any, shared: Any) -> Iterator[Soft]:
    if not is_false(below(own, "allowPrivilegeEscalation")):
        yield Soft("may gain rights", "medium", "allowPrivilegeEscalation: false")
    # In capital letters or not, and without a prefix: this is how container runtimes read it.
    if "ALL" not in {name.upper() for name in texts(below(own, "capabilities", "drop"))}:
        yield Soft("keeps capabilities of root", "medium", "capabilities: {drop: [ALL]}")
    inherits = not below(own, "seccompProfile", "type")
    unsaid = inherits and not below(shared, "seccompProfile", "type")
    if unsaid or (not inherits and _is_bad_seccomp(own)):
        yield Soft("may make any system call", "medium", "seccompProfile: {type: RuntimeDefault}")
    if not is_true(below(own, "readOnlyRootFilesystem")):
        yield Soft("may write to its root file system", "medium", "readOnlyRootFilesystem: true")


def _is_bad_seccomp(context: Any) -> bool:
    said = below(context, "seccompProfile", "type")
    return bool(said) and str(said) not in _SECCOMP


def _of_probes(container: Mapping[str, Any]) -> Iterator[Soft]:
    """The node opens the connection of a probe: with a host it may lead anywhere that the node reaches."""
    asked = (below(container, *steps, kind, "host") for steps in _PROBES for kind in ("httpGet", "tcpSocket"))
    hosts = [shown(str(host), 60) for host in asked if host]
    if hosts:
        yield Soft(f"lets its node ask {hosts[0]} by a probe", "medium", "no host in probes and lifecycle hooks")


def _of_user(own: Any, shared: Any) -> Iterator[Soft]:
    said = below(own, "runAsNonRoot")
    inherited = below(shared, "runAsNonRoot")
    if is_zero(below(own, "runAsUser")):
        yield Soft("runs as root", "high", "runAsUser: 10001")
    elif not is_true(inherited if said == {} else said) and not (said == {} and is_false(inherited)):
        yield Soft("may run as root", "high", "runAsNonRoot: true")


def _of_capabilities_added(own: Any) -> Iterator[Soft]:
    added = {name.upper().removeprefix("CAP_") for name in texts(below(own, "capabilities", "add"))} - _ADDED
    if added:
        names = ", ".join(sorted(shown(name, 40) for name in added))
        yield Soft(f"has {names}", "high", "take the capabilities out")
