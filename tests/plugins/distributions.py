"""Distributions made by hand, as an installer leaves them: a folder of metadata and modules beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"

CHECK = '''
from safecase.checks import check
from safecase.service.subjects import Repository

@check("{id}", control="{control}", severity="low")
def found(repository: Repository, ctx):
    """Everything is well."""
    yield found.passed(repository, "well")
'''


def lay(site: Path, name: str, entries: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]) -> None:
    """Lay a distribution into a folder: entry points by group, and its modules."""
    folder = site / f"{name.replace('-', '_')}-1.2.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = []
    for group, points in entries.items():
        lines += [f"[{group}]", *(f"{entry} = {value}" for entry, value in points.items()), ""]
    (folder / "entry_points.txt").write_text("\n".join(lines))
    for module, text in modules.items():
        file = site / module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def safecase(*arguments: str, site: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, which finds the distributions in `site`."""
    paths = os.pathsep.join([str(SOURCE), str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "SAFECASE_HOME": str(site / ".home"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "safecase.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
