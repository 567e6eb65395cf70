"""`k8s.netpol`: every workload is bound by network policies in both directions."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.readers.kubernetes import Cluster, Policy, Workload, read_cluster, selects
from safecase.service.subjects import Workloads
from safecase.vocabulary import Finding

DIRECTIONS = ("Ingress", "Egress")
MOST_NAMED = 5


@check("k8s.netpol", control="IN-06", severity="high")
def segmented(workloads: Workloads, ctx: Context) -> Iterator[Finding]:
    """Every workload is bound by a network policy for what comes in and for what goes out.

    ## Why it matters
    A pod that no NetworkPolicy selects may be reached by every other pod of the cluster and may reach everything,
    the internet and the cloud's metadata service included. A model server rarely asks who is calling, and an agent
    that was talked into something can only send data where the network lets it.

    ## How it is checked
    All manifests are read together. For each workload (Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job,
    CronJob) some policy of its namespace must select its pods for Ingress and some for Egress, and none of them may
    allow everything in that direction (`- {}`, or `0.0.0.0/0`, whole or in parts, without exception and on all ports),
    since what one policy allows no other takes back. A pod on the host's network is bound by no policy. Helm templates,
    kustomizations that change objects, custom resources that make pods (an InferenceService, a Rollout), policies of
    network plug-ins and files that cannot be read are named and leave it unproven.

    What it does not prove: labels and selectors are matched exactly, but which connections are left over is not
    computed, so a policy that allows nearly everything passes. Whether the cluster's network plug-in enforces policies,
    and what else lies in the namespace, is not seen from manifests. An object without a namespace counts as one of
    `default`.

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
    if not cluster.workloads and not cluster.unread:  # else the reasons above say it
        yield segmented.unknown(
            workloads, "no workload was found in the manifests", mend="name them in deployment.manifests"
        )
    for workload in cluster.workloads:
        yield _bound(workload, workloads, cluster)
    # A policy may be there for what could not be read.
    for policy in cluster.policies if not cluster.unread else ():
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
    unbound = [d for d in DIRECTIONS if not any(d in p.directions for p in mine)]
    open_ones = [p for p in mine if p.open_directions]
    if not unbound and not open_ones:
        by = ", ".join(p.name for p in mine[:MOST_NAMED]) + (" and others" if len(mine) > MOST_NAMED else "")
        return segmented.passed(subject, f"{name} is bound in both directions by {by}", key=key, place=workload.place)
    told = [f"is bound by no policy for {' and '.join(unbound)}"] if unbound else []
    told += [f"is open: {p.name} allows all {' and '.join(p.open_directions)}" for p in open_ones[:MOST_NAMED]]
    mend = f"add a default-deny NetworkPolicy in namespace {workload.namespace}, then allow what it needs"
    if open_ones:
        mend = f"name who may connect in {open_ones[0].name} ({open_ones[0].place}) instead of everybody"
    return segmented.failed(
        subject, f"{name} {' and '.join(told)}", rule="unbound", key=key, place=workload.place, mend=mend
    )


def _binds(policy: Policy, workload: Workload) -> bool:
    return policy.namespace == workload.namespace and selects(policy.selector, workload.labels)
