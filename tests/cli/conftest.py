"""A small service in a git repository, and the command line called in process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

MANIFEST = """\
safecase: 1
service:
  id: shop
  name: Shop helper
  owner: ada@shop.example
  contacts: {security: s@shop.example, data: d@shop.example, legal: l@shop.example}
ai: {kind: [tabular]}
deployment: {hosting: edge, exposure: isolated}
models: [{id: churn, file: churn.safetensors}]
"""


class Ran(NamedTuple):
    """What a call of the command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "safecase.yaml").write_text(MANIFEST)
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "churn.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (folder / "requirements.txt").write_text("click==8.1.7 \\\n    --hash=sha256:" + "a" * 64 + "\n")
    monkeypatch.setenv("SAFECASE_HOME", str(tmp_path / "home"))
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "SAFECASE_SIGNING_KEY", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def safecase(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Call the command line in this process, as `main` does."""
    from safecase.cli import _run

    def call(*arguments: str) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["safecase", *arguments])
        try:
            code = _run()
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder as somebody."""
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True
    )
