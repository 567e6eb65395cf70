"""The guard `tools`: what a model may do with tools, by where the arguments of a call come from."""

from __future__ import annotations

import hashlib
import json
from typing import ClassVar

from safecase.detectors.tool_calls import Segment, ToolPolicy, judge
from safecase.gateway.apis.api import ToolCall
from safecase.gateway.guards.guard import PASS, Call, Direction, Guard, Outcome
from safecase.gateway.policy import Fail


class Tools(Guard):
    """Judges each call before the client hears of it: a recipient that only a document named is none of the user's."""

    id: ClassVar[str] = "tools"
    directions: ClassVar[frozenset[Direction]] = frozenset({"tools"})
    controls: ClassVar[tuple[str, ...]] = ("AI-02", "AI-13", "AI-14")

    def __init__(self, fail: Fail, policy: ToolPolicy) -> None:
        super().__init__(fail)
        self._policy = policy

    def tool(self, call: Call, wanted: ToolCall) -> Outcome:
        """Allow, refuse, or ask for somebody's approval of this very call."""
        segments = [Segment(origin, text) for origin, text in call.before]
        found = judge(wanted.name, wanted.arguments, segments, self._policy)
        if found.decision == "allow":
            return PASS
        why = "; ".join(found.reasons[:3]) or "the policy says so"
        if found.decision == "deny":
            return Outcome("block", f"the tool call {wanted.name[:60]} is refused: {why}", 1)
        digest = digest_of(wanted)
        if digest in call.approved:
            return Outcome("flag", f"approved by {digest}", 1)
        told = f"the tool call {wanted.name[:60]} needs somebody's approval (x-safecase-approve: {digest}): {why}"
        return Outcome("block", told, 1)


def digest_of(wanted: ToolCall) -> str:
    """Name a call by what it does: the same tool with the same arguments, whatever their order and spaces."""
    try:
        said = json.dumps(json.loads(wanted.arguments), sort_keys=True)
    except (ValueError, RecursionError):
        said = wanted.arguments
    return hashlib.sha256(f"{wanted.name}\0{said}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
