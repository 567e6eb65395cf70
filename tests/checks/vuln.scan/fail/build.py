"""A lock, and a fresh bundle of made-up advisories one of which is about it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

RECORDS = [
    {
        "id": "GHSA-0000-0000-0001",
        "modified": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Garden_Tools"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1.0"}]}],
            }
        ],
    },
    {
        "id": "PYSEC-2026-1",
        "modified": "2026-01-01T00:00:00Z",
        "withdrawn": "2026-01-02T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "garden-tools"}, "versions": ["2.0.0"]}],
    },
]


def build(folder: Path) -> None:
    advisories = folder / "advisories"
    advisories.mkdir()
    files = {}
    for record in RECORDS:
        content = json.dumps(record).encode()
        (advisories / f"{record['id']}.json").write_bytes(content)
        files[f"{record['id']}.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    manifest = {"created": datetime.now(UTC).isoformat(), "files": files}
    (advisories / "manifest.json").write_text(json.dumps(manifest))
