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
    ],
)
def test_each_setting_counts(tmp_path: Path, change: Any, told: str) -> None:
    found = looked(runtime_hardened, written(tmp_path, pod(change)))
    failed = [f for f in found if f.verdict == "fail"]
    assert bool(failed) == bool(told)
    assert not told or told in failed[0].message
    assert all(f.place and f.place.line and f.mend for f in failed)
    assert failed or [f.verdict for f in found] == ["pass"]


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
