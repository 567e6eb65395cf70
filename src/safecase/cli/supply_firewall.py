"""`safecase supply firewall`: a proxy before a hub of models that scans before it serves."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT")
@click.option(
    "--i-know-others-can-reach-it",
    "public",
    is_flag=True,
    help="Listen on an address that other machines reach: whoever does reads with the firewall's token.",
)
@click.option("--upstream", default="https://huggingface.co", show_default=True, metavar="URL", help="The hub.")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where blobs and verdicts are kept.  [default: the user's cache folder]",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A policy, or a safecase.yaml: then its own models only.",
)
@click.option("--max-bytes", type=click.IntRange(1), metavar="N", help="Of one file; overrides the policy.")
@click.option("--max-store", type=click.IntRange(1), metavar="N", help="Of all blobs; the least wanted go first.")
@click.option(
    "--token-env", metavar="NAME", help="The environment variable that holds the firewall's token at the hub."
)
@click.option(
    "--allow-host", multiple=True, metavar="HOST", help="A private host that the hub may lead to; may be repeated."
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Add events to FILE and not to stdout, one JSON object a line.",
)
@click.option("--scan-timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="Seconds for a file.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that scan.  [default: one a processor]")
def firewall(
    listen: str,
    public: bool,
    upstream: str,
    store: Path | None,
    policy: Path | None,
    max_bytes: int | None,
    max_store: int | None,
    token_env: str | None,
    allow_host: tuple[str, ...],
    log: Path | None,
    scan_timeout: float,
    workers: int | None,
) -> None:
    """Stand between clients and a hub of models: fetch, verify, scan, and only then serve.

    Clients set HF_ENDPOINT to its address and change nothing else. Every file is fetched once into quarantine, compared
    with the digest that the hub announces, and looked into without loading it; malicious, suspicious and broken ones
    are refused, and the client prints why. What is served lies in a store, by its digest, and is served again without
    the hub.

    \b
    Examples:
      safecase supply firewall
      HF_ENDPOINT=http://127.0.0.1:8080 hf download google/vit-base-patch16-224
      safecase supply firewall --policy safecase.yaml --log firewall.jsonl
      safecase supply firewall --policy firewall.yaml --token-env HF_TOKEN --max-store 500000000000
    """
    import msgspec

    from safecase.cli import console
    from safecase.cli.listening import address
    from safecase.firewall import policy as policies
    from safecase.firewall.server import Settings, check_installed, processors, serve

    check_installed()
    host, port = address(listen, public=public, reads="read with the firewall's token")
    rules = policies.read(policy) if policy else policies.Policy()
    rules = msgspec.structs.replace(rules, hosts=(*rules.hosts, *allow_host), max_bytes=max_bytes or rules.max_bytes)
    settings = Settings(
        store=store or _home(),
        host=host,
        port=port,
        upstream=upstream,
        token=_token(token_env),
        policy=rules,
        log=log,
        quota=max_store,
        workers=workers or processors(),
        scan_seconds=scan_timeout,
    )
    named = f"[{host}]" if ":" in host else host
    console.say(f"firewall for {upstream} on http://{named}:{port}; clients: HF_ENDPOINT=http://{named}:{port}")
    serve(settings)


def _token(name: str | None) -> str:
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    if name is None:
        return ""
    token = os.environ.get(name, "").strip()
    if not token:
        raise UsageError(f"the environment variable {shown(name)} is not set", mend="set it, or leave --token-env out")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{shown(name)} holds what no token can be", mend="set it to the token alone")
    return token


def _home() -> Path:
    home = os.environ.get("SAFECASE_HOME")
    if not home:
        import platformdirs

        home = platformdirs.user_cache_dir("safecase", appauthor=False)
    return Path(home) / "firewall"
