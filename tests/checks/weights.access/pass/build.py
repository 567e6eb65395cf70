"""Weights that are none, in a file that only its owner and group may read."""

from __future__ import annotations

import json
import struct
from pathlib import Path


def build(folder: Path) -> None:
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    weights = folder / "models" / "finder.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    weights.chmod(0o640)
    (folder / "logs").mkdir()
    (folder / "logs" / "access.jsonl").write_text('{"started": true}\n')
