"""A pickle of plain values, and one class of the project that is reviewed and listed."""

import pickle
from pathlib import Path


def build(folder: Path) -> None:
    (folder / "safecase.yaml").write_text(
        "safecase: 1\nservice: {id: example}\nsupply_chain: {allow_globals: [shop.features.Scaler]}\n"
    )
    (folder / "vocabulary.pkl").write_bytes(pickle.dumps({"eval": 1, "os.system": 2}, protocol=4))
    (folder / "scaler.pkl").write_bytes(b"\x80\x04cshop.features\nScaler\n)\x81}\x8c\x04meanG" + bytes(8) + b"sb.")
