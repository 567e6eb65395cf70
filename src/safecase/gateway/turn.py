"""What is known of one request while it is served, and what the log says of it in the end."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from safecase.gateway.admission import Caller
from safecase.gateway.apis.api import Usage
from safecase.gateway.guards.pipeline import Ledger
from safecase.gateway.refusals import sayable

_RUN = os.urandom(6).hex()
"""Tells the calls of this process from those of any other; asking the system for each call costs more than the rest."""
_NUMBERS = itertools.count(1)


class Turn:
    """One request."""

    def __init__(self, family: str, api: str) -> None:
        self.id = f"{_RUN}{next(_NUMBERS):08x}"
        self.family, self.api = family, api
        self.began = time.perf_counter()
        self.waited = 0.0
        self.caller: Caller | None = None
        self.model = self.upstream = self.reason = self.told = ""
        self.status = 0
        self.stream = self.cached = self.begun = self.shadow = False
        self.logged = True
        """False where the log had no room, and counts it only."""
        self.unseen = 0
        """Parts of the request that no guard can read."""
        self.usage: Usage | None = None
        self.estimated = False
        self.ledger: Ledger | None = None
        self.span: Any = None  # of OpenTelemetry, which need not be installed
        self.answered = ""
        """The model that answered, and in `finished` why it ended: kept for the span, where there is one."""
        self.finished: tuple[str, ...] = ()
        self.texts: dict[str, Any] = {}
        """What was asked and answered: empty unless the policy wants it in the log."""

    @property
    def header(self) -> tuple[bytes, bytes]:
        """What tells a client under which id the log has its call."""
        return b"x-safecase-call", self.id.encode()

    def seconds(self) -> tuple[float, float]:
        """Give how long it has taken, and how much of that without waiting for the upstream."""
        total = time.perf_counter() - self.began
        return total, max(0.0, total - self.waited)

    def event(self) -> dict[str, Any]:
        """Give what the log says of it; texts of the client and the model are in it only where the policy says so."""
        total, own = self.seconds()
        event: dict[str, Any] = {
            "event": "call",
            "id": self.id,
            "api": self.family,
            "status": self.status,
            "stream": self.stream,
            "ms": round(total * 1000, 2),
            "own_ms": round(own * 1000, 2),
        }
        if self.caller:
            event |= {"key": self.caller.prefix, "caller": self.caller.name, "service": self.caller.service}
        if self.model:
            event["model"] = sayable(self.model[:300])
        if self.upstream:
            event["upstream"] = self.upstream
        if self.cached:
            event["cached"] = True
        if self.shadow:
            event["shadow"] = True
        if self.unseen:
            event["unseen_parts"] = self.unseen
        if self.reason:
            event |= {"reason": self.reason, "told": self.told[:300]}
        if self.usage and self.status == 200:
            event |= {"tokens_in": self.usage.tokens_in, "tokens_out": self.usage.tokens_out}
            event |= {"tokens_estimated": True} if self.estimated else {}
        if self.ledger:
            event["guards"] = self.ledger.told()
        return event | self.texts
