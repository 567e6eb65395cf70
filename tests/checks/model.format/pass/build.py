"""A model of one tensor as safetensors, under a name that says something else."""

import json
from pathlib import Path


def build(folder: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(16)
    (folder / "models").mkdir()
    (folder / "models" / "model.safetensors").write_bytes(content)
    (folder / "models" / "renamed.bin").write_bytes(content)
