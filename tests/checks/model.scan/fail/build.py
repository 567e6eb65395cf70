"""A pickle that would touch a file, and then breaks off so that a scanner gives up."""

from pathlib import Path


def build(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"\x80\x04cos\nsystem\n\x8c\x0etouch canary-42\x85R\xff")
    (folder / "features.pkl").write_bytes(b"\x80\x04cshop.features\nScaler\n)\x81.")
