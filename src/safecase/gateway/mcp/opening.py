"""What one proxy is made of: a policy, a lock, a log."""

from __future__ import annotations

from pathlib import Path

import msgspec

from safecase.detectors.injection import threshold_for
from safecase.detectors.injection.calibration import read_calibration
from safecase.detectors.injection.weights import shipped
from safecase.detectors.tool_calls import ToolPolicy, ToolRule
from safecase.errors import UsageError
from safecase.gateway.events import EventLog, open_log
from safecase.gateway.mcp.definitions import Definitions, Trust
from safecase.gateway.mcp.filter import Rules
from safecase.gateway.mcp.lock import LockFile
from safecase.gateway.mcp.texts import Texts
from safecase.gateway.policy import GatewayPolicy, ToolsPolicy

CONTROLS = {"definitions": ["SC-16"], "tools": ["AI-13", "AI-14"], "injection": ["AI-02"], "redaction": ["AI-04"]}


def opened(policy: GatewayPolicy, root: Path, lock: Path, server: str, trust: Trust) -> tuple[Rules, EventLog]:
    """Give the rules of a server's connections, and the log that they write; raises `SafecaseError`."""
    threshold = _threshold(policy, root)
    rarely = None if threshold is None else max(threshold, threshold_for(policy.guards.injection.fpr / 10))
    definitions = Definitions(LockFile(lock), server, trust=trust, threshold=rarely)
    texts = Texts(policy, _tools(policy.guards.tools), threshold)
    log = open_log(root / policy.log.folder, policy.log.segment_bytes)
    log.add({"event": "started", "service": policy.service, "mcp": server, "trust": trust, "controls": CONTROLS})
    rules = Rules(
        definitions=definitions,
        texts=texts,
        mcp=policy.mcp,
        limits=policy.limits,
        note=log.add,
        admits=log.admits,
        with_texts=policy.log.texts,
        threshold=rarely,
    )
    return rules, log


def _threshold(policy: GatewayPolicy, root: Path) -> float | None:
    said = policy.guards.injection
    if not said.on:
        return None
    if said.threshold is None and said.calibration:
        return read_calibration(root / said.calibration, shipped().stored.version).threshold
    return threshold_for(said.fpr) if said.threshold is None else said.threshold


def _tools(said: ToolsPolicy) -> ToolPolicy:
    if not said.on:
        return ToolPolicy(default="allow")
    try:
        rules = msgspec.convert(said.rules, tuple[ToolRule, ...])
    except msgspec.ValidationError as why:
        raise UsageError(f"guards.tools.rules: {why}", mend="docs/gateway.md shows a rule") from why
    return ToolPolicy(rules=rules, default=said.default, allowed=said.allowed)
