"""Made-up credentials, put together here so that no scanner finds them in our own repository."""

from pathlib import Path


def build(folder: Path) -> None:
    key = "AKIA" + "Q7ZK4MPL2XWN5RTB"
    (folder / "config.env").write_text(f"AWS_ACCESS_KEY_ID={key}\n")
    password = "hT7" + "pQ2xWz9Lm"
    (folder / "notebook.ipynb").write_text('{"cells": [{"source": ["db_password = \\"' + password + '\\"\\n"]}]}')
