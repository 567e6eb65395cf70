"""Whether a tool call that a model wants to make may be made, decided by where its arguments come from.

judge(name, arguments, segments, policy)     allow, deny or approve, and why
pin(tools), compare(pins, tools, others)     definitions of MCP tools, and what became of them
suspicious(tools)                            what definitions say to the model that they should not
"""

from __future__ import annotations

from safecase.detectors.tool_calls.judging import judge
from safecase.detectors.tool_calls.mcp_pins import Changes, compare, pin, suspicious
from safecase.detectors.tool_calls.policy import (
    ArgumentRule,
    Judgement,
    Segment,
    ToolPolicy,
    ToolRule,
)

__all__ = [
    "ArgumentRule",
    "Changes",
    "Judgement",
    "Segment",
    "ToolPolicy",
    "ToolRule",
    "compare",
    "judge",
    "pin",
    "suspicious",
]
