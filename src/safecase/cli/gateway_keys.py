"""`safecase gateway keys`: the keys that clients present."""

from __future__ import annotations

from pathlib import Path

import click

from safecase.cli.gateway_run import KEYS, SECRET, secret_of

FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")


@click.group()
def keys() -> None:
    """Make, list and withdraw keys. Of a key only a keyed digest and its beginning are kept.

    \b
    Examples:
      safecase gateway keys create ada --service garden --model 'gpt-*' --requests-per-minute 60
      safecase gateway keys list
      safecase gateway keys revoke ada
    """


@keys.command()
@click.argument("name")
@KEYS
@SECRET
@click.option("--service", default="", help="The service that it is for.")
@click.option("--model", "models", multiple=True, metavar="GLOB", help="Models that it may use.")
@click.option("--scope", "scopes", multiple=True, metavar="API", help="What it may use: chat, responses …")
@click.option("--requests-per-minute", type=click.IntRange(1))
@click.option("--tokens-per-minute", type=click.IntRange(1))
@click.option("--tokens-per-day", type=click.IntRange(1))
@click.option("--money-per-month", type=click.FloatRange(0, min_open=True), help="In the currency of the prices.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Its last day (UTC).")
@FORMAT
def create(
    name: str,
    keys_file: Path,
    secret_env: str,
    service: str,
    models: tuple[str, ...],
    scopes: tuple[str, ...],
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    tokens_per_day: int | None,
    money_per_month: float | None,
    expires: click.DateTime | None,
    form: str,
) -> None:
    """Make a key and print it, once.

    \b
    Examples:
      safecase gateway keys create ada
      safecase gateway keys create nightly --scope chat --tokens-per-day 1000000 --expires 2027-01-31
    """
    import msgspec

    from safecase.cli import console
    from safecase.gateway.keys import Key, KeyStore

    store = KeyStore(keys_file, secret_of(secret_env))
    made = store.create(
        Key(
            name=name,
            prefix="",
            service=service,
            models=models,
            scopes=scopes,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            tokens_per_day=tokens_per_day,
            money_per_month=round(money_per_month * 1_000_000) if money_per_month else None,
            expires=f"{expires:%Y-%m-%d}T23:59:59+00:00" if expires else None,
        )
    )
    if form == "json":
        console.result(msgspec.json.encode({"name": name, "key": made}) + b"\n")
    else:
        console.result(made + "\n")
        console.say("this is the only time that it is shown")


@keys.command("list")
@KEYS
@SECRET
@FORMAT
def list_(keys_file: Path, secret_env: str, form: str) -> None:
    """List all keys: their beginnings, what they are for, and whether they work.

    \b
    Examples:
      safecase gateway keys list
      safecase gateway keys list --format json
    """
    import msgspec

    from safecase.cli import console
    from safecase.gateway.keys import KeyStore
    from safecase.readers.text import shown

    found = KeyStore(keys_file, secret_of(secret_env)).every()
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode({"keys": found}), indent=2) + b"\n")
        return
    lines = [
        f"{key.prefix}…  {shown(key.name, 30):<30}  {'revoked' if key.revoked else 'works':<8}"
        f"{shown(key.service, 30)} {', '.join(map(shown, key.models))}".rstrip()
        for key in found
    ]
    console.result("\n".join(lines or ["no keys yet: safecase gateway keys create NAME"]) + "\n")


@keys.command()
@click.argument("name")
@KEYS
@SECRET
def revoke(name: str, keys_file: Path, secret_env: str) -> None:
    """Withdraw a key by its name or its beginning; running gateways refuse it within two seconds.

    \b
    Examples:
      safecase gateway keys revoke ada
    """
    from safecase.cli import console
    from safecase.gateway.keys import KeyStore

    gone = KeyStore(keys_file, secret_of(secret_env)).revoke(name)
    console.say(f"{gone.prefix}… of {gone.name} works no more")
