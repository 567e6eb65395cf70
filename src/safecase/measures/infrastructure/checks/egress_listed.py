"""`k8s.egress`: workloads open connections to listed places only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safecase.checks import Context, check
from safecase.measures.infrastructure.destinations import Astray, Listed, astray, neighbours
from safecase.readers.kubernetes import Cluster, Policy, Workload, read_cluster, selects
from safecase.readers.kubernetes_objects import read_objects
from safecase.service.subjects import Workloads
from safecase.vocabulary import Finding

MOST_NAMED = 5


@check("k8s.egress", control="IN-07", severity="high", version=2, reads=("infrastructure.egress",))
def egress_listed(workloads: Workloads, ctx: Context) -> Iterator[Finding]:
    """Every workload may open connections to the listed places only.

    ## Why it matters
    Whoever talks an agent into something, or runs code in a model server, wants to bring data out or to fetch more
    code. Both need an open connection. A pod that reaches the cloud's metadata service can also ask there for the
    machine's own credentials.

    ## How it is checked
    For each workload in the manifests, some NetworkPolicy of its namespace must bind what goes out, and every egress
    rule of every such policy is followed to where it leads. A rule without `to`, a block as wide as 0.0.0.0/0 and a
    selector of all namespaces lead everywhere and fail, and so does one that only leaves some out (NotIn,
    DoesNotExist). A block must lie within a CIDR block of `infrastructure.egress`. Pods that are selected by a label
    must be of a workload in these manifests, which is the service itself, or be listed there as `namespace/name`, by
    the value of a label that selects them; all pods of a namespace as `namespace/*`. Blocks that hold the metadata
    address of a cloud (169.254.169.254 and its like) without excepting it fail, unless that one address is listed.
    Rules for port 53 to pods are looking up names, and need no listing. What cannot be read, and policies of network
    plug-ins, leave it unproven.

    What it does not prove: policies know no host names, so a host that is listed covers no block: list its addresses
    too, or let an egress proxy decide by name and list the proxy. Whether the cluster enforces policies is not seen;
    `egress.probe` tries it.

    ## How to mend it
    Deny all in the namespace, then allow each place by a rule of its own, and list it:

        infrastructure:
          egress: [203.0.113.0/28, search/vectors, 'monitoring/*']

    ## References
    AML.M0030 (ATLAS 5.6.0); AML.T0086; CWE-918; CIS Kubernetes Benchmark 5.3.2; EU AI Act Art. 15(5).
    """
    cluster = read_cluster(ctx.root, workloads.files)
    for reason in cluster.unread:
        yield egress_listed.unknown(
            workloads, f"not analysed: {reason}", key=reason, mend="render or mend it, so that it can be looked at"
        )
    if not cluster.workloads:
        if not cluster.unread:
            yield egress_listed.unknown(
                workloads, "no workload was found in the manifests", mend="name them in deployment.manifests"
            )
        return
    wrong = _wrong(workloads, ctx, cluster)
    for workload in cluster.workloads:
        yield from _of_workload(workload, workloads, cluster, wrong)
    for (namespace, name), found in sorted(wrong.items()):
        if any(p.namespace == namespace and p.name == name and _binds_any(p, cluster) for p in cluster.policies):
            for one in found:
                yield egress_listed.failed(
                    workloads,
                    f"NetworkPolicy {namespace}/{name} {one.told}",
                    rule=one.rule,
                    key=f"{namespace}/{name}#{one.key}",
                    place=one.place,
                    severity=one.severity,
                    mend=one.mend,
                )


def _wrong(subject: Workloads, ctx: Context, cluster: Cluster) -> Mapping[tuple[str, str], tuple[Astray, ...]]:
    """What is wrong with each policy, by its namespace and name."""
    objects = read_objects(ctx.root, subject.files, ("NetworkPolicy", "Namespace")).found
    listed = Listed(ctx.manifest.infrastructure.egress)
    near = neighbours(cluster.workloads, [o for o in objects if o.kind == "Namespace"])
    found: dict[tuple[str, str], tuple[Astray, ...]] = {}
    for policy in objects:
        if policy.kind == "NetworkPolicy":
            key = (policy.namespace or "default", policy.name)
            found[key] = (*found.get(key, ()), *astray(policy, listed, near))
    return found


def _binds(policy: Policy, workload: Workload) -> bool:
    return (
        "Egress" in policy.directions
        and policy.namespace == workload.namespace
        and selects(policy.selector, workload.labels)
    )


def _binds_any(policy: Policy, cluster: Cluster) -> bool:
    return any(_binds(policy, workload) for workload in cluster.workloads)


def _of_workload(
    workload: Workload, subject: Workloads, cluster: Cluster, wrong: Mapping[tuple[str, str], tuple[Astray, ...]]
) -> Iterator[Finding]:
    name = f"{workload.kind} {workload.namespace}/{workload.name}"
    key = f"{workload.namespace}/{workload.kind}/{workload.name}"
    mine = [p for p in cluster.policies if _binds(p, workload)]
    if workload.host_network:
        yield egress_listed.failed(
            subject,
            f"{name} is on the host's network, where no policy binds what goes out",
            rule="host-network",
            key=key,
            place=workload.place,
            mend="take hostNetwork: true out of its pod",
        )
    elif not mine:
        yield egress_listed.failed(
            subject,
            f"{name} may open connections to everywhere: no policy binds what goes out",
            rule="unbound",
            key=key,
            place=workload.place,
            mend=f"add a NetworkPolicy with policyTypes [Egress] in namespace {workload.namespace}",
        )
    elif not any(wrong.get((p.namespace, p.name)) for p in mine):
        by = ", ".join(p.name for p in mine[:MOST_NAMED]) + (" and others" if len(mine) > MOST_NAMED else "")
        message = f"{name} reaches listed places only, by {by}"
        yield egress_listed.passed(subject, message, rule="bound", key=key, place=workload.place)
