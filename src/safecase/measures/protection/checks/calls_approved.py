"""`agent.approval`: a person approves what cannot be undone."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.protection.tools import approval_faults
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding


@check("agent.approval", control="AI-14", severity="critical", reads=("tools",))
def calls_approved(service: Service, ctx: Context) -> Iterator[Finding]:
    """Each call that pays, moves, runs code or cannot be undone waits for a person.

    ## Why it matters
    A model that was misled calls a tool with the same confidence as one that was not. Between its wish and a payment
    stands only what does not read the text: a person who sees the very arguments.

    ## How it is checked
    Every tool of the manifest with `effect: pay` or `actuate`, with `reversible: false`, or that runs code anywhere
    but in a sandbox without a network (`runs_on: sandbox`, `egress: false`) has `approval: each` or `two_person`. Once
    for all calls is none. Of one that writes or sends it must be said whether it can be undone. It is the manifest that
    is judged: that the code waits, and shows the arguments that it then uses, is not tested.

    ## How to mend it
    Let the call wait for a person who sees tool and arguments, bind the approval to their digest, and say
    `approval: each`. For payments above a limit ask two people.

    ## References
    ASI09:2026; LLM03:2026; AML.M0029 (ATLAS 5.6.0); CWE-862; EU AI Act Art. 14(4); NIST AI RMF 1.0 MAP 3.5.
    """
    tools = ctx.manifest.tools
    if not tools:
        mend = "list what the agent may call under `tools:`"
        yield calls_approved.unknown(service, "no tool is declared", place=ctx.place("tools"), mend=mend)
    for number, tool in enumerate(tools):
        place, faults = ctx.place(f"tools.{number}"), list(approval_faults(tool))
        for one in faults:
            if one.verdict == "fail":
                yield calls_approved.failed(
                    service, one.message, rule=one.rule, key=tool.id, place=place, mend=one.mend, severity=one.severity
                )
            else:
                yield calls_approved.unknown(
                    service, one.message, rule=one.rule, key=tool.id, place=place, mend=one.mend
                )
        if not faults:
            told = f"{shown(tool.id)} ({tool.effect}) is declared to wait: {tool.approval or 'no need'}"
            if tool.approval not in ("each", "two_person"):
                told = f"{shown(tool.id)} ({tool.effect}) does nothing that needs an approval"
            yield calls_approved.passed(service, told, key=tool.id, place=place)
