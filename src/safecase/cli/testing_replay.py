"""`safecase testing replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safecase.cli.attacking import asking


@click.command()
@click.argument("cases", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", metavar="TARGET")
@asking
def replay(cases: Path, target: str, form: str, output: Path | None, **given: Any) -> int:
    """Ask again what worked once: the cases of FILE, which `testing attack --keep` wrote, in the very same words.

    Each case is asked until it is settled whether it works more often than --limit: some 31 times where it no longer
    does; with `--limit 0.5`, 5 times.

    Exit codes: 0 nothing works any more, 1 something does, 3 something could not be settled, 2 wrong use.

    \b
    Examples:
      safecase testing attack target.yaml --keep regressions.jsonl
      safecase testing replay regressions.jsonl target.yaml
      safecase testing replay regressions.jsonl . --limit 0.5 --format junit -o replay.xml
    """
    from safecase.cli.attacking import Attacked, give, report
    from safecase.errors import UsageError
    from safecase.measures.testing.attacking import facts_of
    from safecase.measures.testing.kept import lacking, probes_of, read

    asked = Attacked.read(target, given)
    kept, facts = read(cases), facts_of(asked.described)
    if not kept:
        raise UsageError(f"{cases} holds no cases", mend="`safecase testing attack TARGET --keep FILE` writes some")
    if missing := lacking(kept, facts):
        raise UsageError(f"nothing would show that some cases of {cases} work", mend=f"give {missing}")
    wanted = probes_of(kept, facts)
    return give(report(asked, asked.run(wanted, given), named=True), form, output, target)
