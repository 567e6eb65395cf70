"""`safecase assess`: look at a service and write its case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safecase.cli.options import format_option, output_option, run_options, service_argument
from safecase.errors import UsageError


@click.command()
@service_argument
@run_options
@click.option("--dry-run", is_flag=True, help="Say what would run and what it would cost, and run nothing.")
@click.option("--all", "every", is_flag=True, help="Every service in DIR and below; -o writes one file a service.")
@click.option("-v", "--verbose", is_flag=True, help="Every claim with its findings.")
@format_option
@output_option
def assess(
    service: Path | None,
    dry_run: bool,
    every: bool,
    verbose: bool,
    form: str,
    outputs: tuple[Path, ...],
    **wishes: Any,
) -> int:
    """Look at the service whose safecase.yaml lies here (or in DIR) and write its safety case.

    Only checks whose evidence is missing, old or void run; evidence that came with the repository counts where one of
    your own keys signed it. It looks and does not judge: the exit code is 0 when it could look, whatever it saw, and 3
    when every check that ran could not. `safecase gate` judges.

    \b
    Examples:
      safecase assess
      safecase assess ../bot --only SC-04 --only testing
      safecase assess --dry-run
      safecase assess -o case.html -o case.json
      safecase assess --all services -o case.html
    """
    from safecase.assess.assessment import conclude, prepare
    from safecase.cli import assessing, console, output

    if every:
        from safecase.cli.several import assess_all

        if dry_run or verbose:
            raise UsageError("--all goes with neither --dry-run nor --verbose", mend="assess one service by itself")
        return assess_all(service or Path(), assessing.wishes(**wishes), form=form, outputs=outputs)
    output.writable(outputs)
    prepared = prepare(assessing.found(service), assessing.wishes(**wishes))
    if dry_run:
        console.result(assessing.dry(prepared, form))
        return 0
    looked = assessing.run_shown(prepared)
    case = conclude(prepared)
    output.remember(case, prepared)
    output.give(case, prepared, form="claims" if verbose and form == "text" else form, outputs=outputs)
    return 0 if looked else 3
