"""`weights.access`: modes, volumes, buckets, and whether somebody sees a reading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from safecase.measures.protection import access_logs
from safecase.measures.protection.checks import weights_guarded as module
from safecase.measures.protection.checks.weights_guarded import weights_guarded
from safecase.vocabulary import Finding
from tests.measures.looking import looked, rules, written
from tests.measures.opening_log import logged

WEIGHTS = b"GGUF" + b"\3\0\0\0" + bytes(16)
OWN = "models: [{id: finder, origin: own, weights_secret: true, file: models/finder.gguf}]\n"
LOGS = "infrastructure: {logs: [logs]}\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.2)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may go into, unlike those that pytest makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def found(
    folder: Path, manifest: str = OWN, mode: int = 0o640, files: dict[str, str | bytes] | None = None
) -> list[Finding]:
    written(folder, {"models/finder.gguf": WEIGHTS, **(files or {})}, manifest)
    (folder / "models" / "finder.gguf").chmod(mode)
    return looked(weights_guarded, folder)


@pytest.mark.parametrize(("mode", "severity"), [(0o644, "high"), (0o646, "critical")])
def test_weights_that_everybody_can_read_fail(mode: int, severity: str, open_folder: Path) -> None:
    (finding,) = [f for f in found(open_folder, mode=mode) if f.verdict == "fail"]
    assert (finding.rule, finding.severity) == ("weights.mode", severity)


def test_a_folder_that_nobody_may_enter_guards_what_is_in_it(open_folder: Path) -> None:
    written(open_folder, {"models/finder.gguf": WEIGHTS})
    (open_folder / "models").chmod(0o750)
    assert rules(found(open_folder, mode=0o644)) == []


def test_weights_of_a_public_model_are_nobodys_secret(open_folder: Path) -> None:
    public = "models: [{id: finder, origin: hub, source: 'hf:a/b', file: models/finder.gguf}]\n"
    assert {f.verdict for f in found(open_folder, public, 0o644)} == {"pass"}


def test_a_tuned_model_of_a_hub_is_ones_own(open_folder: Path) -> None:
    tuned = "models: [{id: finder, origin: hub, training: finetuned, file: models/finder.gguf}]\n"
    assert rules(found(open_folder, tuned, 0o644)) == ["weights.mode"]


def test_a_reading_that_a_log_tells_passes(tmp_path: Path) -> None:
    written(tmp_path, {"models/finder.gguf": WEIGHTS, "logs/access.jsonl": ""})
    with logged(tmp_path / "models", tmp_path / "logs" / "access.jsonl"):
        assert {f.verdict for f in found(tmp_path, OWN + LOGS)} == {"pass"}


def test_a_reading_that_no_log_tells_fails(tmp_path: Path) -> None:
    before = '{"read": "finder.gguf"}\n'
    assert rules(found(tmp_path, OWN + LOGS, files={"logs/access.jsonl": before})) == ["weights.unlogged"]


def test_without_a_log_it_is_unknown(tmp_path: Path) -> None:
    assert rules(found(tmp_path), "unknown") == ["weights.log"]


def test_weights_that_lie_elsewhere_are_unknown(tmp_path: Path) -> None:
    manifest = "models: [{id: finder, origin: own, file: elsewhere.gguf}]\n"
    assert rules(looked(weights_guarded, written(tmp_path, {}, manifest)), "unknown") == ["weights.absent"]


def test_a_log_that_was_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    file, log = tmp_path / "w.gguf", tmp_path / "log"
    file.write_bytes(WEIGHTS)
    log.write_text("x" * 100)
    turns = iter(range(100))

    def logs() -> list[Path]:
        if next(turns) == 1:
            log.write_text("read w.gguf\n")
        return [log]

    assert access_logs.noticed(file, logs, seconds=1) == "log"


BUCKET = 'resource "aws_s3_bucket" "{name}" {{\n  bucket = "{bucket}"\n  acl = "{acl}"\n}}\n'


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.tf", BUCKET.format(name="weights", bucket="finder", acl="public-read"), ["weights.bucket"]),
        ("a.tf", BUCKET.format(name="weights", bucket="finder", acl="private"), []),
        ("a.tf", BUCKET.format(name="website", bucket="garden-pages", acl="public-read"), []),
        ("a.tf", "# " + BUCKET.format(name="weights", bucket="x", acl="private").replace("\n", "\n# "), []),
        (
            "a.tf",
            'resource "google_storage_bucket_iam_member" "m" {\n  bucket = "models-eu"\n  member = "allUsers"\n}\n',
            ["weights.bucket"],
        ),
        (
            "a.tf",
            'resource "aws_s3_bucket_policy" "model" {\n  policy = jsonencode({Statement = [{Effect = "Allow", '
            'Principal = "*", Action = "s3:GetObject"}]})\n}\n',
            ["weights.bucket"],
        ),
        (
            "a.tf",
            'resource "aws_s3_bucket_policy" "model" {\n  policy = jsonencode({Statement = [{Effect = "Deny", '
            'Principal = "*", Action = "s3:*"}]})\n}\n',
            [],
        ),
        (
            "a.tf",
            'resource "azurerm_storage_container" "weights" {\n  container_access_type = "blob"\n}\n',
            ["weights.bucket"],
        ),
    ],
)
def test_a_public_bucket_of_weights_fails(name: str, text: str, wanted: list[str], tmp_path: Path) -> None:
    manifest = OWN + "deployment: {manifests: [deploy]}\n"
    findings = found(tmp_path, manifest, files={f"deploy/{name}": text})
    assert rules(findings) == wanted
    assert all(f.place and f.place.line > 1 for f in findings if f.verdict == "fail")


def test_the_bucket_that_a_model_comes_from_is_known_by_its_name(tmp_path: Path) -> None:
    manifest = OWN.replace("origin: own", "origin: own, source: 's3://finder-eu/v1'")
    text = BUCKET.format(name="store", bucket="finder-eu", acl="public-read")
    findings = found(tmp_path, manifest + "deployment: {manifests: [a.tf]}\n", files={"a.tf": text})
    assert rules(findings) == ["weights.bucket"]


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: finder}}
spec:
  containers: [{{name: c, image: i, volumeMounts: [{{name: weights, mountPath: /models{only}}}]}}]
  volumes: [{{name: weights, {volume}}}]
"""


@pytest.mark.parametrize(
    ("only", "volume", "wanted"),
    [
        (", readOnly: true", "persistentVolumeClaim: {claimName: w}", []),
        ("", "persistentVolumeClaim: {claimName: w}", ["weights.volume"]),
        (", readOnly: true", "hostPath: {path: /srv/models}", ["weights.volume"]),
    ],
)
def test_a_volume_of_weights_is_read_only_and_of_no_node(
    only: str, volume: str, wanted: list[str], tmp_path: Path
) -> None:
    pod = POD.format(only=only, volume=volume)
    assert rules(found(tmp_path, OWN + "deployment: {manifests: [deploy]}\n", files={"deploy/p.yaml": pod})) == wanted
