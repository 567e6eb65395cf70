"""`safecase supply bom`: a bill of materials of models, with what was observed told apart from what is claimed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

FORMATS = ("text", "json", "cyclonedx", "cyclonedx-1.6", "spdx")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=Path(), metavar="[PATH]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="cyclonedx is 1.7.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to stdout.")
def bom(path: Path, form: str, output: Path | None) -> int:
    """Write the bill of materials of the models in a folder: CycloneDX with model cards, or SPDX 3.0 with AI profiles.

    Each field is marked as observed (read from the bytes of the weights) or claimed (a card or a configuration says
    so), and each model bears the verdict of its scan. Where a claim and the bytes do not agree it is told.

    \b
    Examples:
      safecase supply bom models/guide
      safecase supply bom models/guide --format cyclonedx -o bom.cdx.json
      safecase supply bom . --format spdx -o bom.spdx.json
    """
    from safecase.cli import console
    from safecase.measures.supply_chain.bom.inventory import take

    with console.counting() as step:
        found = take(path, step)
    for line in found.disagreements:
        console.say(f"disagreement: {line}")
    content = _rendered(found, form, _moment())
    if output is None:
        console.result(content)
    else:
        from safecase.cli.output import write

        write(output, content)
        console.say(
            f"{output}: {len(found.models)} models, {len(found.datasets)} data sets, {len(found.packages)} packages"
        )
    return 0


def _moment() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)


def _rendered(found: Any, form: str, at: datetime) -> bytes:
    if form == "spdx":
        from safecase.measures.supply_chain.bom import spdx

        return spdx.write(found, at)
    if form.startswith("cyclonedx"):
        from safecase.measures.supply_chain.bom import cyclonedx

        return cyclonedx.write(found, "1.6" if form.endswith("1.6") else "1.7", at)
    if form == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    return _text(found).encode("utf-8", "replace")


def _text(found: Any) -> str:
    from safecase.readers.text import shown

    lines = []
    for model in found.models:
        lines.append(f"{shown(model.name, 200)}  ({shown(model.path, 200)}, scan: {model.verdict})")
        lines += [f"  {file.sha256[:16]}…  {file.size:>14,}  {shown(file.name, 200)}" for file in model.files]
        for said in model.said:
            if said.name not in ("use", "limitations"):
                lines.append(f"  {said.how:<8}  {said.name}: {shown(said.value, 100)}  ({shown(said.file)})")
    lines.append(f"{len(found.datasets)} data sets, {len(found.packages)} packages")
    return "\n".join(lines) + "\n"
