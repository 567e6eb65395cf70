"""`agent.scope`: each tool may do no more than its task needs."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.protection.tools import scope_faults
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding


@check("agent.scope", control="AI-13", severity="high", reads=("tools", "flows"))
def agents_scoped(service: Service, ctx: Context) -> Iterator[Finding]:
    """Each tool names narrow scopes and, where it changes something, a limit; remote ones are authenticated.

    ## Why it matters
    An agent does what the text before it says, and some of that text is a stranger's. What it can then do is decided
    by the rights of its tools alone: a token that may do everything makes every injected sentence an administrator.

    ## How it is checked
    Every tool of the manifest is looked at. One that writes, runs, pays, sends or moves something names its scopes and
    a limit in numbers; no scope is a wildcard, `all`, `admin`, `full` or the like. One that only reads and names no
    scope is unknown. A remote tool has an https address without a credential in it, and a flow to it with its `auth`;
    MCP servers of others are pinned. It is the manifest that is judged: whether a token has these scopes, and whether
    code enforces the limit, is not tested.

    ## How to mend it
    Give each tool a token of its own with the scopes that its task needs, and say so:
    `tools: [{id: refunds, effect: pay, scopes: [refunds:create], limit: 50 EUR a day, approval: each}]`.

    ## References
    LLM03:2026; ASI02:2026, ASI03:2026; AML.M0026, AML.M0027 (ATLAS 5.6.0); CWE-250; CWE-272; EU AI Act Art. 14.
    """
    tools = ctx.manifest.tools
    if not tools:
        mend = "list what the agent may call under `tools:`"
        yield agents_scoped.unknown(service, "no tool is declared", place=ctx.place("tools"), mend=mend)
    for number, tool in enumerate(tools):
        place, faults = ctx.place(f"tools.{number}"), list(scope_faults(tool, ctx.manifest.flows))
        for one in faults:
            key = f"{tool.id}:{one.rule}"
            if one.verdict == "fail":
                yield agents_scoped.failed(
                    service, one.message, rule=one.rule, key=key, place=place, mend=one.mend, severity=one.severity
                )
            else:
                yield agents_scoped.unknown(service, one.message, rule=one.rule, key=key, place=place, mend=one.mend)
        if not faults:
            told = f"{shown(tool.id)} is declared to need only {', '.join(shown(s, 40) for s in tool.scopes[:5])}"
            yield agents_scoped.passed(service, told, key=tool.id, place=place)
