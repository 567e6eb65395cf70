"""`safecase schema`: the JSON Schema of safecase.yaml, or an example to start with."""

from __future__ import annotations

import click


@click.command()
@click.option("--example", is_flag=True, help="Print a safecase.yaml of ten lines instead.")
@click.option("--gateway", is_flag=True, help="Print the schema of a gateway's policy instead.")
def schema(example: bool, gateway: bool) -> None:
    """Print the JSON Schema of safecase.yaml for editors.

    \b
    Examples:
      safecase schema > .safecase/schema.json
      safecase schema --example > safecase.yaml
      safecase schema --gateway
    """
    import json

    from safecase.cli import console
    from safecase.service import keys
    from safecase.service.schema import schema as made

    if gateway:
        import msgspec

        from safecase.gateway.policy import GatewayPolicy

        console.result(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(GatewayPolicy)), indent=2) + b"\n")
        return
    console.result(keys.example() if example else json.dumps(made(), indent=2) + "\n")
