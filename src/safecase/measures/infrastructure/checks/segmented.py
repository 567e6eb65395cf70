"""`k8s.netpol`: every workload is bound by network policies in both directions."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.readers.kubernetes import Cluster, Policy, Workload, read_cluster, selects
from safecase.readers.text import shown
from safecase.service.subjects import Workloads
from safecase.vocabulary import Finding

DIRECTIONS = ("Ingress", "Egress")


@check("k8s.netpol", control="IN-06", severity="high")
def segmented(workloads: Workloads, ctx: Context) -> Iterator[Finding]:
    """Every workload is bound by a network policy for what comes in and for what goes out.

    ## Why it matters
    A pod that no NetworkPolicy selects may be reached by every other pod of the cluster and may reach everything,
    the internet and the cloud's metadata service included. A model server rarely asks who is calling, and an agent
    that was talked into something can only send data where the network lets it.

    ## How it is checked
    All manifests are read together. For each workload (Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job,
    CronJob) some policy of its namespace must select its pods for Ingress and some for Egress. A policy with a rule
    that allows everything (`- {}`, or `0.0.0.0/0` without exception on all ports) does not count for that direction. A
    pod on the host's network is bound by no policy. Helm templates and files that cannot be read are named and leave
    it unproven. Labels and selectors are matched exactly; which connections are left over is not computed, and
    whether the cluster's network plug-in enforces policies is not seen from manifests.

    ## How to mend it
    Add a policy that denies everything in the namespace, then allow what the service needs:

        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: default-deny, namespace: NAMESPACE}
        spec: {podSelector: {}, policyTypes: [Ingress, Egress]}

    ## References
    ATLAS AML.M0032; NIST SP 800-204A; CIS Kubernetes Benchmark 5.3.2; EU AI Act Art. 15(5).
    """
    cluster = read_cluster(ctx.root, workloads.files)
    for reason in cluster.unread:
        yield segmented.unknown(
            workloads, f"not analysed: {reason}", key=reason, mend="render or mend it, so that it can be looked at"
        )
    if not cluster.workloads and not cluster.unread:
        yield segmented.unknown(
            workloads, "no workload was found in the manifests", mend="name them in deployment.manifests"
        )
    for workload in cluster.workloads:
        yield _bound(workload, workloads, cluster)
    for policy in cluster.policies:
        if not any(_binds(policy, w) for w in cluster.workloads):
            yield segmented.failed(
                workloads,
                f"NetworkPolicy {policy.namespace}/{policy.name} selects nothing",
                rule="selects-nothing",
                key=f"{policy.namespace}/{policy.name}",
                place=policy.place,
                severity="low",
                mend="correct its podSelector and namespace, or remove it",
            )


def _bound(workload: Workload, subject: Workloads, cluster: Cluster) -> Finding:
    name = f"{workload.kind} {workload.namespace}/{workload.name}"
    key = f"{workload.namespace}/{workload.kind}/{workload.name}"
    if workload.host_network:
        return segmented.failed(
            subject,
            f"{name} is on the host's network, where no policy binds it",
            rule="host-network",
            key=key,
            place=workload.place,
            mend="take hostNetwork: true out of its pod",
        )
    mine = [p for p in cluster.policies if _binds(p, workload)]
    missing = [d for d in DIRECTIONS if not any(d in p.directions and d not in p.open_directions for p in mine)]
    if not missing:
        by = ", ".join(shown(p.name) for p in mine)
        return segmented.passed(subject, f"{name} is bound in both directions by {by}", key=key, place=workload.place)
    open_ones = [p.name for p in mine if set(p.open_directions) & set(missing)]
    allowed = f" ({', '.join(open_ones)} allows everything)" if open_ones else ""
    return segmented.failed(
        subject,
        f"{name} is bound by no policy for {' and '.join(missing)}{allowed}",
        rule="unbound",
        key=key,
        place=workload.place,
        mend=f"add a default-deny NetworkPolicy in namespace {workload.namespace}, then allow what it needs",
    )


def _binds(policy: Policy, workload: Workload) -> bool:
    return policy.namespace == workload.namespace and selects(policy.selector, workload.labels)
