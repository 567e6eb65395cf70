"""What the checks of the infrastructure say of Kubernetes manifests: rights, and where connections may lead."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safecase.checks import Context
from safecase.measures.infrastructure.checks.egress_listed import egress_listed
from safecase.measures.infrastructure.checks.rights_minimal import rights_minimal
from safecase.measures.infrastructure.checks.runtime_hardened import runtime_hardened
from safecase.measures.infrastructure.checks.segmented import segmented
from safecase.service.read import read
from safecase.service.subjects import Workloads
from tests.measures.looking import looked, rules, written

API = "apiVersion: rbac.authorization.k8s.io/v1\n"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: bot, namespace: support, labels: {app: bot}}
spec: {containers: [{name: bot, image: "bot:1"}]%s}
"""
ADMISSION = "admissionregistration.k8s.io"
ROLE = API + "kind: %s\nmetadata: {name: bot%s}\nrules: [%s]\n"
BINDING = API + (
    "kind: %s\nmetadata: {name: bot%s}\nroleRef: {kind: %s, name: %s}\nsubjects: [{kind: %s, name: '%s'%s}]\n"
)


def role(rule: str, kind: str = "Role") -> str:
    return ROLE % (kind, ", namespace: support" if kind == "Role" else "", rule)


def binding(role_kind: str = "Role", name: str = "bot", holder: str = "ServiceAccount", who: str = "bot") -> str:
    return BINDING % ("RoleBinding", ", namespace: support", role_kind, name, holder, who, "")


def everywhere(name: str = "bot", holder: str = "ServiceAccount", who: str = "bot") -> str:
    return BINDING % ("ClusterRoleBinding", "", "ClusterRole", name, holder, who, ", namespace: support")


def joined(*documents: str) -> dict[str, str | bytes]:
    return {"deploy/all.yaml": "---\n".join(documents)}


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ('{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}', ["wildcard"]),
        ('{apiGroups: [apps], resources: [deployments], verbs: ["*"]}', ["wildcard"]),
        ('{apiGroups: [""], resources: ["pods/*"], verbs: [get]}', ["wildcard"]),
        ('{nonResourceURLs: ["*"], verbs: [get]}', ["wildcard"]),
        ('{apiGroups: [""], resources: [secrets], verbs: [list]}', ["secrets"]),
        ('{apiGroups: [""], resources: [secrets], resourceNames: [a], verbs: [get]}', []),
        ('{apiGroups: [""], resources: [secrets], verbs: [create]}', []),
        ('{apiGroups: [""], resources: [pods/exec], verbs: [create]}', ["exec"]),
        ('{apiGroups: [""], resources: [pods], verbs: [get, list, create, delete]}', []),
        ("{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [bind]}", ["escalate"]),
        ("{apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [create]}", ["rights"]),
        ('{apiGroups: [""], resources: [users], verbs: [impersonate]}', ["impersonate"]),
        ('{apiGroups: [""], resources: [users], resourceNames: [a], verbs: [impersonate]}', []),
        ('{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}', ["token"]),
        ("{apiGroups: [authentication.k8s.io], resources: [userextras/scopes], verbs: [impersonate]}", ["impersonate"]),
        ("{apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve]}", ["certificates"]),
        ('{nonResourceURLs: ["/*"], verbs: [get]}', ["wildcard"]),
        ('{nonResourceURLs: ["/**"], verbs: [get]}', ["wildcard"]),
        ('{nonResourceURLs: ["/healthz/*", /metrics], verbs: [get]}', []),
        ('{apiGroups: [""], resources: [secrets], resourceNames: [""], verbs: [list]}', ["secrets"]),
        (f"{{apiGroups: [{ADMISSION}], resources: [validatingwebhookconfigurations], verbs: [delete]}}", ["admission"]),
        (f"{{apiGroups: [{ADMISSION}], resources: [validatingadmissionpolicies], verbs: [patch]}}", ["admission"]),
        (f"{{apiGroups: [{ADMISSION}], resources: [mutatingadmissionpolicybindings], verbs: [create]}}", ["admission"]),
        (f"{{apiGroups: [{ADMISSION}], resources: [validatingadmissionpolicies], verbs: [get, list, watch]}}", []),
        ('{apiGroups: [""], resources: [namespaces], verbs: [patch]}', ["namespaces"]),
        ('{apiGroups: [""], resources: [namespaces], resourceNames: [support], verbs: [update]}', ["namespaces"]),
        ('{apiGroups: [""], resources: [namespaces], verbs: [get, list, create, delete]}', []),
        ("{apiGroups: [tenancy.shop.eu], resources: [namespaces], verbs: [patch]}", []),
        ('{apiGroups: [""], resources: [persistentvolumes], verbs: [create]}', ["volumes"]),
        ('{apiGroups: [""], resources: [persistentvolumes], verbs: [get, list]}', []),
        ('{apiGroups: [""], resources: [persistentvolumeclaims], verbs: [create, delete]}', []),
    ],
)
def test_a_right_that_leads_to_others_fails(tmp_path: Path, rule: str, names: list[str]) -> None:
    found = looked(rights_minimal, written(tmp_path, joined(role(rule), binding())))
    assert rules(found) == names
    assert all(f.place and f.place.file == "deploy/all.yaml" and f.place.line for f in found)


def test_reading_all_secrets_is_worse_in_all_namespaces(tmp_path: Path) -> None:
    rule = '{apiGroups: [""], resources: [secrets], verbs: [get]}'
    wide = looked(rights_minimal, written(tmp_path / "a", joined(role(rule, "ClusterRole"), everywhere())))
    narrow = looked(rights_minimal, written(tmp_path / "b", joined(role(rule, "ClusterRole"), binding("ClusterRole"))))
    assert [f.severity for f in wide if f.rule == "secrets"] == ["high"]
    assert [f.severity for f in narrow if f.rule == "secrets"] == ["medium"]


@pytest.mark.parametrize(
    ("holder", "who", "rule"),
    [
        ("Group", "system:authenticated", "anybody"),
        ("Group", "system:unauthenticated", "anybody"),
        ("User", "system:anonymous", "anybody"),
        ("Group", "system:serviceaccounts:support", "anybody"),
        ("Group", "system:masters", "anybody"),
        ("Group", "system:nodes", "anybody"),
        ("ServiceAccount", "default", "default-account"),
        ("User", "system:serviceaccount:support:default", "default-account"),
    ],
)
def test_rights_for_nobody_in_particular_fail(tmp_path: Path, holder: str, who: str, rule: str) -> None:
    files = joined(role('{apiGroups: [""], resources: [pods], verbs: [get]}'), binding(holder=holder, who=who))
    assert rules(looked(rights_minimal, written(tmp_path, files))) == [rule]


@pytest.mark.parametrize(
    ("name", "holder", "who", "wrong"),
    [
        ("view", "Group", "system:authenticated", ["anybody"]),
        ("view", "Group", "system:unauthenticated", ["anybody"]),
        ("system:auth-delegator", "User", "system:anonymous", ["anybody"]),
        ("view", "Group", "support-team", []),
        ("view", "ServiceAccount", "default", []),
        ("system:discovery", "Group", "system:authenticated", []),
        ("system:public-info-viewer", "Group", "system:unauthenticated", []),
    ],
)
def test_a_role_of_the_cluster_is_for_everybody_only_where_the_cluster_gives_it_so(
    tmp_path: Path, name: str, holder: str, who: str, wrong: list[str]
) -> None:
    assert rules(looked(rights_minimal, written(tmp_path, joined(everywhere(name, holder, who))))) == wrong


def test_cluster_admin_fails_whoever_has_it(tmp_path: Path) -> None:
    found = looked(rights_minimal, written(tmp_path, joined(everywhere("cluster-admin"))))
    assert [(f.rule, f.severity) for f in found if f.verdict == "fail"] == [("cluster-admin", "critical")]


def test_the_view_role_passes_and_a_role_that_lies_elsewhere_is_unknown(tmp_path: Path) -> None:
    assert [
        f.verdict for f in looked(rights_minimal, written(tmp_path / "a", joined(binding("ClusterRole", "view"))))
    ] == ["pass"]
    found = looked(rights_minimal, written(tmp_path / "b", joined(binding("ClusterRole", "other"))))
    assert rules(found, "unknown") == ["role-elsewhere"]


def test_without_any_role_nothing_is_given_unless_a_workload_has_an_account_of_its_own(tmp_path: Path) -> None:
    assert [f.verdict for f in looked(rights_minimal, written(tmp_path / "a", joined(POD % "")))] == ["pass"]
    found = looked(rights_minimal, written(tmp_path / "b", joined(POD % ", serviceAccountName: bot")))
    assert rules(found, "unknown") == ["account-elsewhere"]


def test_roles_of_another_kind_of_cluster_are_unknown(tmp_path: Path) -> None:
    other = role("{}").replace("rbac.authorization.k8s.io", "authorization.openshift.io")
    assert [f.verdict for f in looked(rights_minimal, written(tmp_path, joined(other)))] == ["unknown"]


def test_roles_put_together_by_labels_and_templates_are_unknown(tmp_path: Path) -> None:
    aggregated = API + "kind: ClusterRole\nmetadata: {name: sum}\naggregationRule: {clusterRoleSelectors: [{}]}\n"
    template = API + 'kind: Role\nmetadata: {name: "{{ .Release.Name }}"}\nrules: []\n'
    found = looked(rights_minimal, written(tmp_path, joined(aggregated, template)))
    assert "aggregated" in rules(found, "unknown")
    assert any("helm template" in f.message for f in found)
    assert not [f for f in found if f.verdict == "fail"]


@pytest.mark.parametrize(
    "content",
    [
        API + "kind: Role\nrules: 7\n",
        API + "kind: Role\nmetadata: []\nrules: [1, {verbs: x}, {verbs: [{}], resources: null}]\n",
        API + "kind: RoleBinding\nsubjects: {a: b}\nroleRef: [x]\n",
        API + "kind: [Role]\n",
        API + "kind: Role\nrules: &a [*a]\n",
        API + "kind: Role\nrules: " + "[" * 200 + "]" * 200 + "\n",
        "kind: List\napiVersion: v1\nitems: [{kind: RoleBinding, apiVersion: rbac.authorization.k8s.io/v1}]\n",
    ],
)
def test_manifests_of_any_shape_are_answered_without_a_crash(tmp_path: Path, content: str) -> None:
    folder = written(tmp_path, {"a.yaml": content})
    assert looked(rights_minimal, folder)
    assert looked(egress_listed, folder)


# Where connections lead

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: support}
spec: {podSelector: {}, policyTypes: [Egress], egress: [%s]}
"""
STORE = """\
apiVersion: v1
kind: Pod
metadata: {name: vectors, namespace: data, labels: {app: vectors}}
spec: {containers: [{name: v, image: "v:1"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: data}
spec: {podSelector: {}, policyTypes: [Egress]}
"""
DATA = (
    "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}, "
    "podSelector: {matchLabels: {app: vectors}}}]}"
)


BUT = "{matchExpressions: [{key: tier, operator: NotIn, values: [x]}, {key: zz, operator: DoesNotExist}]}"
BOTH = "{matchLabels: {app: vectors}, matchExpressions: [{key: zz, operator: DoesNotExist}]}"
ANY_OF = "{matchExpressions: [{key: app, operator: In, values: [vectors]}]}"
NAMED = "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}"
OTHERS = "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [data, elsewhere]}]}"


@pytest.mark.parametrize(
    ("rule", "listed", "names"),
    [
        ("", "", []),
        ("{}", "", ["everywhere"]),
        ("{to: []}", "", ["everywhere"]),
        ("{ports: [{port: 443}]}", "", ["everywhere"]),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}", "0.0.0.0/0", ["everywhere", "metadata"]),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/1}}]}", "0.0.0.0/1", ["everywhere", "metadata"]),
        ('{to: [{ipBlock: {cidr: "::/0"}}]}', "", ["everywhere", "metadata"]),
        ("{to: [{ipBlock: {cidr: 203.0.113.7/32}}]}", "203.0.113.0/24", []),
        ("{to: [{ipBlock: {cidr: 203.0.113.7/32}}]}", "", ["unlisted"]),
        ("{to: [{ipBlock: {cidr: 203.0.113.7/32}}]}", "api.cloudy.example", ["unlisted"]),
        ("{to: [{ipBlock: {cidr: 169.254.0.0/16}}]}", "169.254.0.0/16", ["metadata"]),
        (
            "{to: [{ipBlock: {cidr: 169.254.0.0/16, except: [169.254.169.254/32, 169.254.170.2/32]}}]}",
            "169.254.0.0/16",
            [],
        ),
        ("{to: [{ipBlock: {cidr: 169.254.169.254/32}}]}", "169.254.169.254/32", []),
        ("{to: [{ipBlock: {cidr: nowhere}}]}", "", ["no-block"]),
        ("{to: [{namespaceSelector: {}}]}", "", ["everywhere"]),
        (DATA, "", []),
        (DATA.replace("app: vectors", "app: other"), "", ["unlisted"]),
        (DATA.replace("app: vectors", "app: other"), "data/other", []),
        (DATA.replace("{app: vectors}", "{}"), "", ["unlisted"]),
        (DATA.replace("{app: vectors}", "{}"), "'data/*'", []),
        ("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: vectors}}}]}", "", []),
        ("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: other}}}]}", "", ["unlisted"]),
        ("{to: [{namespaceSelector: {matchLabels: {team: b}}}]}", "", ["unlisted"]),
        # Who only leaves some out selects the rest of the world.
        (f"{{to: [{{namespaceSelector: {{}}, podSelector: {BUT}}}]}}", "", ["everywhere"]),
        (f"{{to: [{{namespaceSelector: {BUT}, podSelector: {BUT}}}]}}", "", ["everywhere"]),
        (f"{{to: [{{namespaceSelector: {BUT}}}]}}", "", ["everywhere"]),
        (f"{{to: [{{namespaceSelector: {NAMED}}}]}}", "", ["everywhere"]),
        (DATA.replace("{matchLabels: {app: vectors}}", BUT), "", ["unlisted"]),
        (DATA.replace("{matchLabels: {app: vectors}}", BUT), "'data/*'", []),
        (DATA.replace("{matchLabels: {app: vectors}}", BOTH), "", []),
        (f"{{to: [{{namespaceSelector: {BUT}, podSelector: {BOTH}}}]}}", "", []),
        (f"{{to: [{{podSelector: {BUT}}}]}}", "", ["unlisted"]),
        (f"{{to: [{{podSelector: {BUT}}}]}}", "'support/*'", []),
        (f"{{to: [{{podSelector: {ANY_OF}, namespaceSelector: {OTHERS}}}]}}", "", ["unlisted"]),
        (f"{{to: [{{podSelector: {ANY_OF}, namespaceSelector: {OTHERS}}}]}}", "'elsewhere/*'", []),
        ("{to: [{podSelector: {}}], ports: [{port: 53, protocol: UDP}]}", "", []),
        ("{to: [{podSelector: {}}], ports: [{port: 53}, {port: 443}]}", "", ["unlisted"]),
        (
            "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
            "podSelector: {matchLabels: {k8s-app: kube-dns}}}]}",
            "kube-system/kube-dns",
            [],
        ),
    ],
)
def test_each_egress_rule_is_followed_to_where_it_leads(
    tmp_path: Path, rule: str, listed: str, names: list[str]
) -> None:
    files = joined(POD % "", STORE, POLICY % rule)
    found = looked(egress_listed, written(tmp_path, files, f"infrastructure: {{egress: [{listed}]}}\n"))
    assert rules(found) == names
    assert not [f for f in found if f.verdict == "unknown"]
    assert ("support/bot" in str([f.message for f in found if f.verdict == "pass"])) == (not names)


def test_a_workload_without_a_policy_or_on_the_hosts_network_fails(tmp_path: Path) -> None:
    assert rules(looked(egress_listed, written(tmp_path / "a", joined(POD % "")))) == ["unbound"]
    files = joined(POD % ", hostNetwork: true", POLICY % "")
    assert rules(looked(egress_listed, written(tmp_path / "b", files))) == ["host-network"]


def test_policies_of_plug_ins_leave_it_unproven(tmp_path: Path) -> None:
    cilium = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec: {}\n"
    found = looked(egress_listed, written(tmp_path, joined(POD % "", POLICY % "", cilium)))
    assert "unknown" in {f.verdict for f in found}


def test_manifests_in_json_and_kustomizations_without_a_kind_count_for_every_check(tmp_path: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bot"}, "spec": {"containers": [{"name": "bot"}]}}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "all"}}
    rule = {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}
    files: dict[str, str | bytes] = {
        "bot.json": json.dumps(pod),
        "all.json": json.dumps({**role, "rules": [rule]}, indent=2),
    }
    folder = written(tmp_path / "a", files)
    assert rules(looked(segmented, folder)) == ["unbound"]
    assert rules(looked(egress_listed, folder)) == ["unbound"]
    assert rules(looked(rights_minimal, folder)) == ["wildcard"]
    changed = written(tmp_path / "b", {**joined(POD % ""), "kustomization.yaml": "patches: [{path: a.yaml}]\n"})
    unchanged = written(tmp_path / "c", {**joined(POD % ""), "kustomization.yaml": "resources: [deploy/all.yaml]\n"})
    for one in (segmented, egress_listed, rights_minimal):
        assert "kustomization.yaml" in str([f.message for f in looked(one, changed) if f.verdict == "unknown"])
        assert "unknown" not in {f.verdict for f in looked(one, unchanged)}


WORDS = [
    "spec", "metadata", "name", "namespace", "template", "containers", "securityContext", "rules", "verbs", "resources",
    "apiGroups", "resourceNames", "subjects", "roleRef", "kind", "egress", "to", "ports", "port", "ipBlock", "cidr",
    "except", "podSelector", "namespaceSelector", "matchLabels", "matchExpressions", "policyTypes", "volumes",
    "serviceAccountName", "capabilities", "drop", "items", "limits", "labels", "aggregationRule", "sysctls",
]  # fmt: skip
TEXTS = st.sampled_from(["*", "Egress", "secrets", "10.0.0.0/8", "a"])
KINDS = ["Role", "ClusterRole", "RoleBinding", "Pod", "Deployment", "NetworkPolicy", "Namespace", "List"]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(
        ["Role", "ClusterRole", "RoleBinding", "Pod", "Deployment", "NetworkPolicy", "Namespace", "List"]
    ),
    body=st.dictionaries(
        st.sampled_from(WORDS),
        st.recursive(
            st.none() | st.booleans() | st.integers(-1, 99) | TEXTS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
            max_leaves=20,
        ),
        max_size=5,
    ),
)
def test_objects_of_any_shape_are_answered_without_a_crash(
    tmp_path_factory: pytest.TempPathFactory, kind: str, body: dict[str, object]
) -> None:
    group = (
        "networking.k8s.io/v1" if kind == "NetworkPolicy" else "rbac.authorization.k8s.io/v1" if "R" in kind else "v1"
    )
    one = json.dumps({**body, "kind": kind, "apiVersion": group})
    folder = written(tmp_path_factory.mktemp("k8s"), {"a.yaml": "---\n".join([one + "\n", POD % "", POLICY % ""])})
    workloads = Workloads(files=("a.yaml",))
    manifest = read(folder / "safecase.yaml").manifest
    for check in (rights_minimal, egress_listed, runtime_hardened):
        context = Context(root=folder, manifest=manifest, now=datetime.now(UTC), seconds=9)
        assert list(check.run(workloads, context))


def test_many_rules_are_followed_in_little_time(tmp_path: Path) -> None:
    many = ", ".join(f"{{to: [{{ipBlock: {{cidr: 10.{n // 250}.{n % 250}.0/24}}}}]}}" for n in range(3000))
    folder = written(tmp_path, joined(POD % "", POLICY % many), "infrastructure: {egress: [10.0.0.0/8]}\n")
    started = time.monotonic()
    assert not rules(looked(egress_listed, folder))
    assert time.monotonic() - started < 5
