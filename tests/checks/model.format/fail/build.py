"""A pickle that calls itself safetensors."""

import pickle
from pathlib import Path


def build(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weights": [0.1, 0.2]}, protocol=4))
