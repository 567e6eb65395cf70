"""`safecase supply provenance`: where each model comes from, held against the policy of safecase.yaml."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.service.read import ServiceDescription

SIGNS = {"pass": "+", "fail": "x", "unknown": "?"}
COLOURS = {"pass": "32", "fail": "31", "unknown": "33"}


@click.command()
@click.argument("service", required=False, type=click.Path(path_type=Path), metavar="[DIR|FILE]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--write-lock", is_flag=True, help="Write down what is declared now into supply_chain.model_lock.")
def provenance(service: Path | None, form: str, write_lock: bool) -> int:
    """Hold each model of safecase.yaml against its supply_chain policy; nothing is asked of a network.

    The policy: sources that are approved (sources, vendors), an immutable revision or digest, formats, licences,
    signers (keys, or roots and identities), owners whose names look like those of others, and a lock of which owner,
    revision and files were first seen when. What the policy does not say is not asked, but for source, pin and licence.

    Exit codes: 0 all hold, 1 something fails, 3 something could not be judged.

    \b
    Examples:
      safecase supply provenance
      safecase supply provenance services/guide --format json
      safecase supply provenance --write-lock
    """
    import msgspec

    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.measures.supply_chain.provenance import judge
    from safecase.readers.text import shown
    from safecase.service.read import find, read

    described = read(service if service and service.is_file() else find(service or Path()))
    if not described.manifest.models:
        raise UsageError(f"{described.file} declares no model", mend="list them under models:")
    now = datetime.now(UTC)
    if write_lock:
        _write_lock(described, now)
    found = [judge(model, described.manifest, described.root, now) for model in described.manifest.models]
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode({"models": found}), indent=2) + b"\n")
    else:
        lines = []
        for one in found:
            lines.append(f"{_sign(one.verdict)} {shown(one.model)}  {shown(one.source, 120)}")
            for point in one.points:
                lines.append(f"    {_sign(point.verdict)} {point.rule}: {point.message}")
                lines += [f"        mend: {point.mend}"] if point.mend and point.verdict != "pass" else []
        console.result("\n".join(lines) + "\n")
    verdicts = {one.verdict for one in found}
    return 1 if "fail" in verdicts else 3 if "unknown" in verdicts else 0


def _write_lock(described: ServiceDescription, now: datetime) -> None:
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.measures.supply_chain.model_lock import grown, read_lock, written

    name = described.manifest.supply_chain.model_lock
    if not name:
        raise UsageError("no lock is named", mend="name one: `supply_chain: {model_lock: models.lock.json}`")
    path = described.root / name
    lock = grown(read_lock(path, name), described.manifest, described.root, now.date())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written(lock))
    console.say(f"wrote {name}: {len(lock.models)} models of {len(lock.owners)} owners")


def _sign(verdict: str) -> str:
    from safecase.cli import console

    sign = SIGNS[verdict]
    return f"\x1b[{COLOURS[verdict]}m{sign}\x1b[0m" if console.coloured() else sign
