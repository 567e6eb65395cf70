"""A picture without credentials, one with a changed pixel, and a photograph."""

from __future__ import annotations

import shutil
from pathlib import Path

MADE = Path(__file__).parents[3] / "readers" / "media_samples"


def build(folder: Path) -> None:
    (folder / "samples").mkdir()
    for name in ("plain.png", "photo.png"):
        shutil.copy(MADE / name, folder / "samples" / name)
    shutil.copy(MADE / "root.pem", folder)
    signed = bytearray((MADE / "signed.png").read_bytes())
    signed[-30] ^= 1
    (folder / "samples" / "changed.png").write_bytes(signed)
