"""`safecase threats diagram`: what flows where, between which zones of trust."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.options import service_argument


@click.command()
@service_argument
@click.option("--format", "form", type=click.Choice(["mermaid", "otm"]), default="mermaid", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to stdout.")
def diagram(service: Path | None, form: str, output: Path | None) -> int:
    """Give the data-flow diagram: Mermaid text for a README, or an Open Threat Model for other programs.

    It is drawn from components: and flows:, or, where these are left out, from models, tools, sources and users. The
    page of the case (safecase export, show case --format html) holds it as a picture.

    \b
    Examples:
      safecase threats diagram
      safecase threats diagram --format otm -o service.otm.json
    """
    from safecase.cli import console
    from safecase.cli.assessing import found as described
    from safecase.service.flows import diagram as drawn

    one = described(service)
    picture = drawn(one.manifest)
    if form == "otm":
        from safecase.assess.threat_model import collected, threat_model
        from safecase.export.otm import otm

        content = otm(picture, threat_model(one, collected(one)))
    else:
        from safecase.export.mermaid import mermaid

        content = mermaid(picture).encode("utf-8", "replace")
    if output is None:
        console.result(content)
    else:
        from safecase.cli.output import write

        write(output, content)
    return 0
