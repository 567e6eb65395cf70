"""A chained log in which somebody changed an answer afterwards."""

import hashlib
import json
from pathlib import Path


def build(folder: Path) -> None:
    logs = folder / "logs"
    logs.mkdir()
    prev, lines = "0" * 64, []
    for seq in range(5):
        line = json.dumps({"prev": prev, "seq": seq, "who": "u-17", "answer": f"no {seq}"}).encode()
        prev = hashlib.sha256(line).hexdigest()
        lines.append(line)
    lines[2] = lines[2].replace(b"no 2", b"yes")
    (logs / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
