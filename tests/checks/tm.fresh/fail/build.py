"""A service in git whose threats were gone through before its last change."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

TODAY = datetime.now(UTC)
REVIEWED = (TODAY - timedelta(days=10)).date().isoformat()
CHANGED = (TODAY - timedelta(days=2)).isoformat(timespec="seconds")


def build(folder: Path) -> None:
    with (folder / "safecase.yaml").open("a") as manifest:
        manifest.write(f'threat_modelling: {{reviewed: "{REVIEWED}", reviewer: ada@shop.example}}\n')
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {"GIT_COMMITTER_DATE": CHANGED, "GIT_AUTHOR_DATE": CHANGED}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "The service"]):
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True)
