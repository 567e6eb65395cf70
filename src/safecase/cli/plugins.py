"""`safecase plugins`: which code of others takes part, and what of it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.plugins import Plugin


@click.command()
@click.option("--all", "everything", is_flag=True, help="What Safecase itself brings, too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def plugins(everything: bool, form: str) -> int:
    """List the plug-ins that are installed: whose they are, what each brings, and why one is refused.

    A plug-in is a Python distribution with entry points in `safecase.checks`, `safecase.detectors`, `safecase.probes`
    or `safecase.exporters`. Exit 3 when one of them is broken: what it would have looked at, nobody looks at.

    \b
    Examples:
      safecase plugins
      safecase plugins --all --format json
    """
    import msgspec

    from safecase import plugins as known
    from safecase.checks import load
    from safecase.cli import console

    load()
    found = (*(_own() if everything else ()), *known.installed())
    if form == "json":
        told = {"schema": "safecase/plugins/1", "plugins": msgspec.to_builtins(found)}
        console.result(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    else:
        console.result("".join(f"{line}\n" for line in _lines(found)))
    return 3 if any(plugin.broken for plugin in found) else 0


def _own() -> Iterator[Plugin]:
    """What comes with Safecase, as one plug-in of each kind."""
    from safecase import __version__
    from safecase import plugins as known
    from safecase.checks import load
    from safecase.detectors import DETECTORS
    from safecase.plugins.entries import Kind
    from safecase.probes import PROBES

    brought: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
        ("check", "safecase.measures", tuple(sorted(load().keys() - known.checks().keys()))),
        ("detector", "safecase.detectors", tuple(d.id for d in DETECTORS)),
        ("probe", "safecase.probes", tuple(p.weakness for p in PROBES)),
    )
    for kind, value, ids in brought:
        yield known.Plugin(
            kind=kind, name="built-in", distribution="safecase", version=__version__, value=value, brings=ids
        )


def _lines(found: tuple[Plugin, ...]) -> Iterator[str]:
    if not found:
        yield "No plug-in is installed. `docs/plug-ins.md` shows how one is made."
    for plugin in found:
        yield f"{plugin.kind:<9} {plugin.name}  ({plugin.distribution} {plugin.version}, {plugin.value})"
        yield f"  broken: {plugin.broken}" if plugin.broken else f"  brings {', '.join(plugin.brings)}"
    refused = sum(1 for plugin in found if plugin.broken)
    if refused:
        yield ""
        verb = "is broken and brings" if refused == 1 else "are broken and bring"
        yield f"{refused} of {len(found)} plug-ins {verb} nothing."
