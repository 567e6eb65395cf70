"""The gateway as schemathesis sees it: what it says of itself (`/openapi.json`) is so, whatever it is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra gateway is not installed")

from tests.gateway.calling import KEY
from tests.gateway.test_hostile_clients import Raw, running_gateway
from tests.gateway.upstream import Provider, running

pytestmark = pytest.mark.heavy

TOOL = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,positive_data_acceptance,ignored_auth"
)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[tuple[Raw, Provider]]:
    with running() as provider, running_gateway(tmp_path, provider.url) as raw:
        provider.answer = lambda _path, _body: {"choices": [], "output": [], "content": [], "data": []}
        yield raw, provider


def schemathesis(folder: Path, description: str, port: int, *more: str) -> subprocess.CompletedProcess[str]:
    if TOOL is None:
        pytest.skip("schemathesis is not installed (make heavy)")
    command = [TOOL, "run", description, "--url", f"http://127.0.0.1:{port}", "--seed", "7", "--no-color", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)


def test_what_it_says_of_itself_is_so(tmp_path: Path, behind: tuple[Raw, Provider]) -> None:
    raw, provider = behind
    url = f"http://127.0.0.1:{raw.port}/openapi.json"
    key = ("--header", f"Authorization: Bearer {KEY}")
    done = schemathesis(tmp_path, url, raw.port, *key, "--checks", CHECKS, "--max-examples", "60")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert provider.asked


def test_without_a_key_nothing_goes_up(tmp_path: Path, behind: tuple[Raw, Provider]) -> None:
    raw, provider = behind
    described = Path(__file__).parents[2] / "src/safecase/gateway/openapi.yaml"
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    for more in ((), ("--header", "Authorization: Bearer sk-sc-of-nobody"), ("--header", "X-Api-Key: ")):
        done = schemathesis(tmp_path, str(described), raw.port, *more, "--checks", checks, "--max-examples", "15")
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert not provider.asked
