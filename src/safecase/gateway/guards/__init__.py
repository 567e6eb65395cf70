"""Guards: one file each, all of them run by the same pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safecase.detectors.injection import threshold_for
from safecase.detectors.injection.calibration import read_calibration
from safecase.gateway.guards.canary import Canary
from safecase.gateway.guards.guard import Guard
from safecase.gateway.guards.injection import Injection
from safecase.gateway.guards.redaction import Redaction
from safecase.gateway.policy import GatewayPolicy, InjectionPolicy


def guards_of(policy: GatewayPolicy, root: Path, secret: Callable[[str], str]) -> list[Guard]:
    """Give the guards that a policy switches on, in the order in which texts pass them."""
    said = policy.guards
    found: list[Guard] = []
    if said.injection.on:
        found.append(_injection(said.injection, root))
    if said.redaction.on:
        found.append(Redaction(said.redaction.fail, said.redaction.labels, restore=said.redaction.restore))
    if said.canary.words:
        found.append(Canary(said.canary.fail, [secret(word) for word in said.canary.words]))
    return found


def _injection(said: InjectionPolicy, root: Path) -> Injection:
    """The threshold is the policy's own, that of a calibration, or the shipped one for the rate that is asked for."""
    threshold = said.threshold
    if threshold is None and said.calibration:
        threshold = read_calibration(root / said.calibration).threshold
    return Injection(said.fail, threshold_for(said.fpr) if threshold is None else threshold, said.block)
