"""`a2a.probe`: agents take messages of listed senders only, signed, and each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from safecase.checks import Context, Estimate, check
from safecase.errors import CollectError
from safecase.measures.protection.agent_cards import signed_by
from safecase.measures.protection.agent_messages import MOST_CALLS, TIMEOUT_S, Heard, heard
from safecase.readers import model_signatures
from safecase.readers.text import shown
from safecase.service.schema import Agent, Manifest
from safecase.service.subjects import Repository
from safecase.targets.permission import allowed
from safecase.vocabulary import Finding, Place, Severity

_MENDS = {
    "unauthenticated": "ask every sender for a credential",
    "wrong token": "verify the token: its issuer, its audience and its end",
    "unsigned": "refuse what carries no signature",
    "replayed": "refuse a nonce, or a message's id, that was there before",
    "signed with another key": "verify the signature with the key that is listed for the sender",
    "signed by an unlisted sender": "keep a list of senders, and refuse all others",
    "changed after it was signed": "verify the digest of the content, and that the signature covers it",
    "signed a day ago": "refuse signatures that are older than a few minutes",
}

_HOW = {"replayed": "that it had taken before", "wrong token": "with a wrong token"}


def _cost(_: Repository, manifest: Manifest) -> Estimate:
    agents = max(1, sum(1 for part in manifest.components if part.type == "agent"))
    return Estimate(calls=agents * MOST_CALLS, tokens=agents * MOST_CALLS * 60, seconds=agents * TIMEOUT_S)


@check(
    "a2a.probe",
    control="AI-17",
    severity="high",
    runs="thread",
    network=True,
    reads=("components", "tools", "protection.agents"),
    estimate=_cost,
)
def agents_authenticated(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Agents refuse messages that are unsigned, forged, altered, old, replayed, or of a sender they do not list.

    ## Why it matters
    An agent acts on what other agents tell it, and to a model all text looks alike. Whoever can reach its port and be
    believed gives orders with its rights; whoever records one true order can give it again tomorrow.

    ## How it is checked
    Each agent is sent a harmless sentence, in the words of the A2A protocol (1.0, or 0.3 by its card), as an MCP
    `initialize`, or as plain JSON. The message of a listed sender must be taken, or nothing is shown by refusals. Then
    come messages that must be refused: without credentials, with a wrong token, unsigned, signed with another key, by
    a sender that is not listed, changed after signing, signed a day ago, and the very message that was taken, once
    more. Signatures are HTTP Message Signatures (RFC 9421, Ed25519, P-256 or HMAC) over method, host, path and the
    content's digest, with a nonce. Where a card is served, its signature (JWS) is verified with the declared keys.

    `protection.agents` says where agents answer and as whom tests come; without it, tools
    with a `url` that are also components of `type: agent` are sent the unauthenticated message only. Other ways of
    signing, and client certificates, are not spoken: what is refused for lack of them is unknown.

        agents:
          - id: researcher
            url: https://researcher.example/a2a
            key: ${env:PROBE_TOKEN}
            signing: {keyid: safecase-probe, key: "${file:probe.pem}", algorithm: ed25519}
            card_keys: [keys/researcher.pub]

    ## How to mend it
    Sign each message with the key of its sender over its content, a time and a nonce; list the senders' keys; keep
    nonces for as long as signatures are taken; sign the card.

    ## References
    ASI07:2026; AML.M0032 (ATLAS 5.6.0); RFC 9421; RFC 7515; A2A 1.0; CWE-290; CWE-294; CWE-345; CWE-347; EU AI Act
    Art. 15(5).
    """
    agents = _agents(ctx)
    if not agents:
        told = "no agent is declared that could be sent a message"
        mend = "write `protection.agents`, or declare it as a component (`type: agent`) and as a tool with its `url`"
        yield agents_authenticated.unknown(
            repository, told, rule="agents.none", place=ctx.place("components"), mend=mend
        )
    for agent, place in agents:
        try:
            permission = allowed(ctx.secret(agent.url), ctx.owned)
            found = asyncio.run(heard(agent, permission, secret=ctx.secret, remaining=ctx.remaining))
            judged = [*_judged(repository, agent, found, place), *_card(repository, ctx, agent, found, place)]
        except CollectError as why:
            ctx.again = True
            told = f"{shown(agent.id)}: {why.message}"
            judged = [_unknown(repository, agent, "agents.unasked", told, place, why.mend)]
        yield from judged


def _judged(repository: Repository, agent: Agent, found: Heard, place: Place) -> Iterator[Finding]:
    name = shown(agent.id)
    forged = [one for one in found.forged if one.outcome == "taken"]
    if found.valid is not None and agent.signing is None and found.valid.outcome == "taken":
        forged.append(found.valid._replace(name="unsigned"))
    for one in forged:
        severity: Severity = "critical" if one.name == "unauthenticated" else "high"
        yield agents_authenticated.failed(
            repository,
            f"{name} took a message {_HOW.get(one.name, f'that was {one.name}')}",
            rule="agents.taken",
            key=f"{agent.id}:{one.name}",
            place=place,
            severity=severity,
            mend=_MENDS[one.name],
        )
    silent = [one.name for one in found.forged if one.outcome == "silent"]
    if silent:
        told = f"{name} gave no verdict on messages: {', '.join(silent)}"
        yield _unknown(repository, agent, "agents.silent", told, place, "look into the log of the agent")
    if found.valid is None:
        if not forged:
            told = f"{name} refused a message without credentials; more was not tried, for want of a sender for tests"
            mend = "list a sender for tests in the agent, and give its key and signing in protection.agents"
            yield _unknown(repository, agent, "agents.sender", told, place, mend)
    elif found.valid.outcome != "taken":
        told = f"{name} does not take the declared sender's message (HTTP {found.valid.status}): refusals show nothing"
        mend = "let the agent list the sender of protection.agents, and see that both sign the same parts of a message"
        yield _unknown(repository, agent, "agents.valid", told, place, mend)
    elif not forged and not silent:
        told = f"{name} took a listed sender's signed message, and refused {len(found.forged)} forged ones"
        yield agents_authenticated.passed(repository, told, key=agent.id, place=place)


def _card(repository: Repository, ctx: Context, agent: Agent, found: Heard, place: Place) -> Iterator[Finding]:
    if found.card is None:
        return
    name, key = shown(agent.id), f"{agent.id}:card"
    keys = [model_signatures.read_key(ctx.path(one), one) for one in agent.card_keys]
    holds, why = signed_by(found.card, keys)
    if holds:
        told = f"the card of {name} is signed with a declared key"
        yield agents_authenticated.passed(repository, told, key=key, place=place)
    elif keys or why == "it is not signed":
        mend = "sign the card (JWS, A2A 1.0, 8.4), and declare the key"
        told = f"the card of {name}, which says where messages go: {why}"
        yield agents_authenticated.failed(
            repository, told, rule="agents.card", key=key, place=place, severity="medium", mend=mend
        )
    else:
        told = f"the card of {name} is signed, and no key is declared to verify it with"
        mend = f"name the public key in protection.agents: `card_keys: [keys/{agent.id}.pub]`"
        yield _unknown(repository, agent, "agents.card", told, place, mend)


def _unknown(repository: Repository, agent: Agent, rule: str, told: str, place: Place, mend: str) -> Finding:
    return agents_authenticated.unknown(repository, told, rule=rule, key=agent.id, place=place, mend=mend)


def _agents(ctx: Context) -> list[tuple[Agent, Place]]:
    """Give the declared agents, and where each is declared."""
    if declared := ctx.manifest.protection.agents:
        return [(agent, ctx.place(f"protection.agents.{number}")) for number, agent in enumerate(declared)]
    parts = {part.id for part in ctx.manifest.components if part.type == "agent"}
    return [
        (Agent(id=tool.id, url=tool.url, speaks="mcp" if tool.via == "mcp" else "a2a"), ctx.place(f"tools.{number}"))
        for number, tool in enumerate(ctx.manifest.tools)
        if tool.id in parts and tool.url
    ]
