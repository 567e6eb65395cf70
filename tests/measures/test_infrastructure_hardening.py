"""What `k8s.pss` says of pods: each setting that hardens one, left out or turned round."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safecase.measures.infrastructure.checks.runtime_hardened import runtime_hardened
from tests.measures.looking import looked, rules, written

HARD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "bot",
            "resources": {"limits": {"memory": "1Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


def pod(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, str | bytes]:
    spec = copy.deepcopy(HARD)
    change(spec, spec["containers"][0])
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bot"}, "spec": spec}
    return {"pod.yaml": json.dumps(manifest, indent=1)}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _, c: None, ""),
        (lambda p, _: p["securityContext"].pop("runAsNonRoot"), "may run as root"),
        (lambda _, c: c["securityContext"].update(runAsNonRoot=False), "may run as root"),
        (lambda _, c: c["securityContext"].update(runAsUser=0), "runs as root"),
        (lambda p, _: p["securityContext"].pop("seccompProfile"), "any system call"),
        (lambda _, c: c["securityContext"].update(seccompProfile={"type": "Unconfined"}), "any system call"),
        (lambda _, c: c["securityContext"].pop("allowPrivilegeEscalation"), "gain rights"),
        (lambda _, c: c["securityContext"].pop("readOnlyRootFilesystem"), "root file system"),
        (lambda _, c: c["securityContext"].update(capabilities={"drop": ["NET_RAW"]}), "keeps capabilities"),
        (lambda _, c: c["securityContext"]["capabilities"].update(add=["CAP_SYS_ADMIN"]), "SYS_ADMIN"),
        (lambda _, c: c["securityContext"]["capabilities"].update(add=["NET_BIND_SERVICE"]), ""),
        (lambda _, c: c["securityContext"].update(privileged="yes"), "privileged"),
        (lambda _, c: c["securityContext"].update(procMount="Unmasked"), "/proc"),
        (lambda _, c: c.update(ports=[{"containerPort": 1, "hostPort": 1}]), "port of its host"),
        (lambda _, c: c.update(ports=[{"containerPort": 1}]), ""),
        (lambda _, c: c.pop("resources"), "limit of memory"),
        (lambda p, _: p.update(hostPID=True), "processes of its host"),
        (lambda p, _: p.update(volumes=[{"name": "a", "hostPath": {"path": "/"}}]), "mounts / of its host"),
        (lambda p, _: p.update(volumes=[{"name": "a", "nfs": {}}]), "mounts nfs"),
        (lambda p, _: p.update(volumes=[{"name": "a", "emptyDir": {}}]), ""),
        (lambda p, _: p["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}]), "kernel.msgmax"),
        (lambda p, c: p.update(initContainers=[{"name": "init"}]), "init of Pod"),
        # What hosts, AppArmor and SELinux have to do with it
        (lambda p, _: p["securityContext"].update(windowsOptions={"hostProcess": True}), "process of its Windows host"),
        (lambda _, c: c["securityContext"].update(windowsOptions={"hostProcess": "yes"}), "process of its Windows"),
        (lambda _, c: c["securityContext"].update(windowsOptions={"hostProcess": False, "runAsUserName": "a"}), ""),
        (lambda p, _: p["securityContext"].update(appArmorProfile={"type": "Unconfined"}), "no AppArmor profile"),
        (lambda _, c: c["securityContext"].update(appArmorProfile={"type": "Unconfined"}), "no AppArmor profile"),
        (lambda _, c: c["securityContext"].update(appArmorProfile={"type": "RuntimeDefault"}), ""),
        (lambda _, c: c["securityContext"].update(appArmorProfile={"type": "Localhost", "localhostProfile": "a"}), ""),
        (lambda p, _: p["securityContext"].update(seLinuxOptions={"type": "spc_t"}), "SELinux type spc_t"),
        (lambda _, c: c["securityContext"].update(seLinuxOptions={"type": "spc_t"}), "SELinux type spc_t"),
        (lambda _, c: c["securityContext"].update(seLinuxOptions={"user": "root_u"}), "SELinux user root_u"),
        (lambda p, _: p["securityContext"].update(seLinuxOptions={"role": "sysadm_r"}), "SELinux role sysadm_r"),
        (lambda p, _: p["securityContext"].update(seLinuxOptions={"type": "container_t", "level": "s0:c1,c2"}), ""),
        (lambda _, c: c["securityContext"].update(seLinuxOptions={"type": "container_engine_t", "user": ""}), ""),
        (lambda _, c: c["securityContext"].update(procMount="Default"), ""),
        # What the pod says wrong counts, whatever its containers say
        (lambda p, c: (p["securityContext"].update(runAsUser=0), c["securityContext"].update(runAsUser=7)), "as root"),
        (
            lambda p, c: (p["securityContext"].update(runAsNonRoot=False), c["securityContext"].update(runAsNonRoot=1)),
            "may run as root",
        ),
        (
            lambda p, c: (
                p["securityContext"].update(seccompProfile={"type": "Unconfined"}),
                c["securityContext"].update(seccompProfile={"type": "RuntimeDefault"}),
            ),
            "any system call",
        ),
        (lambda p, c: c["securityContext"].update(p.pop("securityContext")), ""),
        (lambda _, c: c["securityContext"].update(runAsUser="0x0"), "runs as root"),
        (lambda _, c: c["securityContext"].update(runAsUser=10001), ""),
        (lambda _, c: c["securityContext"].update(capabilities={"drop": ["CAP_ALL"]}), "keeps capabilities"),
        (lambda _, c: c["securityContext"].update(capabilities={"drop": ["all"]}), ""),
        (lambda p, _: p["securityContext"].update(sysctls=[{"name": "net.ipv4.tcp_rmem"}]), ""),
        (lambda p, _: p.update(volumes=[{"name": "a", "gitRepo": {"repository": "a"}}]), "mounts gitRepo"),
        (lambda p, _: p.update(volumes=[{"name": "a", "csi": {"driver": "a"}, "nfs": None}]), ""),
        (lambda _, c: c.update(ports=[{"containerPort": 1, "hostPort": 0}]), ""),
        (lambda _, c: c.update(livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 1}}), "ask 10.0.0.1"),
        (lambda _, c: c.update(lifecycle={"preStop": {"tcpSocket": {"host": "db", "port": 1}}}), "ask db"),
        (lambda _, c: c.update(readinessProbe={"httpGet": {"path": "/healthz", "port": 1}}), ""),
        (lambda p, _: p.update(ephemeralContainers=[{"name": "debug"}]), "debug of Pod"),
        (lambda p, c: p.update(ephemeralContainers=[{"name": "d", "securityContext": c["securityContext"]}]), ""),
        (lambda _, c: c.update(resources={"limits": {"memory": "0"}}), "limit of memory"),
        (lambda p, c: p.update(resources=c.pop("resources")), ""),
    ],
)
def test_each_setting_counts(tmp_path: Path, change: Any, told: str) -> None:
    found = looked(runtime_hardened, written(tmp_path, pod(change)))
    failed = [f for f in found if f.verdict == "fail"]
    assert bool(failed) == bool(told)
    assert not told or told in failed[0].message
    assert all(f.place and f.place.line and f.mend for f in failed)
    assert failed or [f.verdict for f in found] == ["pass"]


CONTEXT: dict[str, Any] = {"runAsNonRoot": True}


def test_a_pod_for_windows_is_spared_what_windows_has_not(tmp_path: Path) -> None:
    def windows(spec: dict[str, Any], container: dict[str, Any]) -> None:
        spec.update(os={"name": "windows"}, securityContext=CONTEXT)
        del container["securityContext"]

    found = looked(runtime_hardened, written(tmp_path / "a", pod(windows)))
    assert [f.verdict for f in found] == ["pass"]

    def of_its_host(spec: dict[str, Any], container: dict[str, Any]) -> None:
        windows(spec, container)
        spec["securityContext"] = {**CONTEXT, "windowsOptions": {"hostProcess": True}}

    found = looked(runtime_hardened, written(tmp_path / "b", pod(of_its_host)))
    assert [(f.rule, f.severity) for f in found if f.verdict == "fail"] == [("pod", "critical")]


@pytest.mark.parametrize(
    ("profile", "wrong"),
    [("unconfined", ["pod"]), ("other/x", ["pod"]), ("runtime/default", []), ("localhost/mine", []), ("", [])],
)
@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_apparmor_said_by_an_annotation_counts(tmp_path: Path, kind: str, profile: str, wrong: list[str]) -> None:
    noted = {"name": "bot", "annotations": {"container.apparmor.security.beta.kubernetes.io/bot": profile}}
    template = {"metadata": noted, "spec": HARD}
    deployment = {"kind": kind, "apiVersion": "apps/v1", "metadata": {"name": "bot"}, "spec": {"template": template}}
    manifest = {"apiVersion": "v1", "kind": kind, **template} if kind == "Pod" else deployment
    found = looked(runtime_hardened, written(tmp_path, {"pod.yaml": json.dumps(manifest)}))
    assert rules(found) == wrong
    assert [f.verdict for f in found if not wrong] == ([] if wrong else ["pass"])


def test_what_a_pod_says_wrong_is_told_once(tmp_path: Path) -> None:
    def wrong(spec: dict[str, Any], _: dict[str, Any]) -> None:
        spec["securityContext"] = {"runAsNonRoot": False, "seccompProfile": {"type": "Unconfined"}}

    found = looked(runtime_hardened, written(tmp_path, pod(wrong)))
    assert rules(found) == ["pod"]


SOFT = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "soft"}, "spec": {"containers": [{"name": "soft"}]}}


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (json.dumps(SOFT), "fail"),
        (json.dumps(SOFT, indent="\t"), "fail"),
        (json.dumps({"kind": "List", "apiVersion": "v1", "items": [SOFT]}, indent=2), "fail"),
        (json.dumps(SOFT).replace("kind", "k\\u0069nd"), "fail"),
        (json.dumps(SOFT) + json.dumps(SOFT), "unknown"),
        (json.dumps(SOFT)[:-3], "unknown"),
        (json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}), "pass"),
        (json.dumps({"template": [SOFT], "apiVersion": "2020-01-01"}), "pass"),
        (json.dumps({"text": json.dumps(SOFT)}), "pass"),
        ('{"apiVersion": "kind' + "[" * 50_000, "pass"),
        ("[" * 50_000 + "apiVersion", "pass"),
    ],
)
@pytest.mark.parametrize("manifest", ["", "deployment: {manifests: [deploy/other.json]}\n"])
def test_manifests_in_json_are_looked_at(tmp_path: Path, content: str, verdict: str, manifest: str) -> None:
    files = {**pod(lambda *_: None), "deploy/other.json": content}
    found = looked(runtime_hardened, written(tmp_path, files, manifest))
    assert {f.verdict for f in found} == {"pass", verdict}


def test_a_file_that_the_manifest_names_is_looked_at_whatever_it_is_called(tmp_path: Path) -> None:
    files = {**pod(lambda *_: None), "deploy/bot.manifest": json.dumps(SOFT, indent=1).replace('"', "")}
    files["deploy/bot.manifest"] = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n"
    named = looked(runtime_hardened, written(tmp_path / "a", files, "deployment: {manifests: [deploy]}\n"))
    assert rules(named) == ["container"]
    assert not rules(looked(runtime_hardened, written(tmp_path / "b", files)))


KIND = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: %s\n"


@pytest.mark.parametrize(
    ("name", "content", "analysed"),
    [
        ("kustomization.yaml", "resources: [pod.yaml]\npatches: [{path: p.yaml}]\n", False),
        ("deploy/kustomization.yml", "patchesStrategicMerge: [p.yaml]\n", False),
        ("deploy/Kustomization", "patchesJson6902: [{path: p.yaml}]\n", False),
        ("kustomization.yaml", KIND % "Kustomization" + "helmCharts: [{name: a}]\n", False),
        ("parts/kustomization.yaml", KIND % "Component" + "patches: [{path: p.yaml}]\n", False),
        ("kustomization.yaml", "resources: [pod.yaml\n", False),
        ("kustomization.yaml", "resources: [pod.yaml]\nimages: [{name: bot, newTag: '2'}]\n", True),
        ("kustomization.yaml", "resources: [pod.yaml]\npatches: []\n", True),
        ("catalog.yaml", "patches: [{path: p.yaml}]\n", True),
        (
            "catalog.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\npatches: [1]\n",
            True,
        ),
    ],
)
def test_a_kustomization_that_changes_others_is_named_with_or_without_a_kind(
    tmp_path: Path, name: str, content: str, analysed: bool
) -> None:
    found = looked(runtime_hardened, written(tmp_path, {**pod(lambda *_: None), name: content}))
    assert {f.verdict for f in found} == ({"pass"} if analysed else {"pass", "unknown"})
    assert all(name in f.message for f in found if f.verdict == "unknown")


def test_what_a_controller_makes_pods_of_is_unknown(tmp_path: Path) -> None:
    service = (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec: {predictor: {}}\n"
    )
    found = looked(runtime_hardened, written(tmp_path, {**pod(lambda *_: None), "isvc.yaml": service}))
    assert rules(found, "unknown") == ["unread"]


def test_braces_matter_in_what_runs_pods_only(tmp_path: Path) -> None:
    alert = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\nspec: {x: '{{ $v }}'}\n"
    found = looked(runtime_hardened, written(tmp_path / "a", {**pod(lambda *_: None), "alert.yaml": alert}))
    assert [f.verdict for f in found] == ["pass"]
    found = looked(runtime_hardened, written(tmp_path / "b", pod(lambda _, c: c.update(image="{{ .Values.image }}"))))
    assert rules(found, "unknown") == ["unread"]


@pytest.mark.parametrize(
    "spec",
    [
        "7",
        "[1]",
        "{containers: 1}",
        "{containers: [1, {securityContext: x}]}",
        "{volumes: {a: b}, containers: [[]]}",
        "{securityContext: {sysctls: [1]}, containers: [{ports: [1], resources: []}]}",
    ],
)
def test_pods_of_any_shape_are_answered_without_a_crash(tmp_path: Path, spec: str) -> None:
    content = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n"
    assert "pass" not in {f.verdict for f in looked(runtime_hardened, written(tmp_path, {"a.yaml": content}))}
