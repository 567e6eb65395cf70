"""`safecase supply`: what the service is made of, looked into without trusting it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

import click

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "scan": ("supply_scan:scan", "Look inside model files without loading them."),
    "provenance": ("supply_provenance:provenance", "Where each model comes from, against the policy."),
    "bom": ("supply_bom:bom", "A bill of materials of models: CycloneDX, SPDX."),
    "convert": ("supply_convert:convert", "Weights out of a pickle, into safetensors."),
    "sign": ("supply_signing:sign", "Sign a model, every file of it."),
    "verify": ("supply_signing:verify", "Verify who signed a model, and that it is as it was signed."),
    "firewall": ("supply_firewall:firewall", "Fetch, verify and scan before serving: a proxy before a hub."),
    "vendors": ("supply_vendors:vendors", "Who supplies models, data and tools, and where each stands."),
}


class _Verbs(click.Group):
    """The verbs of the group by a table: the module of one is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"safecase.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


EPILOG = """\b
Examples:
  safecase supply scan models/
  safecase supply scan model.pkl --format sarif -o scan.sarif
  safecase supply bom models/ --format cyclonedx -o bom.cdx.json
  safecase supply convert model.pt model.safetensors
  safecase supply firewall --store models-store
  safecase supply vendors
"""


@click.group(cls=_Verbs, epilog=EPILOG)
def supply() -> None:
    """Look inside models and what they come with; trust only what is pinned, signed and known."""
