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
    ],
)
def test_what_cannot_be_read_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in cluster(tmp_path, text).unread[0]


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "gone.yaml" in read_cluster(tmp_path, ["gone.yaml"]).unread[0]


def test_kubernetes_is_told_from_other_yaml() -> None:
    assert is_kubernetes(b"apiVersion: v1\nkind: Pod\n")
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


@given(st.sampled_from([*KINDS, "NetworkPolicy", "List"]), SHAPES)
def test_objects_of_any_shape_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, kind: str, spec: object
) -> None:
    import json

    folder = tmp_path_factory.mktemp("k")
    text = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": spec, "spec": spec, "items": spec})
    assert isinstance(cluster(folder, text), Cluster)
