"""Signed media, as tests/readers/media_samples/make_samples.py made them."""

from __future__ import annotations

import shutil
from pathlib import Path

MADE = Path(__file__).parents[3] / "readers" / "media_samples"


def build(folder: Path) -> None:
    (folder / "samples").mkdir()
    for name in ("signed.png", "signed.jpg", "signed.wav", "signed.mp4"):
        shutil.copy(MADE / name, folder / "samples" / name)
    shutil.copy(MADE / "root.pem", folder)
