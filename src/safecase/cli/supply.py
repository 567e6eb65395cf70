"""`safecase supply`: what the service is made of, looked into without trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

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


EPILOG = """\b
Examples:
  safecase supply scan models/
  safecase supply scan model.pkl --format sarif -o scan.sarif
  safecase supply bom models/ --format cyclonedx -o bom.cdx.json
  safecase supply convert model.pt model.safetensors
  safecase supply firewall --store models-store
  safecase supply vendors
"""


@click.group(cls=Verbs, table=VERBS, epilog=EPILOG)
def supply() -> None:
    """Look inside models and what they come with; trust only what is pinned, signed and known."""
