"""`safecase testing families`."""

from __future__ import annotations

import click


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def families(form: str) -> None:
    """List the families of attacks: what each looks for, and of which threats it is a way.

    \b
    Examples:
      safecase testing families
      safecase testing families --format json
    """
    import msgspec

    from safecase.cli import console
    from safecase.measures.testing.attacking import chosen

    known = sorted(chosen(()), key=lambda one: one.name)
    if form == "json":
        rows = [
            {
                "weakness": one.weakness,
                "family": one.name,
                "title": one.title,
                "threats": one.threats,
                "references": one.references,
            }
            for one in known
        ]
        console.result(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
        return
    wide = max(len(one.name) for one in known)
    console.result("".join(f"{one.name:<{wide}}  {one.title}\n" for one in known))
