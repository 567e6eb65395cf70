"""Workloads that run generated code, as Kubernetes and Compose files declare them: what holds them is judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from safecase.checks import Context
from safecase.errors import CollectError, ManifestError
from safecase.measures.protection.declared_files import MOST_BYTES, declared_files, dicts
from safecase.readers import yaml_places
from safecase.readers.kubernetes import PODS, is_kubernetes, selects
from safecase.readers.kubernetes_objects import KubernetesObject, below, read_objects
from safecase.readers.text import shown
from safecase.readers.yaml_places import Document
from safecase.vocabulary import Place, Severity, Verdict

_CREDENTIAL = re.compile(
    r"(^|_)(api_?)?(key|token|secret|password|passwd|passphrase|credentials?|dsn)(_|$)", re.IGNORECASE
)
_BY_OTHERS = ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "GlobalNetworkPolicy", "AdminNetworkPolicy")
"""Kinds of policies that bind pods by rules that are not read here."""
_POLICIES = ("NetworkPolicy", *_BY_OTHERS)


class Weak(NamedTuple):
    """What a box lets through."""

    rule: str
    told: str
    mend: str
    place: Place
    severity: Severity = "high"
    verdict: Verdict = "fail"


class Box(NamedTuple):
    """A declared workload that runs code."""

    name: str
    runtime: str
    """What holds it, as it says."""
    place: Place
    weak: tuple[Weak, ...]


def boxes(ctx: Context) -> list[Box]:
    """Give the workloads of `deployment.manifests` that are called as a tool with `effect: exec` is."""
    wanted = {_bare(tool.id) for tool in ctx.manifest.tools if tool.effect == "exec"}
    files = list(declared_files(ctx)) if wanted else []
    cluster = [file for file, content in files if is_kubernetes(content)]
    objects = read_objects(ctx.root, cluster, (*PODS, *_POLICIES)).found
    policies = [one for one in objects if one.kind in _POLICIES]
    found = [_pod(one, policies) for one in objects if one.kind in PODS and wanted & set(_names(one))]
    for file, content in files:
        if file not in cluster and file.endswith((".yaml", ".yml")) and b"services" in content:
            found += _composed(file, content, wanted)
    return found


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _names(one: KubernetesObject) -> Iterator[str]:
    yield _bare(one.name)
    for container in dicts(below(_spec(one), "containers")):
        yield _bare(str(container.get("name", "")))


def _spec(one: KubernetesObject) -> Any:  # as YAML has it
    steps = PODS[one.kind]
    return one.at("spec", *steps, "spec") if steps else one.at("spec")


def _pod(one: KubernetesObject, policies: list[KubernetesObject]) -> Box:
    spec = _spec(one)
    steps = ("spec", *PODS[one.kind], "spec") if PODS[one.kind] else ("spec",)
    weak = [*_open_egress(one, policies), *_of_pod(one, spec, steps)]
    for kind in ("containers", "initContainers"):
        for number, container in enumerate(dicts(below(spec, kind))):
            weak += _of_container(one, container, (*steps, kind, number))
    named = below(spec, "runtimeClassName")
    runtime = f"runtime {shown(named, 40)}" if isinstance(named, str) else "an ordinary container"
    return Box(f"{one.kind} {one.name}", runtime, one.place(), tuple(weak))


def _open_egress(one: KubernetesObject, policies: list[KubernetesObject]) -> Iterator[Weak]:
    """Policies add up: what one of them lets out is let out."""
    labels = one.at(*(("spec", *PODS[one.kind]) if PODS[one.kind] else ()), "metadata", "labels")
    labels = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}
    binding = [
        policy
        for policy in policies
        if policy.group == "networking.k8s.io"
        and (policy.namespace or "default") == (one.namespace or "default")
        and selects(policy.at("spec", "podSelector"), labels)
        and "Egress"
        in (*policy.list_at("spec", "policyTypes"), *(["Egress"] if policy.list_at("spec", "egress") else []))
    ]
    mend = "bind it by a NetworkPolicy with `policyTypes: [Egress]` and no egress rule"
    if not binding and any(policy.group != "networking.k8s.io" for policy in policies):
        told = "may be bound by a policy whose rules are not read here"
        yield Weak("network", told, mend, one.place(), verdict="unknown")
    elif not binding:
        yield Weak("network", "may open connections to anywhere: no policy binds its egress", mend, one.place())
    for policy in binding:
        if policy.list_at("spec", "egress"):
            told = f"may open the connections that the NetworkPolicy {policy.name} lists"
            yield Weak("network", told, mend, policy.place("spec", "egress"))


def _of_pod(one: KubernetesObject, spec: Any, steps: tuple[str, ...]) -> Iterator[Weak]:
    if below(spec, "automountServiceAccountToken") is not False:
        mend = "set automountServiceAccountToken: false in the pod"
        yield Weak("secrets", "gets the token of a service account", mend, one.place(*steps))
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if str(below(spec, key)).lower() in ("true", "yes", "on"):
            yield Weak("files", f"shares its host ({key})", f"take {key} out", one.place(*steps, key), "critical")
    for number, volume in enumerate(dicts(below(spec, "volumes"))):
        place = one.place(*steps, "volumes", number)
        if "hostPath" in volume:
            yield Weak("files", "mounts a folder of its host", "use an emptyDir", place, "critical")
        if "secret" in volume or any("secret" in s or "serviceAccountToken" in s for s in _sources(volume)):
            yield Weak("secrets", "mounts a secret", "take the secret out; let another workload hold it", place)


def _sources(volume: Mapping[str, Any]) -> list[dict[str, Any]]:
    return dicts(below(volume, "projected", "sources"))


def _of_container(one: KubernetesObject, container: Mapping[str, Any], steps: tuple[str | int, ...]) -> Iterator[Weak]:
    for number, variable in enumerate(dicts(container.get("env"))):
        if below(variable, "valueFrom", "secretKeyRef") or _CREDENTIAL.search(str(variable.get("name", ""))):
            told = f"is given {shown(str(variable.get('name', '?')), 60)} by its environment"
            yield Weak("secrets", told, "take it out; let another workload hold it", one.place(*steps, "env", number))
    if any("secretRef" in source for source in dicts(container.get("envFrom"))):
        yield Weak(
            "secrets", "is given a whole secret by its environment", "take envFrom out", one.place(*steps, "envFrom")
        )
    if below(container, "securityContext", "privileged") is True:
        yield Weak("files", "is privileged", "take privileged: true out", one.place(*steps), "critical")
    if below(container, "securityContext", "readOnlyRootFilesystem") is not True:
        mend = "set securityContext.readOnlyRootFilesystem: true, with an emptyDir for each run"
        yield Weak("files", "can write its own system", mend, one.place(*steps), "medium")


def _composed(file: str, content: bytes, wanted: set[str]) -> Iterator[Box]:
    try:
        document = yaml_places.read(content, file, most_bytes=MOST_BYTES, any_keys=True)
    except ManifestError as why:
        raise CollectError(f"{shown(file, 200)}: {why.message}", mend=why.mend, place=why.place) from why
    services = below(document.value, "services")
    for name, service in services.items() if isinstance(services, Mapping) else ():
        if _bare(name) in wanted and isinstance(service, Mapping):
            place = document.key_place(("services", name))
            runtime = service.get("runtime")
            held = f"runtime {shown(runtime, 40)}" if isinstance(runtime, str) else "an ordinary container"
            yield Box(f"service {shown(name, 60)}", held, place, tuple(_of_service(document, name, service)))


def _of_service(document: Document, name: str, service: Mapping[str, Any]) -> Iterator[Weak]:
    def place(key: str) -> Place:
        return document.key_place(("services", name, key) if key in service else ("services", name))

    networks = below(document.value, "networks")
    joined = list(service.get("networks") or ["default"])
    closed = all(below(networks, network, "internal") is True for network in joined)
    if service.get("network_mode") != "none" and (service.get("network_mode") or not closed):
        told = "may open connections to anywhere"
        yield Weak("network", told, "set network_mode: none, or an `internal: true` network", place("networks"))
    variables = service.get("environment") or {}
    named = [str(v).partition("=")[0] for v in variables] if isinstance(variables, list | Mapping) else []
    for variable in named:
        if _CREDENTIAL.search(variable):
            told = f"is given {shown(variable, 60)} by its environment"
            yield Weak("secrets", told, "take it out; let another service hold it", place("environment"))
    for key in ("secrets", "env_file"):
        if service.get(key):
            yield Weak("secrets", f"is given {key}", f"take {key} out", place(key))
    for volume in service.get("volumes") or ():
        source = str(below(volume, "source") if isinstance(volume, Mapping) else volume).partition(":")[0]
        if source.startswith((".", "/", "~", "$")) and not (isinstance(volume, str) and ":" not in volume):
            yield Weak("files", f"mounts {shown(source, 60)} of its host", "use a tmpfs", place("volumes"), "critical")
    if service.get("privileged") is True or service.get("pid") == "host":
        yield Weak(
            "files", "is privileged or shares its host's processes", "take it out", place("privileged"), "critical"
        )
    if service.get("read_only") is not True:
        yield Weak(
            "files", "can write its own system", "set read_only: true, with a tmpfs", place("read_only"), "medium"
        )
