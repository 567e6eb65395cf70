"""`sandbox.probe`: generated code runs where there is no network, no secret and no file of the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.protection.boxes import Box, boxes
from safecase.measures.protection.code_tools import Runner, by_model, by_tool
from safecase.measures.protection.sandbox import Probe, Said, Seen
from safecase.readers.text import shown
from safecase.service.read import endpoint_of
from safecase.service.schema import Manifest
from safecase.service.subjects import Service
from safecase.targets.permission import Permission, allowed
from safecase.vocabulary import Finding, Place

PROGRAM_TOKENS = 1600


class Way(NamedTuple):
    """A way to have code run."""

    name: str
    run: Runner
    permission: Permission
    place: Place


def _cost(_: Service, manifest: Manifest) -> Estimate:
    price = manifest.testing.attacks.price_per_1000_tokens
    currency = manifest.testing.attacks.currency if price else ""
    money = PROGRAM_TOKENS / 1000 * price
    return Estimate(calls=1, tokens=PROGRAM_TOKENS, money=money, currency=currency, seconds=15.0)


@check(
    "sandbox.probe",
    control="AI-15",
    severity="critical",
    runs="thread",
    network=True,
    reads=("tools", "deployment"),
    files=("deployment.manifests",),
    estimate=_cost,
)
def sandboxed(service: Service, ctx: Context) -> Iterator[Finding]:
    """Code that the model wrote reaches no network, no secret and no file of the host.

    ## Why it matters
    Whoever can put words before a model that runs code can have code run. What it then reaches (the provider's key in
    the environment, the cloud's tokens, the other services) decides whether that is a nuisance or a break-in.

    ## How it is checked
    A harmless program is run where the service runs code: by each tool with `effect: exec` and a `url` (over HTTP
    as `{"code": …}`, or over MCP; its token in its `key`), or by asking the declared
    endpoint's model to use its tool. It tries to reach a port on which this check listens, asks the system for a
    way to other machines (nothing is sent), tries to read a marker file and this manifest and to write beside the
    marker, and looks for variables, its own and those of processes that it can look into, whose names sound like a
    credential's. It gives names and seals, never a value. Its answer is sealed with a key of the moment, so that a
    model cannot make it up: without the seal nothing was shown.

    What reached the port, or lies on this disk, fails, and so does a credential. A way to other machines that did not
    lead to this port is unknown, since a filter may stop it. Files count only where the service runs on this machine.
    Of the workload in `deployment.manifests` (Kubernetes, Compose) that is called as the tool is, the manifest is
    judged as well: egress, tokens, secrets, mounts of the host, root of the file system.

    ## How to mend it
    Run it in a sandbox of its own (gVisor, Kata, Firecracker, WebAssembly) with no network (`network_mode: none`, a
    NetworkPolicy without egress), an empty environment, another user, no service account's token and no mount.

    ## References
    ASI05:2026; AML.M0032 (ATLAS 5.6.0); CWE-94; CWE-265; CWE-526; EU AI Act Art. 15(5).
    """
    found = boxes(ctx)
    for box in found:
        yield from _declared(service, box)
    ways, unread = _ways(ctx)
    for way in ways:
        yield from _ran(service, ctx, way)
    for name, why in unread:
        place = ctx.place("tools")
        yield sandboxed.unknown(
            service, f"{shown(name)}: {why.message}", rule="sandbox.unasked", key=name, place=place, mend=why.mend
        )
    if not (found or ways or unread):
        told = "nothing that runs code can be asked or looked at"
        mend = "declare the tool's `url`, the endpoint, or the workload called as the tool is in deployment.manifests"
        yield sandboxed.unknown(service, told, rule="sandbox.none", place=ctx.place("tools"), mend=mend)


def _ways(ctx: Context) -> tuple[list[Way], list[tuple[str, CollectError]]]:
    """Every address where code is run; the model is asked where a tool has none of its own."""
    ways: list[Way] = []
    unread: list[tuple[str, CollectError]] = []
    tools = [(n, tool) for n, tool in enumerate(ctx.manifest.tools) if tool.effect == "exec"]
    for number, tool in tools:
        if tool.url:
            try:
                permission = allowed(ctx.secret(tool.url), ctx.owned)
                key = ctx.secret(tool.key)
                ways.append(Way(tool.id, by_tool(tool, key, permission, ctx), permission, ctx.place(f"tools.{number}")))
            except CollectError as why:
                unread.append((tool.id, why))
    endpoint = endpoint_of(ctx.manifest)
    if endpoint is not None and not (tools and all(tool.url for _, tool in tools)):
        try:
            permission = allowed(ctx.secret(endpoint.url), ctx.owned)
            ways.append(Way("the model's tool", by_model(endpoint, ctx), permission, ctx.place("deployment.endpoint")))
        except CollectError as why:
            unread.append(("the endpoint", why))
    return ways, unread


def _ran(service: Service, ctx: Context, way: Way) -> Iterator[Finding]:
    name = shown(way.name)
    try:
        with Probe(way.permission, (ctx.root / ctx.manifest_path,)) as probe:
            seen = probe.seen(way.run(probe.program))
    except CollectError as why:
        ctx.again = True
        yield sandboxed.unknown(
            service, f"{name}: {why.message}", rule="sandbox.unasked", key=way.name, place=way.place, mend=why.mend
        )
        return
    if seen.said is None:
        told = f"{name} gave back no proof that it ran the program"
        mend = "see that it runs Python 3.9 or newer and gives back what is printed, or attest how it is held"
        yield sandboxed.unknown(service, told, rule="sandbox.unrun", key=way.name, place=way.place, mend=mend)
    yield from _network(service, way, name, seen)
    if seen.said is not None:
        yield _secrets(service, way, name, seen.said)
    yield from _files(service, way, name, seen)


def _network(service: Service, way: Way, name: str, seen: Seen) -> Iterator[Finding]:
    key, mend = f"{way.name}:network", "run it without a network: `network_mode: none`, or a policy without egress"
    if seen.came:
        told = f"code run by {name} opened a connection, which reached this check"
        yield sandboxed.failed(service, told, rule="sandbox.network", key=key, place=way.place, mend=mend)
    elif seen.said is not None and seen.said.route:
        told = f"code run by {name} has a way to other machines; whether a filter stops it was not seen"
        yield sandboxed.unknown(service, told, rule="sandbox.network", key=key, place=way.place, mend=mend)
    elif seen.said is not None:
        told = f"code run by {name} has no way to any other machine, and did not reach this check"
        yield sandboxed.passed(service, told, key=key, place=way.place)


def _secrets(service: Service, way: Way, name: str, said: Said) -> Finding:
    key = f"{way.name}:secrets"
    held = {"its environment": said.names, "other processes": said.others, "files": said.tokens}
    told = "; ".join(f"{where}: {', '.join(shown(n, 60) for n in names[:5])}" for where, names in held.items() if names)
    if not told:
        told = f"code run by {name} sees no variable or token that sounds like a credential"
        return sandboxed.passed(service, told, key=key, place=way.place)
    told = f"code run by {name} sees credentials ({told})"
    mend = "start it with an empty environment, as a user of its own, without a service account's token"
    return sandboxed.failed(service, told, rule="sandbox.secrets", key=key, place=way.place, mend=mend)


def _files(service: Service, way: Way, name: str, seen: Seen) -> Iterator[Finding]:
    key = f"{way.name}:files"
    if seen.read or seen.wrote:
        what = " and ".join(word for word, done in (("reads", seen.read), ("writes", seen.wrote)) if done)
        told, mend = f"code run by {name} {what} files of this machine", "give it a file system of its own for each run"
        yield sandboxed.failed(service, told, rule="sandbox.files", key=key, place=way.place, mend=mend)
    elif seen.said is not None and way.permission.loopback:
        told = f"code run by {name} neither read nor wrote a file of this machine"
        yield sandboxed.passed(service, told, key=key, place=way.place)
    elif seen.said is not None:
        told = f"whether code run by {name} reads files of its host cannot be seen from here"
        mend = "run this check on the machine of the service, or declare its workload in deployment.manifests"
        yield sandboxed.unknown(service, told, rule="sandbox.files", key=key, place=way.place, mend=mend)


def _declared(service: Service, box: Box) -> Iterator[Finding]:
    for weak in box.weak:
        told, rule, key = f"{box.name}, which runs code, {weak.told}", f"sandbox.{weak.rule}", f"{box.name}:{weak.told}"
        if weak.verdict == "fail":
            yield sandboxed.failed(
                service, told, rule=rule, key=key, place=weak.place, severity=weak.severity, mend=weak.mend
            )
        else:
            yield sandboxed.unknown(service, told, rule=rule, key=key, place=weak.place, mend=weak.mend)
    if not box.weak:
        told = f"{box.name} is declared without egress, secrets and mounts of its host ({box.runtime})"
        yield sandboxed.passed(service, told, key=box.name, place=box.place)
