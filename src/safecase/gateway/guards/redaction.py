"""The guard `redaction`: secrets and personal data leave as placeholders, and come back to whoever sent them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from safecase.detectors.redaction import LABELS, RedactionStream, Redactor, RestoreStream
from safecase.errors import UsageError
from safecase.gateway.apis.api import ToolCall
from safecase.gateway.apis.texts import Slot
from safecase.gateway.guards.guard import PASS, Call, Direction, Filter, Guard, Outcome
from safecase.gateway.policy import Fail


class Redaction(Guard):
    """Values of requests become placeholders; those that a model says by itself are blacked out for good."""

    id: ClassVar[str] = "redaction"
    directions: ClassVar[frozenset[Direction]] = frozenset({"in", "out", "tools"})
    controls: ClassVar[tuple[str, ...]] = ("AI-04",)

    def __init__(self, fail: Fail, labels: Collection[str] = (), *, restore: bool = True) -> None:
        super().__init__(fail)
        unknown = sorted(set(labels) - set(LABELS))
        if unknown:
            raise UsageError(
                f"guards.redaction.labels: there is no {unknown[0]}", mend=f"one of {', '.join(sorted(LABELS))}"
            )
        self._labels = tuple(labels) or LABELS
        self._restore = restore

    def incoming(self, call: Call) -> Outcome:
        """Replace every value of every text."""
        redactor = self._redactor(call)
        count = 0
        for slot in call.slots:
            found = redactor.redact(slot.text)
            if found.spans:
                slot.text = found.text
                count += len(found.spans)
        return Outcome("redact", "values were replaced by placeholders", count) if count else PASS

    def outgoing(self, call: Call, slots: Sequence[Slot]) -> Outcome:
        """Black out what the model says by itself, and restore what the client sent."""
        redactor = self._redactor(call)
        count, changed = 0, False
        for slot in slots:
            found = redactor.redact(slot.text, answer=True)
            text = redactor.restore(found.text) if self._restore else found.text
            count += len(found.spans)
            if text != slot.text:
                slot.text, changed = text, True
        return Outcome("redact", "values were blacked out or restored", count) if changed else PASS

    def filter(self, call: Call) -> Filter:
        """The same for a text that comes in pieces."""
        return _Pieces(self._redactor(call), restore=self._restore)

    def tool(self, call: Call, wanted: ToolCall) -> Outcome:
        """A tool gets the values that the client sent, in the places where the model put their placeholders."""
        if not self._restore or ("<" not in wanted.arguments and "\\u003" not in wanted.arguments):
            return PASS
        redactor = self._redactor(call)
        try:
            said = json.loads(wanted.arguments)
        except (ValueError, RecursionError):
            return PASS  # what is no JSON is for the guard of tools to refuse
        restored = _restored(said, redactor)
        if restored == said:
            return PASS
        wanted.put(json.dumps(restored, ensure_ascii=False))
        return Outcome("redact", "placeholders in a tool call were restored", 1)

    def _redactor(self, call: Call) -> Redactor:
        found = call.memory.get(self.id)
        if not isinstance(found, Redactor):
            found = call.memory[self.id] = Redactor(self._labels, key=secrets.token_bytes(32))
        return found


class _Pieces(Filter):
    def __init__(self, redactor: Redactor, *, restore: bool) -> None:
        self._redaction = RedactionStream(redactor, answer=True)
        self._restoring = RestoreStream(redactor) if restore else None

    def feed(self, piece: str) -> str:
        ready = self._redaction.feed(piece)
        return self._restoring.feed(ready) if self._restoring else ready

    def end(self) -> str:
        ready = self._redaction.end()
        return self._restoring.feed(ready) + self._restoring.end() if self._restoring else ready

    @property
    def outcome(self) -> Outcome:
        count = len(self._redaction.spans)
        return Outcome("redact", "values were blacked out", count) if count else PASS


def _restored(value: Any, redactor: Redactor) -> Any:  # as JSON has it
    if isinstance(value, str):
        return redactor.restore(value)
    if isinstance(value, list):
        return [_restored(item, redactor) for item in value]
    if isinstance(value, dict):
        return {key: _restored(item, redactor) for key, item in value.items()}
    return value
