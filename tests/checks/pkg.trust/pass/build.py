"""A fresh list of malicious packages, made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path


def build(folder: Path) -> None:
    now = datetime.now(UTC)
    record = {
        "id": "MAL-2026-0001",
        "modified": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "summary": "Malicious code in garden-of-thorns (PyPI)",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "garden-of-thorns"}, "versions": ["1.0.0"]}],
    }
    (folder / "advisories").mkdir()
    (folder / "advisories" / "MAL-2026-0001.json").write_text(json.dumps(record))
