"""`safecase threats editions`: which editions of others' lists are meant, and what moved between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import click

Moved: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]
"""By the name of a map (`llm_2025_to_2026`): old numbers and new ones."""


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def editions(ids: tuple[str, ...], form: str) -> int:
    """Show which editions are meant, and where an id of an older one stands now.

    A new edition numbers anew: replacing one id after the other in a text corrupts it. Give ids to translate them.

    \b
    Examples:
      safecase threats editions
      safecase threats editions LLM03:2025 ASI02:2026
      safecase threats editions --format json
    """
    import msgspec

    from safecase.catalogue.read import catalogue
    from safecase.cli import console
    from safecase.errors import UsageError

    rows = catalogue().editions
    if ids:
        answer: dict[str, object] = {}
        for id_ in ids:
            found = rows_of(id_.upper(), rows.moved)
            if not found and id_.upper() not in rows.names:
                raise UsageError(f"{id_} is in no list that is known", mend="write it with its edition: LLM03:2025")
            answer[id_.upper()] = {"name": rows.names.get(id_.upper()), "moved": found}
    else:
        answer = {"editions": dict(rows.editions), "moved": msgspec.to_builtins(rows.moved)}
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
        return 0
    console.result("\n".join(_ids(ids, rows.names, rows.moved) if ids else _all(rows.editions, rows.moved)) + "\n")
    return 0


def rows_of(id_: str, moved: Moved) -> dict[str, list[str]]:
    """Give where an id with its edition stands in other lists, by the map that says so."""
    number, _, edition = id_.partition(":")
    found = {}
    for name, rows in moved.items():
        source, _, target = name.partition("_to_")
        prefix, _, old = source.partition("_")
        if number.startswith(prefix.upper()) and edition == old and number in rows:
            found[name] = [f"{one}:{target.rpartition('_')[2]}" for one in rows[number]]
    return found


def _ids(ids: tuple[str, ...], names: Mapping[str, str], moved: Moved) -> list[str]:
    lines = []
    for id_ in ids:
        lines.append(f"{id_.upper()}  {names.get(id_.upper(), '(an older edition)')}")
        for name, now in rows_of(id_.upper(), moved).items():
            word = "related to" if name.startswith("asi") else "is now"
            lines += [f"  {word} {one}  {names.get(one, '')}" for one in now]
    return lines


def _all(editions: Mapping[str, str], moved: Moved) -> list[str]:
    lines = ["Editions that the catalogue keeps to:", *(f"  {name:<14} {one}" for name, one in editions.items())]
    for name, rows in moved.items():
        lines += ["", name.replace("_", " ")]
        lines += [
            f"  {old:<7} {', '.join(now)}" + ("  (same)" if [old] == list(now) else "") for old, now in rows.items()
        ]
    return lines
