"""`safecase explain`: one text for every id: what it is, why it matters, how it is checked, how to mend it."""

from __future__ import annotations

import click

from safecase.cli.completion import ids as known_ids


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=known_ids)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def explain(ids: tuple[str, ...], form: str) -> None:
    """Explain controls, checks, measures, manifest keys, words of the vocabulary or exit codes; without ID, list them.

    \b
    Examples:
      safecase explain SC-04
      safecase explain model.scan
      safecase explain deployment.hosting
      safecase explain 3
    """
    import json

    from safecase.cli import console, pages

    if not ids:
        console.result(pages.index())
        return
    found = [pages.page(wanted) for wanted in ids]
    if form == "json":
        console.result(
            json.dumps([{"id": p.id, "kind": p.kind, "title": p.title, "text": p.text} for p in found], indent=2) + "\n"
        )
    else:
        console.result("\n".join(p.text for p in found))
