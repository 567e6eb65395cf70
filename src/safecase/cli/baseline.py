"""`safecase baseline`: note today's gaps, so that only new ones block."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.options import service_argument

DEFAULT = Path("safecase-baseline.json")


@click.command()
@service_argument
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True)
def baseline(service: Path | None, output: Path) -> None:
    """Note the gaps of the case as it stands in a file to commit; `safecase gate` then blocks only on new ones.

    What is critical (a malicious model file, a leaked key) is never noted. Name the file under `gate.baseline`.
    """
    from safecase.assess import baseline as baselines
    from safecase.assess.assessment import Wishes, conclude, prepare
    from safecase.cli import assessing, console
    from safecase.cli.output import write

    prepared = prepare(assessing.found(service), Wishes())
    case = conclude(prepared)
    taken = baselines.take(case)
    if output.is_file():
        known = baselines.from_bytes(output.read_bytes(), str(output), case.service)
        console.say(f"{len(baselines.gone(known, case.claims))} gaps of the old baseline are gone")
    write(output, baselines.to_bytes(taken))
    console.say(
        f"{output}: {len(taken.gaps)} gaps; name it under gate.baseline in {prepared.service.file}, and commit both"
    )
