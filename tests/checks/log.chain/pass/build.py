"""Two days of a chained log, and a head that vouches for the end."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


def build(folder: Path) -> None:
    logs = folder / "logs"
    logs.mkdir()
    at, prev = datetime.now(UTC) - timedelta(days=2), "0" * 64
    for day in range(2):
        lines = []
        for number in range(3):
            seq = 3 * day + number
            event = {"prev": prev, "seq": seq, "time": at.isoformat(), "who": "u-17", "model": "guide", "verdict": "ok"}
            line = json.dumps(event).encode()
            prev = hashlib.sha256(line).hexdigest()
            lines.append(line + b"\n")
            at += timedelta(hours=6)
        (logs / f"events-{day}.jsonl").write_bytes(b"".join(lines))
    (logs / "events-1.jsonl.head").write_text(json.dumps({"lines": 3, "sha256": prev}))
