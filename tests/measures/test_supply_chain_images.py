"""image.verify and what it reads: images in manifests, Compose files and Dockerfiles, signatures, reports."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.supply_chain.checks.images_verified import images_verified
from safecase.readers.images import read_images
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = "a" * 64, "b" * 64
IMAGE = f"registry.example/guide@sha256:{A}"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: guide}\nspec:\n  containers:\n    - name: guide\n      image: "
SIGNED = "supply_chain:\n  signers: [signer.pem]\n  image_signatures: [sig.jsonl]\n  image_reports: [report.json]\n"


def _found(folder: Path, files: dict[str, str]) -> list[tuple[str, str, int]]:
    images = read_images(written(folder, files), sorted(files))
    return [(use.reference, use.purpose, use.place.line) for use in images.uses]


def test_a_dockerfile_names_bases_copies_mounts_and_its_parser(tmp_path: Path) -> None:
    dockerfile = (
        "# syntax=docker/dockerfile:1\n"
        "ARG VERSION=3.13\n"
        "FROM --platform=linux/amd64 python:${VERSION} AS base\n"
        "FROM base AS built\n"
        "COPY --chown=1000 --from=tools.example/uv:0.9 /uv /bin/\n"
        "COPY --from=base /x /y\n"
        "COPY --from=0 /x /z\n"
        "RUN --mount=type=bind,from=tools.example/more:1,target=/m \\\n"
        "    make\n"
        "FROM scratch\n"
        "FROM ${UNKNOWN}\n"
    )
    assert _found(tmp_path, {"Dockerfile": dockerfile}) == [
        ("docker/dockerfile:1", "build", 1),
        ("python:3.13", "build", 3),
        ("tools.example/uv:0.9", "build", 5),
        ("tools.example/more:1", "build", 8),
        ("${UNKNOWN}", "build", 11),
    ]


def test_a_compose_file_runs_what_it_does_not_build(tmp_path: Path) -> None:
    compose = (
        "services:\n  guide: {build: ., image: guide}\n  store:\n    image: store:${TAG:-7}\n"
        f"  cache:\n    image: cache@sha256:{A}\n"
    )
    assert _found(tmp_path, {"compose.yaml": compose}) == [("store:7", "run", 4), (f"cache@sha256:{A}", "run", 6)]


def test_whatever_makes_containers_is_seen_and_policies_are_not(tmp_path: Path) -> None:
    served = (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: m}\n"
        "spec: {predictor: {containers: [{name: x, image: 'served:1'}]}}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  initContainers: [{name: i, image: 'init:1'}]\n"
        "  volumes: [{name: w, image: {reference: 'weights:1'}}]\n---\n"
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: k}\n"
        "spec: {rules: [{validate: {pattern: {spec: {containers: [{image: '!*:latest'}]}}}}]}\n"
    )
    assert [one[0] for one in _found(tmp_path, {"m.yaml": served})] == ["served:1", "init:1", "weights:1"]


def test_a_kustomization_pins_what_manifests_leave_open(tmp_path: Path) -> None:
    change = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [pod.yaml]\n"
        f"images: [{{name: guide, newName: registry.example/guide, digest: 'sha256:{A}'}}]\n"
    )
    files = {"kustomization.yaml": change, "pod.yaml": POD + "guide:1\n"}
    assert [one[0] for one in _found(tmp_path, files)] == [IMAGE]
    files["other/kustomization.yaml"] = change.replace(f"digest: 'sha256:{A}'", "newTag: '2'")
    assert [one[0] for one in _found(tmp_path, files)] == ["registry.example/guide:2"]


@pytest.mark.parametrize(
    ("reference", "severity"),
    [("guide", "high"), ("guide:latest", "high"), ("guide:stable", "high"), ("guide:1.2", "medium")],
)
def test_a_floating_image_fails(tmp_path: Path, reference: str, severity: str) -> None:
    found = looked(images_verified, written(tmp_path, {"pod.yaml": POD + reference + "\n"}), now=NOW)
    assert [(f.rule, f.severity) for f in found] == [("image.floating", severity)]


def test_an_unrendered_template_is_unknown(tmp_path: Path) -> None:
    template = POD + '"{{ .Values.image }}"\n'
    found = looked(images_verified, written(tmp_path, {"pod.yaml": template}), now=NOW)
    assert {f.verdict for f in found} == {"unknown"}


@pytest.fixture
def service(tmp_path: Path) -> Callable[..., list[Finding]]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def look(
        *, digest: str = A, signs: ec.EllipticCurvePrivateKey = key, form: str = "simple", **report: Any
    ) -> list[Finding]:
        line = (_simple if form == "simple" else _bundle)(signs, digest)
        said = {
            "ArtifactName": "guide",
            "CreatedAt": "2026-11-22T00:00:00.123456789Z",
            "Metadata": {"RepoDigests": [IMAGE]},
            "Results": [],
        } | report
        files: dict[str, str | bytes] = {
            "pod.yaml": POD + IMAGE + "\n",
            "signer.pem": pem,
            "sig.jsonl": line,
            "report.json": json.dumps(said),
        }
        return looked(images_verified, written(tmp_path, files, SIGNED), now=NOW)

    return look


def _simple(key: ec.EllipticCurvePrivateKey, digest: str) -> str:
    image = {"docker-manifest-digest": f"sha256:{digest}"}
    payload = json.dumps({"critical": {"image": image, "type": "cosign container image signature"}}).encode()
    signature = key.sign(payload, ec.ECDSA(hashes.SHA256()))
    return json.dumps({"Payload": base64.b64encode(payload).decode(), "Base64Signature": _text(signature)})


def _bundle(key: ec.EllipticCurvePrivateKey, digest: str) -> str:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
    payload, kind = json.dumps(statement).encode(), "application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    signatures = [{"sig": _text(key.sign(signed, ec.ECDSA(hashes.SHA256())))}]
    return json.dumps({"dsseEnvelope": {"payload": _text(payload), "payloadType": kind, "signatures": signatures}})


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("form", ["simple", "bundle"])
def test_an_image_that_is_pinned_signed_and_looked_at_passes(service: Callable[..., list[Finding]], form: str) -> None:
    found = service(form=form)
    assert [f.verdict for f in found] == ["pass"], [f.message for f in found]


def test_a_signature_of_another_image_or_by_another_key_does_not_count(service: Callable[..., list[Finding]]) -> None:
    assert rules(service(digest=B)) == ["image.unsigned"]
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert rules(service(signs=stranger)) == ["image.signature", "image.unsigned"]
    assert rules(service(signs=stranger, form="bundle")) == ["image.signature", "image.unsigned"]


@pytest.mark.parametrize(
    ("flaw", "fails"),
    [
        ({"Severity": "CRITICAL", "PublishedDate": "2026-10-01T00:00:00Z"}, True),
        ({"Severity": "CRITICAL", "PublishedDate": "2026-11-20T00:00:00Z"}, False),
        ({"Severity": "HIGH", "PublishedDate": "2026-11-01T00:00:00Z"}, False),
        ({"Severity": "HIGH", "PublishedDate": "2026-09-01T00:00:00Z"}, True),
        ({"Severity": "MEDIUM", "PublishedDate": "2020-01-01T00:00:00Z"}, False),
        ({"Severity": "UNKNOWN", "PublishedDate": "2020-01-01T00:00:00Z"}, True),
        ({"Severity": "CRITICAL"}, True),
    ],
)
def test_a_grave_flaw_fails_once_it_is_overdue(
    service: Callable[..., list[Finding]], flaw: dict[str, str], fails: bool
) -> None:
    results = [{"Vulnerabilities": [{"VulnerabilityID": "CVE-2026-1", "PkgName": "libgarden", **flaw}]}]
    assert rules(service(Results=results)) == (["image.overdue"] if fails else [])


def test_a_report_of_another_image_or_an_old_one_leaves_flaws_unknown(service: Callable[..., list[Finding]]) -> None:
    assert rules(service(Metadata={"RepoDigests": [f"guide@sha256:{B}"]}), "unknown") == ["image.report"]
    assert rules(service(CreatedAt="2026-10-01T00:00:00Z"), "unknown") == ["image.report"]
    assert rules(service(CreatedAt=None), "unknown") == ["image.report"]


def test_a_cyclonedx_bill_with_vulnerabilities_is_a_report(
    tmp_path: Path, service: Callable[..., list[Finding]]
) -> None:
    service()
    bill = {
        "bomFormat": "CycloneDX",
        "metadata": {
            "timestamp": "2026-11-22T00:00:00Z",
            "component": {"name": "guide", "purl": f"pkg:oci/guide@sha256%3A{A}"},
        },
        "vulnerabilities": [
            {"id": "CVE-2026-2", "published": "2026-01-01T00:00:00Z", "ratings": [{"severity": "critical"}]}
        ],
    }
    (tmp_path / "report.json").write_text(json.dumps(bill))
    assert rules(looked(images_verified, tmp_path, now=NOW)) == ["image.overdue"]


@given(st.text("FROM python:3@${}-ARG=\\\n #syntaxCOPY--from ", max_size=200))
def test_no_dockerfile_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("docker")
    (folder / "Dockerfile").write_text(text)
    assert all(use.reference for use in read_images(folder, ["Dockerfile"]).uses)
