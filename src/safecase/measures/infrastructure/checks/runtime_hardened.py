"""`k8s.pss`: containers run without root, without added rights, on a read-only root and with a limit of memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from safecase.checks import Context, check
from safecase.measures.infrastructure.hardening import CONTAINERS, Soft, of_container, of_pod, worst
from safecase.readers.kubernetes import PODS
from safecase.readers.kubernetes_objects import KubernetesObject, below, inside, read_objects
from safecase.readers.text import shown
from safecase.service.subjects import Workloads
from safecase.vocabulary import Finding

_MAKES_PODS = frozenset({"containers", "container", "podSpec", "podTemplate", "predictor", "workerGroupSpecs"})
"""Keys by which a custom resource gives away that a controller makes pods of it."""
_JUDGES = ("kyverno.io", "gatekeeper.sh", "apiextensions.k8s.io", "admissionregistration.k8s.io")


@check("k8s.pss", control="IN-11", severity="high", version=2)
def runtime_hardened(workloads: Workloads, ctx: Context) -> Iterator[Finding]:
    """Every container runs without root, without added rights, on a read-only root and with a limit of memory.

    ## Why it matters
    Model servers parse files and requests with much native code, and agents run what a model wrote. Whoever breaks out
    of such a program finds what its container was given: as root, with a writable root and the host's files, the next
    step is the node, with its accelerators, its other tenants and their keys.

    ## How it is checked
    Each pod of the manifests (Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob) is held against the
    Restricted profile of Kubernetes' Pod Security Standards (as of 1.34): no privileged container, no Windows host
    process, none of the host's network, processes, memory, ports or paths, only volumes of the listed kinds,
    `runAsNonRoot`, no privilege escalation, all capabilities dropped (NET_BIND_SERVICE may be added), a seccomp
    profile, AppArmor not unconfined (by field or by annotation), SELinux types of containers only and neither user nor
    role, no unmasked /proc, safe sysctls, no host in probes. Beyond the profile: `readOnlyRootFilesystem`, and a limit
    of memory, of the container or of the pod. What a container does not say, its pod may say where Kubernetes reads it
    so; what the pod says wrong counts though every container says otherwise. Pods for Windows (`os.name`) are spared
    what Windows has not. Templates, patches of kustomizations and custom resources that make pods are named and
    leave it unproven. What an admission policy of the cluster adds or refuses is not seen.

    ## How to mend it
        securityContext:            # of the pod
          runAsNonRoot: true
          seccompProfile: {type: RuntimeDefault}
        securityContext:            # of each container
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}

    Give it an `emptyDir` where it must write, and label the namespace
    `pod-security.kubernetes.io/enforce: restricted`, so that the cluster refuses what slips through.

    ## References
    AML.M0032 (ATLAS 5.6.0); CWE-250; CIS Kubernetes Benchmark 5.2; NIST SP 800-190; EU AI Act Art. 15(5).
    """
    objects = read_objects(ctx.root, workloads.files)
    count = 0
    for reason in objects.unread:
        yield _not_analysed(workloads, reason)
    for one in objects.found:
        if one.kind in PODS:
            count += 1
            yield from _of_workload(one, workloads)
        elif _makes_pods(one):
            yield _not_analysed(
                workloads, f"{one.place()}: {shown(one.kind, 40)} {one.name} makes pods by a controller of its own"
            )
    if not count and not objects.unread:
        yield runtime_hardened.unknown(
            workloads, "no workload was found in the manifests", mend="name them in deployment.manifests"
        )


def _not_analysed(subject: Workloads, reason: str) -> Finding:
    mend = "render or mend it, so that it can be looked at"
    return runtime_hardened.unknown(subject, f"not analysed: {reason}", rule="unread", key=reason, mend=mend)


def _makes_pods(one: KubernetesObject) -> bool:
    if one.group.endswith(_JUDGES):
        return False
    return any(isinstance(part, dict) and not _MAKES_PODS.isdisjoint(part) for part in inside(one.at("spec")))


def _of_workload(one: KubernetesObject, subject: Workloads) -> Iterator[Finding]:
    steps = ("spec", *PODS[one.kind], "spec") if PODS[one.kind] else ("spec",)
    pod = one.at(*steps)
    name = f"{one.kind} {one.namespace or 'default'}/{one.name}"
    whole = list(of_pod(pod, one.at(*steps[:-1], "metadata", "annotations")))
    if whole:
        yield _soft(subject, name, name, one, (), whole)
    hard, soft = 0, bool(whole)
    for part in CONTAINERS:
        listed = below(pod, part)
        for index, container in enumerate(listed if isinstance(listed, list) else ()):
            own: Mapping[str, Any] = container if isinstance(container, Mapping) else {}
            found = list(of_container(own, pod, part))
            hard += not found
            soft = soft or bool(found)
            if found:
                called = shown(str(own.get("name", index)), 60)
                yield _soft(subject, f"{called} of {name}", f"{name}#{called}", one, (*steps, part, index), found)
    if not hard and not soft:
        yield _not_analysed(subject, f"{one.place()}: {name} has no containers")
    elif hard and not whole:
        message = f"{hard} containers of {name} are hardened"
        yield runtime_hardened.passed(subject, message, rule="hardened", key=name, place=one.place())


def _soft(
    subject: Workloads,
    name: str,
    key: str,
    one: KubernetesObject,
    steps: tuple[str | int, ...],
    found: list[Soft],
) -> Finding:
    return runtime_hardened.failed(
        subject,
        f"{name} {', '.join(soft.told for soft in found)}",
        rule="container" if steps else "pod",
        key=key,
        place=one.place(*steps),
        severity=worst(found),
        mend="set " + "; ".join(soft.mend for soft in found) if steps else "; ".join(soft.mend for soft in found),
    )
