"""`safecase gateway`: what every call of an AI service passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from safecase.cli.verbs import Verbs

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("gateway_run:run", "Run it: OpenAI's and Anthropic's APIs before your upstreams."),
    "policy": ("gateway_policy:policy", "The policy that follows from the service's threats, and why."),
    "matrix": ("gateway_run:matrix", "Which guard runs on which API, direction and mode."),
    "keys": ("gateway_keys:keys", "Make, list and withdraw the keys that clients present."),
    "mcp": ("gateway_mcp:mcp", "Stand before an MCP server: its tools stay as they were approved."),
}

EPILOG = """\b
Examples:
  export SAFECASE_GATEWAY_SECRET=$(python -c 'import secrets; print(secrets.token_urlsafe(48))')
  safecase gateway keys create ada --requests-per-minute 60
  safecase gateway policy
  safecase gateway run --upstream http://127.0.0.1:8000/v1
"""


@click.group(cls=Verbs, table=VERBS, epilog=EPILOG)
def gateway() -> None:
    """Stand between clients and models: keys and limits, guards in both directions, and a log of what they did."""
