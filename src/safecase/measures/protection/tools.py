"""What the manifest's tools can do, judged without a model: which are dangerous, and what holds them back."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from safecase.readers.text import shown
from safecase.service.schema import Flow, ToolBlock
from safecase.vocabulary import Severity, Verdict

CHANGES = frozenset({"write", "exec", "pay", "send", "actuate"})
_TOO_WIDE = re.compile(
    r"(^|[:./_ -])(\*|all|any|admin|administrator|root|owner|superuser|full|full[-_ ]?access|everything|sudo)$|\*",
    re.IGNORECASE,
)
_NONE = ("", "none", "no", "anonymous")


class Judged(NamedTuple):
    """What is to be said of a tool."""

    verdict: Verdict
    rule: str
    message: str
    mend: str
    severity: Severity = "high"


def scope_faults(tool: ToolBlock, flows: Sequence[Flow]) -> Iterator[Judged]:
    """Yield what is wrong with, or not known of, what a tool may reach."""
    name = shown(tool.id)
    for scope in tool.scopes:
        if _TOO_WIDE.search(scope.strip()):
            mend = "name the few scopes that its task needs"
            yield Judged(
                "fail", "wide", f"{name} has the scope {shown(scope, 60)}, which is everything", mend, "critical"
            )
    if tool.effect in CHANGES:
        if not tool.scopes:
            mend = f"name what it may touch: `scopes: [orders:{tool.effect}]`, and give its token no more"
            yield Judged("fail", "scopes", f"{name} can {tool.effect} and names no scope", mend)
        if not re.search(r"\d", tool.limit):
            mend = "limit it by number: `limit: 5 calls a conversation, 50 EUR a day`"
            yield Judged("fail", "limit", f"{name} can {tool.effect} and has no limit in numbers", mend)
    elif not tool.scopes:
        mend = "name what it may read: `scopes: [documents:read]`"
        yield Judged("unknown", "scopes", f"what {name} may read is not said", mend)
    yield from _remote_faults(tool, name, flows)


def _remote_faults(tool: ToolBlock, name: str, flows: Sequence[Flow]) -> Iterator[Judged]:
    foreign = tool.via == "mcp" and tool.origin in ("third_party", "public_registry")
    if tool.url:
        yield from _url_faults(tool.url, name)
        auth = [flow.auth for flow in flows if flow.target == tool.id]
        said = f"`flows: [{{from: …, to: {name}, auth: oauth2}}]`"
        if not auth:
            told = f"how calls to {name} are authenticated is not said"
            yield Judged("unknown", "auth", told, f"say it: {said}")
        elif any(one.strip().lower() in _NONE for one in auth):
            told = f"calls to {name} are not authenticated"
            yield Judged("fail", "auth", told, f"ask for a credential, and say which: {said}")
    elif tool.runs_on is None and (tool.via == "http" or foreign):
        mend = "write its `url:`, or where it runs (`runs_on: sandbox`)"
        yield Judged("unknown", "url", f"where {name} answers is not said", mend)
    if foreign and tool.pinned is not True:
        verdict: Verdict = "fail" if tool.pinned is False else "unknown"
        mend = "pin the version and the description of each tool (`pinned: true`)"
        yield Judged(verdict, "pinned", f"{name} is made by others and can change from call to call", mend)


def _url_faults(url: str, name: str) -> Iterator[Judged]:
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password
    except ValueError:
        host, password, parts = "", None, urlsplit("")
    if url.startswith("${env:"):
        return
    if not host or parts.scheme not in ("http", "https"):
        yield Judged("fail", "url", f"the address of {name} is none", "write an https address")
        return
    if password is not None or parts.username is not None:
        yield Judged(
            "fail", "url", f"the address of {name} carries a credential", "take it out and replace it", "critical"
        )
    if parts.scheme == "http" and not _is_local(host):
        yield Judged("fail", "url", f"{name} is called without TLS", "call it by https")


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def approval_faults(tool: ToolBlock) -> Iterator[Judged]:
    """Yield what is wrong with, or not known of, who approves what a tool does."""
    name, why = shown(tool.id), _cannot_be_undone(tool)
    if why == "?":
        mend = "say `reversible: true` or false; what cannot be undone needs `approval: each`"
        yield Judged("unknown", "reversible", f"whether what {name} does can be undone is not said", mend)
    if why in ("", "?") or tool.approval in ("each", "two_person"):
        return
    mend = "let a person approve each call with its arguments: `approval: each`"
    if tool.approval is None:
        yield Judged("fail", "approval", f"{name} {why}, and no approval is said", mend, "critical")
    else:
        given = "without anybody's approval" if tool.approval == "none" else "once approved for all calls"
        yield Judged("fail", "approval", f"{name} {why}, {given}", mend, "critical")


def _cannot_be_undone(tool: ToolBlock) -> str:
    """Say why each call needs approval; empty where none does, `?` where that is not said."""
    if tool.effect == "pay":
        return "spends money"
    if tool.effect == "actuate":
        return "moves things in the world"
    if tool.reversible is False:
        return "does what cannot be undone"
    if tool.effect == "exec":
        boxed = tool.runs_on == "sandbox" and tool.egress is False
        return "" if boxed else "runs code outside of a sandbox without a network"
    if tool.effect in ("write", "send") and tool.reversible is None:
        return "?"
    return ""
