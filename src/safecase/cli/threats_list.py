"""`safecase threats list`: which threats apply, which do not, and the facts that decided it."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.options import service_argument

FORMATS = ("text", "json", "sarif", "md", "html")


@click.command("list")
@service_argument
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--explain", metavar="ID", help="One threat: why it applies or not, and what answers it.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to stdout.")
def list_(service: Path | None, form: str, explain: str | None, output: Path | None) -> int:
    """List the threats of a service by its facts, with the evidence that is there; nothing is run.

    A threat is answered while fresh evidence supports every control that answers it. What the manifest says of
    controls closes none.

    \b
    Examples:
      safecase threats list
      safecase threats list services/chat --format md
      safecase threats list --explain T39
      safecase threats list --format html -o threats.html
    """
    from safecase.assess.threat_model import collected, threat_model
    from safecase.cli import console
    from safecase.errors import UsageError
    from safecase.export import threat_lists
    from safecase.service import read

    if service is not None and not service.exists():
        raise UsageError(f"{service} does not exist", mend="give the folder of a service, or its safecase.yaml")
    described = read.read(service if service is not None and service.is_file() else read.find(service or Path()))
    found = threat_model(described, collected(described))
    width, unicode = console.screen()
    if explain is not None:
        told = threat_lists.explained(found, explain.upper(), width=width)
        if told is None:
            known = [*(one.id for one in found.threats), *(one.id for one in found.not_applicable)]
            near = console.did_you_mean(explain.upper(), known)
            raise UsageError(f"{explain}: no such threat{near}", mend="safecase threats list")
        content = told.encode("utf-8", "replace")
    elif form == "text":
        coloured = console.coloured() and output is None
        content = threat_lists.text(found, width=width, colour=coloured, unicode=unicode).encode("utf-8", "replace")
    elif form == "md":
        content = threat_lists.markdown(found).encode("utf-8", "replace")
    elif form == "sarif":
        content = threat_lists.sarif(found, described.file)
    else:
        content = threat_lists.html(found) if form == "html" else threat_lists.as_json(found)
    if output is None:
        console.result(content)
    else:
        from safecase.cli.output import write

        write(output, content)
    return 0
