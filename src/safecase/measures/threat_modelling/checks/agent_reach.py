"""`agent.reach`: the worst that an agent can be brought to is known, and nothing irreversible happens by itself."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.readers.text import shown
from safecase.service.attack_paths import MOST_PATHS, Path, fewest_cuts, paths
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

READS = ("ai", "deployment", "rag", "tools", "memory", "data", "outputs")
_SEVERE = ("critical", "high")


@check("agent.reach", control="TM-09", severity="high", reads=READS)
def agent_reach(service: Service, ctx: Context) -> Iterator[Finding]:
    """No text of others leads to an effect that cannot be undone, or takes private data out, without a stop.

    ## Why it matters
    An agent reads text that others wrote and acts with rights that are ours. No model tells orders from data
    reliably, so that whatever reaches its context may choose its next call. Private data, text of others and a way out
    together are a leak that waits; any one of them taken away ends it.

    ## How it is checked
    Ways are drawn from the manifest: from users, documents, tools' answers and descriptions, and memory, through the
    model's context, to tools with effect, to private data with a way out, to places that run what they get. A way to
    an effect of high severity whose every part is declared fails, once for each end. A way that exists only because
    something is not said is unknown, and names the keys. Declared approvals (`each`, `two_person`), tools without
    egress and verified outputs close ways; whether they are really there is for AI-14, IN-07 and AI-03 to prove. Ways
    between several agents, and tools that are declared nowhere, are not seen (`repo.discover` looks for these).

    ## How to mend it
    `safecase threats paths` shows every way and the fewest controls that close all. Let a person approve each call
    that cannot be undone, take ways out from tools that do not need them, and say what is not said.

    ## References
    ASI01:2026, ASI02:2026; AML.M0026, AML.M0028; NIST AI RMF 1.0 MAP 3.5; EU AI Act Art. 14.
    """
    found = paths(ctx.manifest)
    ends: dict[str, list[Path]] = {}
    for path in found:
        ends.setdefault(path.end.id, []).append(path)
    severe = {id_: ways for id_, ways in ends.items() if ways[0].end.severity in _SEVERE}
    for id_, ways in severe.items():
        certain = [way for way in ways if not way.assumed]
        end = ways[0].end
        key = end.assumed[0] if end.assumed else ""
        about = f"{shown(end.told, 120)}: reached by {_named(certain or ways)}"
        if certain:
            place = ctx.place(_key(id_, ctx))
            yield agent_reach.failed(
                service, about, rule=end.goal, key=id_, mend=end.mend, place=place, severity=end.severity
            )
        else:
            unsaid = ", ".join(dict.fromkeys(name for way in ways for name in way.assumed))
            told = f"{about}, as far as nothing else is said: {shown(unsaid, 200)}"
            mend = f"say {key or ways[0].assumed[0]} in {ctx.manifest_path}"
            yield agent_reach.unknown(service, told, rule=end.goal, key=id_, mend=mend)
    if len(found) == MOST_PATHS:
        told = f"there are more than {MOST_PATHS} ways; the others were not looked at"
        yield agent_reach.unknown(service, told, rule="more", mend="close the first ones: safecase threats paths")
    elif not severe:
        cuts = fewest_cuts(found)
        rest = f"; {len(found)} lesser ways are closed by {', '.join(cuts.chosen)}" if found else ""
        yield agent_reach.passed(service, f"no text of others leads to a severe effect{rest}")


def _named(ways: list[Path]) -> str:
    told = [shown(way.entry.told, 60) for way in ways[:3]]
    return ", ".join(told) + (f" and {len(ways) - 3} more" if len(ways) > 3 else "")


def _key(end: str, ctx: Context) -> str:
    """Say which key of the manifest an end stands at."""
    name = end.removeprefix("tool ").removeprefix("out by ")
    for at, tool in enumerate(ctx.manifest.tools):
        if tool.id == name:
            return f"tools.{at}"
    return "outputs" if end.startswith(("sink", "out by html")) else "memory"
