"""A calendar that was read today."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


def build(folder: Path) -> None:
    today = datetime.now(UTC).date()
    row = {"names": ["gpt-garden-*"], "retires": str(today + timedelta(days=200)), "read": str(today)}
    (folder / "calendar.json").write_text(json.dumps({"models": [row]}))
