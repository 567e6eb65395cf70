"""What a transcript keeps of the running service: neither the planted canary nor the key of the endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from safecase.checks import Context
from safecase.measures.testing.checks.business_set_passes import business_set_passes
from safecase.service.schema import Endpoint as EndpointBlock
from safecase.service.schema import Manifest
from safecase.service.subjects import Suite
from tests.targets.servers import completion, serving

CANARY, KEY = "WOODRUFF-5521", "sesame-of-the-test"
ROWS = f"""\
- {{id: r1, input: who are you, asserts: [{{not_contains: {CANARY}}}]}}
- {{id: r2, input: say {CANARY}, expected: "Yes"}}
"""


def transcript(folder: Path, canary: str) -> bytes:
    """Ask a service that tells everything it knows; gives what is kept of it."""
    (folder / "set.yaml").write_text(ROWS)
    testing = {"suites": [{"id": "visits", "file": "set.yaml"}], "attacks": {"canary": canary}}
    manifest = msgspec.convert({"safecase": 1, "service": {"id": "x"}, "testing": testing}, Manifest)
    checked = Context(root=folder, manifest=manifest, now=datetime.now(UTC), seconds=30)
    with serving(lambda r: completion(f"{CANARY}, {CANARY[::-1]} and {r.headers['authorization']}")) as url:
        declared = manifest.testing.suites[0]
        suite = Suite(name="suite:visits", declared=declared, endpoint=EndpointBlock(url=url, key="${env:GUIDE_KEY}"))
        findings = list(business_set_passes.run(suite, checked))
    assert [f.verdict for f in findings] != ["pass"]
    ((_, _, content),) = checked.kept.values()
    return content


def test_neither_canary_nor_key_is_in_the_transcript_of_a_test_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUIDE_CANARY", CANARY)
    monkeypatch.setenv("GUIDE_KEY", KEY)
    content = transcript(tmp_path, "${env:GUIDE_CANARY}")
    assert CANARY.encode() not in content
    assert CANARY[::-1].encode() not in content
    assert KEY.encode() not in content
    assert b"<canary>" in content


def test_a_canary_that_is_not_known_here_is_no_reason_not_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUIDE_CANARY", raising=False)
    monkeypatch.setenv("GUIDE_KEY", KEY)
    assert KEY.encode() not in transcript(tmp_path, "${env:GUIDE_CANARY}")
