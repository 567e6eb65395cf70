"""`safecase catalogue`: what the catalogue holds, and whether a catalogue's files are sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.catalogue.lint import Sayable

PARTS = ("controls", "threats", "regimes", "facts", "measures", "risk_groups", "profiles", "editions")


@click.group()
def catalogue() -> None:
    """Show the catalogue of controls and threats, or check one of your own."""


@catalogue.command()
@click.argument("part", required=False, type=click.Choice(PARTS))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def show(part: str | None, form: str) -> None:
    """Show how much there is, or every row of a part.

    \b
    Examples:
      safecase catalogue show
      safecase catalogue show threats
      safecase catalogue show controls --format json
    """
    import msgspec

    from safecase.catalogue.read import catalogue as shipped
    from safecase.cli import console

    rows = shipped()
    if form == "json":
        chosen: object = rows if part is None else getattr(rows, part)
        if part in ("controls", "threats", "regimes") and isinstance(chosen, Mapping):
            chosen = list(chosen.values())
        told = msgspec.to_builtins(chosen)
        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    elif part is None:
        counts = {name: len(getattr(rows, name)) for name in PARTS if name != "editions"}
        lines = [f"catalogue {rows.version}, released {rows.released}", ""]
        lines += [f"  {number:>4} {name.replace('_', ' ')}" for name, number in counts.items()]
        lines += ["", *(f"  {name:<14} {edition}" for name, edition in rows.editions.editions.items()), ""]
        console.result("\n".join(lines))
    else:
        listed: Mapping[str, object] = rows.editions.names if part == "editions" else getattr(rows, part)
        console.result("".join(f"{line}\n" for line in _lines(listed)))


def _lines(rows: Mapping[str, object]) -> Iterable[str]:
    """A line a row: its id, and its title or text."""
    width = max(map(len, rows), default=0)
    for name, row in rows.items():
        told = row if isinstance(row, str) else getattr(row, "title", None) or getattr(row, "text", "")
        yield f"{name:<{width}}  {told}"


@catalogue.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def lint(folder: Path | None) -> int:
    """Check the files of a catalogue in FOLDER, or those that are shipped: ids, references, editions, predicates.

    \b
    Examples:
      safecase catalogue lint
      safecase catalogue lint src/safecase/catalogue/data
    """
    from safecase.catalogue.lint import lint as linted
    from safecase.catalogue.read import FILES, shipped_folder
    from safecase.cli import console

    where = folder or shipped_folder()
    faults = linted(where, _sayable())
    for fault in faults:
        console.error(fault)
    if not faults:
        console.result(f"{len(FILES)} files of the catalogue are sound\n")
    return 1 if faults else 0


def _sayable() -> Sayable:
    from safecase.catalogue.lint import Sayable
    from safecase.checks import load
    from safecase.service.discover import DISCOVERED
    from safecase.service.keys import all_keys, key_page

    facts: dict[str, tuple[str, ...]] = dict.fromkeys(DISCOVERED, ())
    for key in all_keys():
        page = key_page(key)
        facts[key.replace("[]", "")] = page.allowed if page else ()
        if "[]" in key:
            facts.setdefault(key.partition("[]")[0], ())  # how many there are
    own = [check for check in load().values() if check.where.startswith("safecase.measures.")]
    return Sayable(facts=facts, checks={check.id: check.control for check in own})
