"""Rules of today."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path


def build(folder: Path) -> None:
    (folder / "rules.json").write_text(json.dumps({"created": datetime.now(UTC).isoformat(), "rules": []}))
