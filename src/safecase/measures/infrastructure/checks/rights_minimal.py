"""`rbac.static`: no role of the service gives more than it needs, and nobody unknown is given one."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.infrastructure.rights import FOR_ANYBODY, HARMLESS, MIGHTY, excesses, in_all_namespaces
from safecase.readers.rbac import Binding, Holder, Rights, Role, read_rights
from safecase.readers.text import shown
from safecase.service.subjects import Workloads
from safecase.vocabulary import Finding, Severity

ANYBODY = {
    "system:anonymous": "whoever reaches the cluster",
    "system:unauthenticated": "whoever reaches the cluster",
    "system:authenticated": "everybody with any account",
    "system:serviceaccounts": "every workload of the cluster",
    "system:nodes": "every machine of the cluster, and whoever breaks out of a pod",
    "system:masters": "the group that no rule binds",
}


@check("rbac.static", control="IN-03", severity="high", version=2)
def rights_minimal(workloads: Workloads, ctx: Context) -> Iterator[Finding]:
    """No role of the service has wildcard rights or rights that lead to others, and nobody unknown is given one.

    ## Why it matters
    Whoever takes over a pod has the rights of its service account. With a wildcard, or the right to read secrets, to
    run commands in pods or to hand out roles, a flaw in a model server becomes the loss of every model, data set and
    key in the cluster; an agent that was talked into something needs no flaw at all.

    ## How it is checked
    All Roles, ClusterRoles and their bindings in the manifests are read together. A role fails with `*` among its
    verbs, resources, API groups or URLs; with the right to read all secrets; to escalate, bind or impersonate; to run
    commands in pods or speak to the kubelet; to make tokens or approve certificates; to change roles, bindings,
    admission (webhooks and policies) or namespaces, whose labels hold pods to a standard; to make persistent volumes,
    which may be paths of a node. A binding fails where it gives `cluster-admin`, `admin` or `edit`, where it gives
    anything to everybody (system:anonymous, system:unauthenticated, system:authenticated, system:nodes, all service
    accounts; what each cluster gives them by itself is left out), or to the `default` account, which every pod has
    that names no other. A role that is bound and not in the manifests, one that is put together from others by
    label, templates and files that cannot be read leave it unproven. Where the manifests hold no role and the workloads
    name no account of their own, nothing is given, and that passes.

    What it does not prove: who may start pods may run them as any account of the namespace, which counts as harmless
    here. Rights given by hand or by other repositories, and rights of cloud accounts and stores, are not seen.

    ## How to mend it
    Give each workload a service account of its own, and a Role in its namespace with the verbs, resources and, where
    there are few, `resourceNames` that it needs. Set `automountServiceAccountToken: false` where it never asks the
    cluster for anything.

    ## References
    AML.M0005 and AML.M0026 (ATLAS 5.6.0); CWE-250; CWE-269; CIS Kubernetes Benchmark 5.1; EU AI Act Art. 15(5).
    """
    rights = read_rights(ctx.root, workloads.files)
    for reason in rights.unread:
        yield rights_minimal.unknown(
            workloads, f"not analysed: {reason}", key=reason, mend="render or mend it, so that it can be looked at"
        )
    for role in rights.roles:
        yield from _of_role(role, rights, workloads)
    for binding in rights.bindings:
        yield from _of_binding(binding, rights, workloads)
    if not rights.bindings and not rights.unread:
        yield from _nothing_given(rights, workloads)


def _of_role(role: Role, rights: Rights, subject: Workloads) -> Iterator[Finding]:
    name = f"{role.kind} {role.namespace}/{role.name}" if role.namespace else f"{role.kind} {role.name}"
    found = list(excesses(role, in_all_namespaces(role, rights)))
    for index, (rule, excess) in enumerate(found):
        before = sum(e.rule == excess.rule for _, e in found[:index])
        yield rights_minimal.failed(
            subject,
            f"{name} {excess.told}",
            rule=excess.rule,
            key=f"{name}#{before}",
            place=rule.place,
            severity=excess.severity,
            mend=excess.mend,
        )
    if role.aggregated:
        yield rights_minimal.unknown(
            subject,
            f"{name} is put together from other roles by their labels, which may lie elsewhere",
            rule="aggregated",
            key=name,
            place=role.place,
            mend="write its rules out",
        )
    elif not found:
        yield rights_minimal.passed(
            subject, f"{name} gives {len(role.rules)} narrow rules", rule="role", key=name, place=role.place
        )


def _of_binding(binding: Binding, rights: Rights, subject: Workloads) -> Iterator[Finding]:
    name = (
        f"{binding.kind} {binding.namespace}/{binding.name}" if binding.namespace else f"{binding.kind} {binding.name}"
    )
    harmless = binding.role_kind == "ClusterRole" and binding.role in HARMLESS
    open_to_all = binding.role_kind == "ClusterRole" and binding.role in FOR_ANYBODY
    strangers = [h for h in binding.holders if not open_to_all and _is_stranger(h, harmless)]
    for holder in strangers:
        yield _stranger(binding, name, holder, subject)
    mighty = _mighty(binding)
    if mighty is not None:
        yield rights_minimal.failed(
            subject,
            f"{name} gives {binding.role} to {_holders(binding)}",
            rule="cluster-admin" if binding.role == "cluster-admin" else "mighty-role",
            key=name,
            place=binding.place,
            severity=mighty,
            mend="bind a Role of its own with what it needs",
        )
    elif not harmless and not _is_here(binding, rights):
        yield rights_minimal.unknown(
            subject,
            f"{name} gives {binding.role_kind} {binding.role or '(no name)'}, which is not in the manifests",
            rule="role-elsewhere",
            key=name,
            place=binding.place,
            mend="put the role beside its binding, or name its file in deployment.manifests",
        )
    elif not strangers:
        yield rights_minimal.passed(
            subject,
            f"{name} gives {binding.role} to {_holders(binding)}",
            rule="binding",
            key=name,
            place=binding.place,
        )


def _mighty(binding: Binding) -> Severity | None:
    if binding.role_kind != "ClusterRole" or binding.role not in MIGHTY | {"cluster-admin"}:
        return None
    if binding.role == "cluster-admin":
        return "high" if binding.namespace else "critical"
    return "medium" if binding.namespace else "high"


def _is_here(binding: Binding, rights: Rights) -> bool:
    space = "" if binding.role_kind == "ClusterRole" else binding.namespace
    return any((r.kind, r.name, r.namespace) == (binding.role_kind, binding.role, space) for r in rights.roles)


def _is_stranger(holder: Holder, harmless: bool) -> bool:
    """Say whether nobody in particular is meant; a harmless role may be the default account's."""
    return bool(_unknown_holder(holder)) and not (harmless and holder.kind == "ServiceAccount")


def _unknown_holder(holder: Holder) -> str:
    """Say who is meant where nobody in particular is; empty for a named holder."""
    if holder.kind in ("Group", "User"):
        if holder.name.startswith("system:serviceaccounts:"):
            return f"every workload of namespace {holder.name.rpartition(':')[2]}"
        return ANYBODY.get(holder.name, "")
    if holder.kind == "ServiceAccount" and holder.name == "default":
        return f"the default account of namespace {holder.namespace}, which every pod has that names no other"
    return ""


def _stranger(binding: Binding, name: str, holder: Holder, subject: Workloads) -> Finding:
    default = holder.kind == "ServiceAccount"
    anybody = holder.name in ("system:anonymous", "system:unauthenticated", "system:masters")
    return rights_minimal.failed(
        subject,
        f"{name} gives {binding.role} to {holder.name}: {_unknown_holder(holder)}",
        rule="default-account" if default else "anybody",
        key=f"{name}#{holder.namespace}/{holder.name}",
        place=holder.place,
        severity="critical" if anybody else "medium" if default else "high",
        mend="make a service account for the one workload that needs it, and name it in its pod"
        if default
        else "name the people, groups or service accounts that need it",
    )


def _holders(binding: Binding) -> str:
    named = ", ".join(shown(h.name, 60) for h in binding.holders[:3])
    more = f" and {len(binding.holders) - 3} more" if len(binding.holders) > 3 else ""
    return named + more or "nobody"


def _nothing_given(rights: Rights, subject: Workloads) -> Iterator[Finding]:
    """Without a binding nobody has a right, unless a workload runs as an account that was given some elsewhere."""
    own = [a for a in rights.accounts if a.name != "default"]
    for account in own:
        yield rights_minimal.unknown(
            subject,
            f"{account.workload} runs as {account.name}, and no manifest says what that account may do",
            rule="account-elsewhere",
            key=account.workload,
            place=account.place,
            mend="put its Role and RoleBinding beside it, or leave serviceAccountName out if it needs no rights",
        )
    if not own and not rights.roles:
        yield rights_minimal.passed(
            subject, f"the manifests give no rights to anybody; {len(rights.accounts)} workloads name no account"
        )
