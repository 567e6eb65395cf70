"""What came of an adaptive search, for people and for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.adaptive.goals import Goal
    from safecase.measures.testing.adaptive.searching import Plan, Searched
    from safecase.measures.testing.engine.budget import Budget

LONGEST_TURN = 600


def as_json(found: Searched, goal: Goal, plan: Plan, *, target: Budget, attacker: Budget) -> bytes:
    """Write all that came of it, with the shortest conversation that worked."""
    told = {
        "goal": goal.kind,
        "method": plan.method,
        "verdict": found.verdict,
        "shown": found.found.shown if found.found else "",
        "conversation": [{"role": role, "content": text} for role, text in _turns(found)],
        "tried": found.tried,
        "refused": found.refused,
        "pruned": found.pruned,
        "errors": Counter(found.errors),
        "stopped": found.stopped,
        "target": {"calls": target.calls, "tokens": target.tokens},
        "attacker": {"calls": attacker.calls, "tokens": attacker.tokens},
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def as_text(found: Searched, goal: Goal, plan: Plan, *, target: Budget, attacker: Budget, width: int = 80) -> str:
    """Write for people."""
    out = [
        f"{goal.kind} by {plan.method}: {found.verdict}",
        f"{found.tried} messages answered, {found.refused} of them refused, {found.pruned} pruned, "
        f"{len(found.errors)} came to nothing",
        f"calls: {target.calls} of the target, {attacker.calls} of the attacker; "
        f"tokens: {target.tokens} and {attacker.tokens}",
    ]
    if found.stopped:
        out.append(f"ended early: {found.stopped}")
    out += [f"{count} times: {shown(told, 200)}" for told, count in Counter(found.errors).most_common(3)]
    if found.verdict == "resisted":
        out.append("that this attacker failed does not show that every one does: it says most with a strong attacker")
    out = [textwrap.fill(line, width, subsequent_indent="  ") for line in out]
    if found.found:
        out += [f"the shortest conversation that worked got {found.found.shown}:"]
        for role, text in _turns(found):
            out += textwrap.wrap(
                f"{role}: {shown(text, LONGEST_TURN)}", width=width, initial_indent="  │ ", subsequent_indent="  │   "
            )
    return "\n".join(out) + "\n"


def exit_code(found: Searched) -> int:
    """Give 1 where the goal was reached, 3 where that is open, else 0."""
    return {"vulnerable": 1, "resisted": 0, "inconclusive": 3}[found.verdict]


def _turns(found: Searched) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    if found.found:
        for turn, reply in zip(found.found.turns, found.found.replies, strict=True):
            turns += [("user", turn), ("reply", reply.text)]
            turns += [("call", f"{one.tool} {one.arguments}") for one in reply.calls]
    return turns
