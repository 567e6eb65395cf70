"""`sandbox.probe` where code is run freely, in a sandbox, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from safecase.measures.protection.checks.sandboxed import sandboxed
from safecase.vocabulary import Finding
from tests.measures.code_runner import ran, running_code
from tests.measures.looking import looked, rules, written
from tests.targets.servers import Request, Response, completion, serving

AI = "ai: {kind: llm}\n"
ALL = ["sandbox.files", "sandbox.network", "sandbox.secrets"]


def by_tool(folder: Path, url: str, via: str = "http", key: str = "") -> list[Finding]:
    tools = f"tools: [{{id: run_python, effect: exec, via: {via}, url: '{url}', key: '{key}'}}]\n"
    return looked(sandboxed, written(folder, {}, AI + tools))


def by_model(folder: Path, url: str) -> list[Finding]:
    manifest = f"deployment: {{endpoint: '{url}'}}\ntools: [{{id: run_python, effect: exec}}]\n"
    return looked(sandboxed, written(folder, {}, AI + manifest))


@pytest.mark.parametrize("by", ["http", "mcp", "model"])
def test_code_that_runs_as_the_service_itself_fails(by: Literal["http", "mcp", "model"], tmp_path: Path) -> None:
    with running_code(held=False, by=by) as url:
        findings = by_model(tmp_path, url) if by == "model" else by_tool(tmp_path, url, by)
    assert rules(findings) == ALL
    told = next(f.message for f in findings if f.rule == "sandbox.secrets")
    assert "PROVIDER_API_KEY" in told
    assert "of-no-use" not in told


@pytest.mark.parametrize("by", ["http", "mcp", "model"])
def test_code_that_is_held_passes(by: Literal["http", "mcp", "model"], tmp_path: Path) -> None:
    with running_code(held=True, by=by) as url:
        findings = by_model(tmp_path, url) if by == "model" else by_tool(tmp_path, url, by)
    assert [f.verdict for f in findings] == ["pass"] * 3


def test_a_model_that_makes_the_answer_up_shows_nothing(tmp_path: Path) -> None:
    found = {"reached": False, "route": False, "names": [], "others": [], "tokens": [], "read": [], "wrote": False}
    with serving(lambda _: completion(f"SAFECASE {'a' * 32} {json.dumps(found)}")) as url:
        assert rules(by_model(tmp_path, url), "unknown") == ["sandbox.unrun"]


def test_a_tool_that_refuses_the_call_is_unknown(tmp_path: Path) -> None:
    with serving(lambda _: Response(401)) as url:
        assert rules(by_tool(tmp_path, url), "unknown") == ["sandbox.unasked"]
        assert rules(by_tool(tmp_path, url, "mcp"), "unknown") == ["sandbox.unasked"]


def test_a_tool_of_another_host_is_not_asked(tmp_path: Path) -> None:
    (finding,) = by_tool(tmp_path, "https://runner.example/run")
    assert finding.rule == "sandbox.unasked"
    assert "--i-own-this-target" in finding.mend


def test_nothing_to_ask_is_unknown(tmp_path: Path) -> None:
    found = looked(sandboxed, written(tmp_path, {}, AI + "tools: [{id: run_python, effect: exec}]\n"))
    assert rules(found, "unknown") == ["sandbox.none"]


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: run-python, labels: {{app: runner}}}}
spec:
  automountServiceAccountToken: {token}
  {more}
  containers:
    - name: runner
      image: runner:1
      securityContext: {{readOnlyRootFilesystem: true}}
      {container}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: alone}}
spec:
  podSelector: {{matchLabels: {{app: runner}}}}
  policyTypes: [Egress]
  {egress}
"""


def declared(folder: Path, pod: str, policy: str = "") -> list[Finding]:
    manifest = AI + "deployment: {manifests: [deploy]}\ntools: [{id: run_python, effect: exec}]\n"
    return looked(sandboxed, written(folder, {"deploy/pod.yaml": f"{pod}\n---\n{policy or '{}'}"}, manifest))


def test_a_pod_that_is_declared_alone_passes(tmp_path: Path) -> None:
    (finding,) = declared(tmp_path, POD.format(token="false", more="", container=""), POLICY.format(egress=""))
    assert finding.verdict == "pass"


@pytest.mark.parametrize(
    ("more", "container", "egress", "wanted"),
    [
        ("hostNetwork: true", "", "", "sandbox.files"),
        ("volumes: [{name: s, secret: {secretName: keys}}]", "", "", "sandbox.secrets"),
        ("volumes: [{name: h, hostPath: {path: /}}]", "", "", "sandbox.files"),
        ("", "env: [{name: PROVIDER_KEY, value: x}]", "", "sandbox.secrets"),
        ("", "envFrom: [{secretRef: {name: keys}}]", "", "sandbox.secrets"),
        ("", "", "egress: [{}]", "sandbox.network"),
    ],
)
def test_what_a_pod_lets_through_fails(more: str, container: str, egress: str, wanted: str, tmp_path: Path) -> None:
    pod = POD.format(token="false", more=more, container=container)
    findings = declared(tmp_path, pod, POLICY.format(egress=egress))
    assert rules(findings) == [wanted]
    assert all(f.place and f.place.file == "deploy/pod.yaml" and f.place.line > 1 for f in findings)


def test_a_pod_without_a_policy_and_with_a_token_fails(tmp_path: Path) -> None:
    findings = declared(tmp_path, POD.format(token="true", more="", container=""))
    assert rules(findings) == ["sandbox.network", "sandbox.secrets"]


def test_a_policy_of_another_kind_may_bind_it(tmp_path: Path) -> None:
    policy = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: alone}\nspec: {}\n"
    findings = declared(tmp_path, POD.format(token="false", more="", container=""), policy)
    assert rules(findings) == []
    assert rules(findings, "unknown") == ["sandbox.network"]


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ("{image: r, network_mode: none, read_only: true, volumes: [work:/work]}", []),
        ("{image: r, networks: [inner], read_only: true}", []),
        ("{image: r, read_only: true}", ["sandbox.network"]),
        ("{image: r, network_mode: none, read_only: true, secrets: [k]}", ["sandbox.secrets"]),
        ("{image: r, network_mode: none, read_only: true, volumes: ['/:/host']}", ["sandbox.files"]),
        ("{image: r, network_mode: none, read_only: true, environment: {API_TOKEN: x}}", ["sandbox.secrets"]),
    ],
)
def test_a_service_of_compose_is_judged_alike(service: str, wanted: list[str], tmp_path: Path) -> None:
    files = {"compose.yaml": f"services: {{run-python: {service}}}\nnetworks: {{inner: {{internal: true}}}}\n"}
    manifest = AI + "deployment: {manifests: [compose.yaml]}\ntools: [{id: run_python, effect: exec}]\n"
    assert rules(looked(sandboxed, written(tmp_path, files, manifest))) == wanted


def test_what_came_out_counts_though_nothing_was_answered(tmp_path: Path) -> None:
    def silent(request: Request) -> Response:
        ran(request.body["code"], held=False)
        return Response(200, b'{"stdout": "done"}')

    with serving(silent) as url:
        findings = by_tool(tmp_path, url)
    assert rules(findings) == ["sandbox.files", "sandbox.network"]
    assert rules(findings, "unknown") == ["sandbox.unrun"]


def test_a_tool_gets_its_token(tmp_path: Path) -> None:
    def guarded(request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer token-of-the-test":
            return Response(401)
        return Response(200, json.dumps({"stdout": ran(request.body["code"], held=True)}).encode())

    with serving(guarded) as url:
        assert {f.verdict for f in by_tool(tmp_path, url, key="token-of-the-test")} == {"pass"}
