"""All guards on one call, the same way for every API, streaming or not; and the ledger of what each of them did.

A guard that broke, and one that did not look, never count as one that found nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from safecase.gateway.apis.api import Shape, ToolCall
from safecase.gateway.apis.texts import Slot
from safecase.gateway.guards.guard import Call, Direction, Filter, Guard, Outcome, worse
from safecase.gateway.refusals import Refused


class Coverage(NamedTuple):
    """Whether a guard looks at a direction of an API, as the matrix at the start tells it."""

    guard: str
    family: str
    direction: Direction
    mode: str
    runs: bool


class Ledger:
    """What each guard did on one call."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self.entries: dict[tuple[str, Direction], Outcome] = {
            (guard.id, direction): Outcome("skipped") for guard in guards for direction in sorted(guard.directions)
        }

    def note(self, guard: Guard, direction: Direction, outcome: Outcome) -> None:
        """Add an outcome to what the guard said before."""
        key = (guard.id, direction)
        self.entries[key] = worse(self.entries.get(key, Outcome("skipped")), outcome)

    def told(self) -> dict[str, dict[str, str | int]]:
        """Give it as an event tells it."""
        return {
            f"{guard}.{direction}": {"result": found.result, **({"found": found.found} if found.found else {})}
            for (guard, direction), found in self.entries.items()
        }


class Pipeline:
    """The guards of one policy."""

    def __init__(self, guards: Sequence[Guard], *, shadow: bool = False) -> None:
        self.guards = tuple(guards)
        self.shadow = shadow
        self._inward = tuple(guard for guard in guards if "in" in guard.directions)
        self._outward = tuple(guard for guard in guards if "out" in guard.directions)
        self._tools = tuple(guard for guard in guards if "tools" in guard.directions)
        self._beside = tuple(guard for guard in guards if "beside" in guard.directions)
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="guard") if self._beside else None

    @property
    def looks_in(self) -> bool:
        """Say whether any guard looks at requests."""
        return bool(self._inward)

    @property
    def looks_out(self) -> bool:
        """Say whether any guard looks at answers."""
        return bool(self._outward or self._tools)

    def matrix(self, shapes: Iterable[Shape]) -> list[Coverage]:
        """Say which guard runs where."""
        return [
            Coverage(guard.id, shape.family, direction, mode, direction in guard.directions)
            for guard in self.guards
            for shape in shapes
            for mode in (("whole", "stream") if shape.streams else ("whole",))
            for direction in _directions(shape)
        ]

    def ledger(self) -> Ledger:
        """Begin the ledger of a call."""
        return Ledger(self.guards)

    def request(self, call: Call, ledger: Ledger) -> bool:
        """Look at a request; True where it was changed. Raises `Refused`."""
        changed = False
        for guard in self._inward:
            before = [slot.text for slot in call.slots] if self.shadow else []
            outcome = self._asked(guard, "in", ledger, lambda guard=guard: guard.incoming(call))  # type: ignore[misc]
            if self.shadow:
                for slot, text in zip(call.slots, before, strict=True):
                    slot.text = text
            else:
                changed = changed or outcome.result == "redact"
        return changed

    def begin_beside(self, call: Call, ledger: Ledger) -> None:
        """Begin what guards do while the upstream works, where any does; `Call.settled` waits for it."""
        if self._beside:
            loop = asyncio.get_running_loop()
            call.beside = loop.run_in_executor(self._threads, self.beside, call, ledger)
            # Nobody waits for it where the client is gone, and what it raised is no news then.
            call.beside.add_done_callback(lambda done: done.cancelled() or done.exception())

    def beside(self, call: Call, ledger: Ledger) -> None:
        """Look at a request with the guards that take long. Raises `Refused`."""
        for guard in self._beside:
            self._asked(guard, "beside", ledger, lambda guard=guard: guard.beside(call))  # type: ignore[misc]

    def answer(self, call: Call, slots: Sequence[Slot], tools: Iterable[ToolCall], ledger: Ledger) -> bool:
        """Look at a whole answer; True where it was changed. Raises `Refused`."""
        changed = False
        for wanted in tools:
            changed = self.tool(call, wanted, ledger) or changed
        for guard in self._outward:
            before = [slot.text for slot in slots] if self.shadow else []
            outcome = self._asked(guard, "out", ledger, lambda guard=guard: guard.outgoing(call, slots))  # type: ignore[misc]
            if self.shadow:
                for slot, text in zip(slots, before, strict=True):
                    slot.text = text
            else:
                changed = changed or outcome.result == "redact"
        return changed

    def tool(self, call: Call, wanted: ToolCall, ledger: Ledger) -> bool:
        """Look at one tool call; True where its arguments were changed. Raises `Refused`."""
        outcomes = [
            self._asked(guard, "tools", ledger, lambda guard=guard: guard.tool(call, wanted))  # type: ignore[misc]
            for guard in self._tools
        ]
        return any(outcome.result == "redact" for outcome in outcomes)

    def filters(self, call: Call) -> list[tuple[Guard, Filter]]:
        """Give the filters of one text of a stream, in the order in which it passes them."""
        found = ((guard, guard.filter(call)) for guard in self._outward)
        return [(guard, one) for guard, one in found if one is not None]

    def held(self, guard: Guard, outcome: Outcome) -> None:
        """Raise `Refused` where an outcome ends the call; nothing does in shadow mode."""
        if self.shadow:
            return
        if outcome.result == "block":
            raise Refused("policy", outcome.told or f"refused by the guard {guard.id}", param=guard.id)
        if outcome.result == "error" and guard.fail == "closed":
            raise Refused("guard_failed", f"the guard {guard.id} failed, and nothing passes without it", param=guard.id)

    def _asked(self, guard: Guard, direction: Direction, ledger: Ledger, ask: Callable[[], Outcome]) -> Outcome:
        try:
            outcome = ask()
        except Exception as why:  # noqa: BLE001  whatever breaks a guard is told, and decided on by its fail mode
            outcome = Outcome("error", type(why).__name__)
        ledger.note(guard, direction, outcome)
        self.held(guard, outcome)
        return outcome


def _directions(shape: Shape) -> tuple[Direction, ...]:
    return ("in", "beside") if shape.family == "embeddings" else ("in", "beside", "out", "tools")
