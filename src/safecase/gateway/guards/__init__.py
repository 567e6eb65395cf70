"""Guards: one file each, all of them run by the same pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from safecase.detectors.egress import EgressPolicy
from safecase.detectors.injection import stages, threshold_for
from safecase.detectors.injection.calibration import read_calibration
from safecase.detectors.tool_calls import ToolPolicy, ToolRule
from safecase.errors import UsageError
from safecase.gateway.guards.canary import Canary
from safecase.gateway.guards.egress import Egress
from safecase.gateway.guards.guard import Guard
from safecase.gateway.guards.injection import Injection
from safecase.gateway.guards.neural import Neural
from safecase.gateway.guards.redaction import Redaction
from safecase.gateway.guards.tools import Tools
from safecase.gateway.policy import GatewayPolicy, InjectionPolicy, ToolsPolicy


def guards_of(policy: GatewayPolicy, root: Path, secret: Callable[[str], str]) -> list[Guard]:
    """Give the guards that a policy switches on, in the order in which texts pass them."""
    said = policy.guards
    found: list[Guard] = []
    if said.injection.on:
        found += _injection(said.injection, root)
    if said.redaction.on:
        found.append(Redaction(said.redaction.fail, said.redaction.labels, restore=said.redaction.restore))
    if said.canary.words:
        found.append(Canary(said.canary.fail, [secret(word) for word in said.canary.words]))
    if said.tools.on:
        found.append(Tools(said.tools.fail, _tools(said.tools)))
    if said.egress.on:
        hosts = EgressPolicy(allowed_hosts=said.egress.allowed_hosts, html=said.egress.html)
        found.append(Egress(said.egress.fail, hosts))
    return found


def _injection(said: InjectionPolicy, root: Path) -> Iterator[Guard]:
    """The threshold is the policy's own, that of a calibration, or the shipped one for the rate that is asked for.

    With both stages their sum decides; the first then stops only what it is ten times as sure of, so that the rate of
    false alarms stays about what was asked for.
    """
    used = stages(said.stage)
    threshold = said.threshold
    if threshold is None and said.calibration:
        threshold = read_calibration(root / said.calibration, used.version).threshold
    threshold = used.threshold(said.fpr) if threshold is None else threshold
    if used.name == "first":
        yield Injection(said.fail, threshold, said.block)
        return
    yield Injection(said.fail, threshold_for(said.fpr / 10), said.block)
    yield Neural(said.fail, threshold, said.block, used)


def _tools(said: ToolsPolicy) -> ToolPolicy:
    try:
        rules = msgspec.convert(said.rules, tuple[ToolRule, ...])
    except msgspec.ValidationError as why:
        raise UsageError(f"guards.tools.rules: {why}", mend="docs/gateway.md shows a rule") from why
    return ToolPolicy(rules=rules, default=said.default, allowed=said.allowed, trusted_tools=said.trusted_tools)
