"""Attacks of our own on a running service: one file a family, each with an oracle that needs no judge."""

from __future__ import annotations

from safecase.probes.encoding_bypass import ENCODING_BYPASS
from safecase.probes.indirect_injection import INDIRECT_INJECTION
from safecase.probes.multi_turn_escalation import MULTI_TURN_ESCALATION
from safecase.probes.probe import Probe
from safecase.probes.prompt_injection import PROMPT_INJECTION
from safecase.probes.system_prompt_leak import SYSTEM_PROMPT_LEAK

PROBES: tuple[Probe, ...] = (
    SYSTEM_PROMPT_LEAK,
    PROMPT_INJECTION,
    INDIRECT_INJECTION,
    ENCODING_BYPASS,
    MULTI_TURN_ESCALATION,
)
"""Every family that is shipped, in the order in which they are asked; `safecase.plugins.probes()` adds plug-ins'."""
