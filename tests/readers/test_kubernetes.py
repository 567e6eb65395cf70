"""Kubernetes manifests: every kind of workload, selectors, rules that allow everything, and what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.kubernetes import Cluster, is_kubernetes, read_cluster, selects

POD = "metadata: {labels: {app: bot}}, spec: {hostNetwork: true}"
KINDS = {
    "Pod": "metadata: {name: a, labels: {app: bot}}\nspec: {hostNetwork: true}",
    "Deployment": f"metadata: {{name: a}}\nspec: {{template: {{{POD}}}}}",
    "Job": f"metadata: {{name: a}}\nspec: {{template: {{{POD}}}}}",
    "CronJob": f"metadata: {{name: a}}\nspec: {{jobTemplate: {{spec: {{template: {{{POD}}}}}}}}}",
}


def cluster(tmp_path: Path, text: str | bytes) -> Cluster:
    (tmp_path / "k.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_cluster(tmp_path, ["k.yaml"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_pods_of_every_workload_are_found(kind: str, tmp_path: Path) -> None:
    found = cluster(tmp_path, f"apiVersion: v1\nkind: {kind}\n{KINDS[kind]}\n").workloads[0]
    assert (found.labels, found.host_network, found.namespace) == ({"app": "bot"}, True, "default")
    assert (found.place.file, found.place.line) == ("k.yaml", 2)


def test_the_objects_of_a_list_are_found(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n"
    assert cluster(tmp_path, text).workloads[0].place.line == 5


def test_the_objects_of_a_list_in_a_list_are_found(tmp_path: Path) -> None:
    inner = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: deep}}]}"
    found = cluster(tmp_path, f"apiVersion: v1\nkind: List\nitems:\n- {inner}\n")
    assert [w.name for w in found.workloads] == ["deep"]


@pytest.mark.parametrize("said", ["true", "yes", "on"])
def test_the_host_network_is_seen_however_yaml_says_true(said: str, tmp_path: Path) -> None:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{hostNetwork: {said}}}\n"
    assert cluster(tmp_path, text).workloads[0].host_network


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "bot"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["bot"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["bot"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Like"}]}, False),
        ({"matchExpressions": "app"}, False),
    ],
)
def test_selectors_match_as_the_api_says(selector: dict[str, Any], selected: bool) -> None:
    assert selects(selector, {"app": "bot"}) is selected


@pytest.mark.parametrize(
    ("spec", "directions", "open_ones"),
    [
        ("{podSelector: {}}", ("Ingress",), ()),
        ("{podSelector: {}, egress: [{}]}", ("Ingress", "Egress"), ("Egress",)),
        ("{podSelector: {}, policyTypes: [Egress]}", ("Egress",), ()),
        ("{podSelector: {}, ingress: [{}]}", ("Ingress",), ("Ingress",)),
        ("{podSelector: {}, ingress: [{ports: [{port: 80}]}]}", ("Ingress",), ()),
        ("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}", ("Ingress",), ("Ingress",)),
        ("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}", ("Ingress",), ("Ingress",)),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}",
            ("Ingress",),
            (),
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, "
            "{from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]}",
            ("Ingress",),
            ("Ingress",),
        ),
        ("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/0}}]}]}", ("Ingress",), ("Ingress",)),
        ("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}", ("Ingress",), ()),
        ("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: all}}]}]}", ("Ingress",), ()),
        ("{podSelector: {}, ingress: [{ports: [{protocol: TCP}]}]}", ("Ingress",), ("Ingress",)),
        ("{podSelector: {}, ingress: [{ports: [{port: 1, endPort: 65535}]}]}", ("Ingress",), ("Ingress",)),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {}}, podSelector: {}}]}]}",
            ("Ingress",),
            ("Ingress",),
        ),
        ("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", ("Ingress",), ()),
    ],
)
def test_a_policy_binds_what_it_says_and_an_open_rule_is_seen(
    spec: str, directions: tuple[str, ...], open_ones: tuple[str, ...], tmp_path: Path
) -> None:
    text = f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    policy = cluster(tmp_path, text).policies[0]
    assert (policy.directions, policy.open_directions) == (directions, open_ones)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.name }}}\n", "Helm template"),
        ("apiVersion: v1\nkind: [\n", "k.yaml"),
        ("- a\n- b\n", "without a kind"),
        (b"\xff\xfe", "k.yaml"),
        ('apiVersion: v1\nkind: Pod\nmetadata: {name: "{{ x }}"}\n', "is a template"),
        ("apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nspec: {selector: all()}\n", "projectcalico"),
        ("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nspec: {}\n", "cilium.io"),
        ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {app: bot}}\n", "podSelector"),
        ("apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nspec: {predictor: {}}\n", "InferenceService"),
        ("apiVersion: argoproj.io/v1\nkind: Rollout\nspec: {template: {spec: {containers: []}}}\n", "Rollout"),
        ("apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nnamespace: shop\n", "kustomization"),
    ],
)
def test_what_cannot_be_read_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in cluster(tmp_path, text).unread[0]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: ConfigMap\ndata: {text: 'hello {{ name }}'}\n",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: {rules: [{pattern: {spec: {containers: []}}}]}\n",
        "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nresources: [bot.yaml]\n",
        "apiVersion: bitnami.com/v1\nkind: SealedSecret\nspec: {template: {metadata: {name: a}}}\n",
    ],
)
def test_an_object_that_neither_runs_pods_nor_binds_them_is_passed_over(text: str, tmp_path: Path) -> None:
    assert cluster(tmp_path, text) == Cluster(workloads=(), policies=(), unread=())


def test_a_long_text_that_aliases_repeat_is_looked_at_once(tmp_path: Path) -> None:
    aliases = ", ".join("*a" for _ in range(9_000))
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: &a {'x' * 500_000}}}\nspec: {{x: [{aliases}]}}\n"
    assert len(cluster(tmp_path, text).workloads) == 1


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "gone.yaml" in read_cluster(tmp_path, ["gone.yaml"]).unread[0]


def test_kubernetes_is_told_from_other_yaml() -> None:
    assert is_kubernetes(b"apiVersion: v1\nkind: Pod\n")
    assert is_kubernetes(b"\xef\xbb\xbfapiVersion: v1\r\nkind: Pod\r\n")
    assert is_kubernetes(b'{\n  "apiVersion": "v1",\n  "kind": "Pod"}')
    assert not is_kubernetes(b"version: 3\nservices: {}\n")


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "spec", "metadata", "template", "labels", "ingress", "from"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_named(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    assert isinstance(cluster(tmp_path_factory.mktemp("k"), content), Cluster)
    assert is_kubernetes(content) in (True, False)


@given(st.sampled_from([*KINDS, "NetworkPolicy", "List"]), SHAPES)
def test_objects_of_any_shape_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, kind: str, spec: object
) -> None:
    import json

    folder = tmp_path_factory.mktemp("k")
    text = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": spec, "spec": spec, "items": spec})
    assert isinstance(cluster(folder, text), Cluster)
