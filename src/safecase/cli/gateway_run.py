"""`safecase gateway run` and `matrix`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.gateway.from_threats import Derived, Value
    from safecase.gateway.policy import GatewayPolicy
    from safecase.service.read import ServiceDescription

POLICY = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A policy, whole, or a safecase.yaml, from whose threats it follows.  [default: the service's safecase.yaml]",
)
KEYS = click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".safecase/gateway-keys.db"),
    show_default=True,
    metavar="FILE",
    help="Where keys and limits are kept.",
)
SECRET = click.option(
    "--secret-env",
    default="SAFECASE_GATEWAY_SECRET",
    show_default=True,
    metavar="NAME",
    help="The environment variable with the secret by which keys are digested.",
)


@click.command()
@POLICY
@click.option(
    "--upstream", metavar="URL", help="The models' address (OpenAI's API, ending in /v1), for a policy's own."
)
@click.option("--upstream-key-env", metavar="NAME", help="The environment variable with the upstream's credential.")
@KEYS
@SECRET
@click.option("--listen", default="127.0.0.1:4000", show_default=True, metavar="HOST:PORT")
@click.option("--i-know-others-can-reach-it", "public", is_flag=True, help="Listen where other machines reach it.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@click.option("--shadow", is_flag=True, help="Say what guards would do, and let everything through.")
def run(
    policy: Path | None,
    upstream: str | None,
    upstream_key_env: str | None,
    keys_file: Path,
    secret_env: str,
    listen: str,
    public: bool,
    workers: int,
    shadow: bool,
) -> None:
    """Run the gateway until it is stopped; it says first which guard looks where.

    What its guards do follows from the threats that the service of safecase.yaml faces; what `protection.gateway` says
    wins over that. `safecase gateway policy` prints the outcome, with the reason of each setting.

    Clients use http://127.0.0.1:4000/v1 as their base URL and a key of `safecase gateway keys create`. Every call is in
    the log (`log.folder` of the policy): who, which model, what each guard did, and no text. /healthz and /metrics
    (Prometheus) tell how it is.

    \b
    Examples:
      safecase gateway run --upstream http://127.0.0.1:8000/v1
      safecase gateway run --policy gateway.yaml --shadow --workers 4
      OPENAI_BASE_URL=http://127.0.0.1:4000/v1 OPENAI_API_KEY=sk-sc-... python app.py
    """
    import msgspec

    from safecase.cli import console
    from safecase.cli.listening import address
    from safecase.errors import UsageError
    from safecase.gateway.keyed import keyed, store_doubts
    from safecase.gateway.keys import check_secret
    from safecase.gateway.server import Settings, check_installed, serve
    from safecase.service.references import resolve

    check_installed()
    host, port = address(listen, public=public, reads="use your keys at your providers once they have one of yours")
    secret = secret_of(secret_env)
    check_secret(secret)
    above = upstream_of(upstream, upstream_key_env)
    said, root = policy_at(policy, above, told=console.say)
    if not said.upstreams:
        raise UsageError(
            "nobody says where the models are", mend="say --upstream URL, or `upstreams:` in protection.gateway"
        )
    said = msgspec.structs.replace(said, shadow=said.shadow or shadow)
    store = resolve(said.limits.store, root)
    opening = partial(keyed, keys_file, secret, said.limits.requests_per_minute, store, said.limits.store_prefix)
    for doubt in store_doubts(store):
        console.say(f"warning: {doubt}")
    settings = Settings(policy=said, root=root, host=host, port=port)
    console.say(told(said, root))
    console.say(f"gateway on http://{host}:{port}/v1{', in shadow: nothing is stopped' if said.shadow else ''}")
    serve(settings, opening, partial(resolve, root=root), workers)


@click.command()
@POLICY
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def matrix(policy: Path | None, form: str) -> None:
    """Say which guard runs on which API, in which direction (in, out, tools) and mode (whole, stream).

    \b
    Examples:
      safecase gateway matrix --policy gateway.yaml
      safecase gateway matrix --format json
    """
    import msgspec

    from safecase.cli import console

    said, root = policy_at(policy)
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode(_matrix(said, root)), indent=2) + b"\n")
    else:
        console.result(told(said, root) + "\n")


def policy_at(
    path: Path | None, above: Mapping[str, Value] | None = None, told: Callable[[str], None] = lambda _: None
) -> tuple[GatewayPolicy, Path]:
    """Give a file's policy, or the one that follows from a service's threats, and what its paths are relative to.

    `above` wins over what either says; `told` is told in a line or two what follows.
    """
    import msgspec

    from safecase.gateway.policy import policy_of, read_policy
    from safecase.service.read import find, read

    if path is not None and path.name != "safecase.yaml":
        policy = read_policy(path)
        plain = {**msgspec.to_builtins(policy), **above} if above else None
        return policy_of(plain, str(path)) if plain else policy, path.parent
    service = read(path or find(Path()))
    found = derived(service, above)
    follow = sum(reason.origin == "derived" for reason in found.reasons)
    told(f"{follow} settings follow from {len(found.threats)} threats: safecase gateway policy")
    if weaker := [reason.path for reason in found.reasons if reason.weaker]:
        told(f"what is written stops less than would follow: {', '.join(weaker)}")
    return found.policy, service.root


def derived(service: ServiceDescription, above: Mapping[str, Value] | None = None) -> Derived:
    """Give the policy that follows from the threats which a service faces; needs no evidence and keeps nothing."""
    from safecase.assess.tailor import Tailoring
    from safecase.catalogue.read import catalogue
    from safecase.gateway.from_threats import derive
    from safecase.service.digests import Digests
    from safecase.service.discover import discover
    from safecase.service.facts import facts_by_key

    discovered = discover(service, Digests(service.root, None), frozenset())
    threats = Tailoring(facts_by_key(service.facts, discovered.facts), catalogue()).threats()
    facing = frozenset(one.threat.id for one in threats if one.applies)
    written = {"service": service.manifest.service.id, **service.manifest.protection.gateway, **(above or {})}
    return derive(facing, service.manifest, written, f"{service.file}: protection.gateway")


def upstream_of(url: str | None, key_env: str | None) -> Mapping[str, Value]:
    """Give what the command line says of the upstream, as a policy says it."""
    from safecase.errors import UsageError

    if not url:
        if key_env:
            raise UsageError("--upstream-key-env is for an --upstream", mend="give --upstream URL, too")
        return {}
    if not url.startswith(("http://", "https://")):
        raise UsageError("--upstream is no address", mend="give it as https://HOST/v1")
    return {"upstreams": [{"id": "main", "url": url, "key": f"${{env:{key_env}}}" if key_env else ""}]}


def secret_of(name: str) -> bytes:
    """Give the gateway's secret; raises `UsageError` where it is not set."""
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    value = os.environ.get(name, "").strip()
    if not value:
        raise UsageError(
            f"the environment variable {shown(name)} is not set",
            mend=f"export {shown(name)}=$(python -c 'import secrets; print(secrets.token_urlsafe(48))')",
        )
    return value.encode()


def told(policy: GatewayPolicy, root: Path) -> str:
    """Write the matrix as a table."""
    rows = _matrix(policy, root)
    guards = sorted({guard for row in rows.values() for guard in row})
    if not guards:
        return "no guard is on: calls pass as they come"
    widths = [max(len(guard), 12) for guard in guards]
    lines = ["".ljust(18) + "  ".join(g.ljust(w) for g, w in zip(guards, widths, strict=True))]
    for where, row in rows.items():
        lines.append(where.ljust(18) + "  ".join(row.get(g, "-").ljust(w) for g, w in zip(guards, widths, strict=True)))
    return "\n".join(line.rstrip() for line in lines)


def _matrix(policy: GatewayPolicy, root: Path) -> dict[str, dict[str, str]]:
    from safecase.gateway.guards import guards_of
    from safecase.gateway.guards.pipeline import Pipeline
    from safecase.gateway.server import matrix as rows

    return rows(Pipeline(guards_of(policy, root, lambda text: text)))
