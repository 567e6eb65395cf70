"""`safecase schema`: the JSON Schema of safecase.yaml, or an example to start with."""

from __future__ import annotations

import click


@click.command()
@click.option("--example", is_flag=True, help="Print a safecase.yaml of ten lines instead.")
def schema(example: bool) -> None:
    """Print the JSON Schema of safecase.yaml for editors.

    \b
    Examples:
      safecase schema > .safecase/schema.json
      safecase schema --example > safecase.yaml
    """
    import json

    from safecase.cli import console
    from safecase.service import keys
    from safecase.service.schema import schema as made

    console.result(keys.example() if example else json.dumps(made(), indent=2) + "\n")
