"""`safecase threats paths`: how text of others reaches an effect, and the fewest controls that close every way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from safecase.cli.options import service_argument

if TYPE_CHECKING:
    from safecase.engines.hitting_sets import Hitting
    from safecase.service.attack_paths import Path as Way


@click.command()
@service_argument
@click.option("--format", "form", type=click.Choice(["text", "json", "mermaid"]), default="text", show_default=True)
def paths(service: Path | None, form: str) -> int:
    """Show the ways from text of others through the model's context to tools with effect, and private data's ways out.

    Only what holds whatever the model does counts as closing a way: approvals, sandboxes, egress filters, encoded
    output, pinned definitions. What nobody said counts as the worse value, and is named.

    \b
    Examples:
      safecase threats paths
      safecase threats paths services/agent --format mermaid
    """
    import msgspec

    from safecase.cli import console
    from safecase.cli.assessing import found as described
    from safecase.service.attack_paths import fewest_cuts
    from safecase.service.attack_paths import paths as found_in

    found = found_in(described(service).manifest)
    cuts = fewest_cuts(found)
    if form == "json":
        rows = [
            {
                "id": way.id,
                "steps": way.steps,
                "goal": way.end.goal,
                "severity": way.end.severity,
                "threats": way.threats,
                "cuts": way.cuts,
                "weakened_by": way.entry.weakens,
                "assumed": way.assumed,
                "mend": way.end.mend,
            }
            for way in found
        ]
        answer = {"paths": rows, "fewest_cuts": cuts.chosen, "proven": cuts.proven}
        console.result(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    else:
        console.result(_mermaid(found) if form == "mermaid" else _text(found, cuts, console.screen()[0]))
    return 0


def _text(found: tuple[Way, ...], cuts: Hitting, width: int) -> str:
    import textwrap

    from safecase.readers.text import shown
    from safecase.service.attack_paths import MOST_PATHS

    if not found:
        return "no text of others reaches an effect, by what the manifest says\n"
    lines = [f"{len(found)}{' or more' * (len(found) == MOST_PATHS)} ways from text of others to an effect", ""]
    seen = ""
    for way in found:
        if way.end.id != seen:
            seen = way.end.id
            lines.append(f"{way.end.severity}: {shown(way.end.told, 120)}  [{', '.join(way.end.threats)}]")
            lines += textwrap.wrap(
                f"closed by {', '.join(way.end.cuts)}: {way.end.mend}",
                width,
                initial_indent="  ",
                subsequent_indent="    ",
            )
        unsaid = f" (not said: {', '.join(way.assumed)})" if way.assumed else ""
        lines += textwrap.wrap(
            f"from {shown(way.entry.told, 120)}{unsaid}", width, initial_indent="  ", subsequent_indent="    "
        )
    proof = "no smaller set does" if cuts.proven else "the best that was found"
    lines += ["", *textwrap.wrap(f"Closed all together by {', '.join(cuts.chosen)} ({proof}).", width)]
    lines.append(f"Next: safecase explain {cuts.chosen[0]}" if cuts.chosen else "")
    return "\n".join(lines).rstrip() + "\n"


def _mermaid(found: tuple[Way, ...]) -> str:
    """Give the ways as a flowchart."""
    from safecase.export.mermaid import words

    entries = {way.entry.id: f"i{at}" for at, way in enumerate(found)}
    ends = {way.end.id: f"o{at}" for at, way in enumerate(found)}
    told = {way.entry.id: way.entry.told for way in found}
    lines = ["flowchart LR", '  context(["the model\'s context"])']
    lines += [f'  {node}["{words(told[id_])}"] -.-> context' for id_, node in entries.items()]
    for way in {way.end.id: way for way in found}.values():
        lines.append(f'  context --> {ends[way.end.id]}["{words(way.end.told)}"]')
    return "\n".join(lines) + "\n"
