"""`safecase export`: write the case as it stands in another format."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.options import format_option, output_option, service_argument


@click.command()
@service_argument
@format_option
@output_option
def export(service: Path | None, form: str, outputs: tuple[Path, ...]) -> None:
    """Write the case from the evidence that is there, without running a check.

    \b
    Examples:
      safecase export --format json
      safecase export -o case.html -o case.sarif -o junit:results/case.xml
    """
    from safecase.assess.assessment import Wishes, conclude, prepare
    from safecase.cli import assessing, output

    output.writable(outputs)
    prepared = prepare(assessing.found(service), Wishes())
    output.give(conclude(prepared), prepared, form="" if outputs and form == "text" else form, outputs=outputs)
