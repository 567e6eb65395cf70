"""`safecase threats diff`: what a change of the manifest brings and takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.assess.threat_diff import Changed, Difference
    from safecase.vocabulary import Fact


@click.command()
@click.argument("manifests", nargs=-1, type=click.Path(path_type=Path), metavar="[OLD] [NEW]")
@click.option("--since", metavar="REV", help="Compare with the manifest of this git revision.")
@click.option("--format", "form", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where a threat is gained.")
def diff(manifests: tuple[Path, ...], since: str | None, form: str, exit_code: bool) -> int:
    """Show the threats and controls that a change of the manifest brings or takes, and the facts that decide.

    Give two manifests, or one and --since REV.

    \b
    Examples:
      safecase threats diff old.yaml new.yaml
      safecase threats diff --since origin/main
      safecase threats diff --since HEAD~1 --format md > comment.md
    """
    import msgspec

    from safecase.assess.threat_diff import difference
    from safecase.cli import console

    before, after = _both(manifests, since)
    found = difference(before, after)
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    else:
        console.result(_markdown(found) if form == "md" else _text(found))
    return 1 if exit_code and found.threats_gained else 0


def _both(manifests: tuple[Path, ...], since: str | None) -> tuple[Mapping[str, Fact], Mapping[str, Fact]]:
    from safecase.assess.threat_model import known_facts
    from safecase.errors import UsageError
    from safecase.service import read
    from safecase.service.facts import facts_by_key

    if len(manifests) > 2 or (since is not None and len(manifests) > 1) or (since is None and len(manifests) != 2):
        raise UsageError("two manifests are compared", mend="give OLD and NEW, or one of them and --since REV")
    described = [read.read(path if path.is_file() else read.find(path)) for path in manifests or (Path(),)]
    if since is None:
        return facts_by_key(described[0].facts, ()), facts_by_key(described[1].facts, ())
    from safecase.assess.revision import Revision

    now = described[0]
    then = Revision.of(now.root, since)
    known = then.manifest(now)
    old: Mapping[str, Fact] = {}
    if known is not None:
        old = facts_by_key(known[0].facts, then.discovered(known[1]))
    return old, known_facts(now)


_PARTS = (
    ("threats_gained", "+", "Threats gained"),
    ("threats_lost", "-", "Threats lost"),
    ("controls_gained", "+", "Controls gained"),
    ("controls_lost", "-", "Controls lost"),
)


def _text(found: Difference) -> str:
    from safecase.readers.text import shown

    lines: list[str] = []
    for word, sign, title in _PARTS:
        rows: tuple[Changed, ...] = getattr(found, word)
        if rows:
            lines += ["", f"{title}: {len(rows)}"]
        for row in rows:
            lines.append(f"  {sign} {row.id:<6} {row.title}")
            lines += [f"           {shown(why, 120)}" for why in row.because[:2]]
    return "\n".join(lines).lstrip("\n") + "\n" if lines else "no threat and no control changes\n"


def _markdown(found: Difference) -> str:
    from safecase.readers.text import shown

    def cell(text: str) -> str:
        return shown(text, 200).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")

    counts = [f"{len(getattr(found, word))} {title.lower()}" for word, _, title in _PARTS if getattr(found, word)]
    lines = ["## What this change means for the threats of the service", ""]
    if not counts:
        return "\n".join([*lines, "No threat and no control changes."]) + "\n"
    lines.append(f"{', '.join(counts)}.")
    for word, sign, title in _PARTS:
        rows: tuple[Changed, ...] = getattr(found, word)
        if rows:
            lines += ["", f"### {title}", "", "| | id | what | because |", "|---|---|---|---|"]
            lines += [f"| {sign} | {r.id} | {cell(r.title)} | {cell('; '.join(r.because[:3]))} |" for r in rows]
    if found.facts_changed:
        lines += [
            "",
            "<details><summary>Facts that changed</summary>",
            "",
            "| fact | before | after |",
            "|---|---|---|",
        ]
        lines += [
            f"| {key} | {cell(was) or '(not said)'} | {cell(now) or '(not said)'} |"
            for key, was, now in found.facts_changed[:100]
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"
